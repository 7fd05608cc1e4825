"""Transcribes the recordings in the synchronous queue with a synchronous model."""
