"""One pass of the poll loop."""
