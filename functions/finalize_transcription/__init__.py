"""Finished tasks in, files and events out."""
