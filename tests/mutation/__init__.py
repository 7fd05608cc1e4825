"""Mutation testing: `make mutation`. It is not part of `make test`."""
