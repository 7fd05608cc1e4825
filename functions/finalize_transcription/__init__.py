"""Stores the files of jobs whose task has ended, and publishes their events."""
