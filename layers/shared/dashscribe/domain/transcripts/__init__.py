"""Transcripts: their shape, and the files that show them to people and programs."""
