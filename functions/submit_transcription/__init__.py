"""Submits the uploads in the submit queue to DashScope."""
