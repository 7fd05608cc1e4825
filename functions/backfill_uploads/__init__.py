"""Queues objects that were in the media bucket before the stack."""
