"""Runs one pass of the poll loop."""
