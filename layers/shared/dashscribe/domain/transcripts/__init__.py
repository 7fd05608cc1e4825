"""Transcripts: what was said, and the files that show it."""
