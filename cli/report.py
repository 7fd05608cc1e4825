"""What a command prints, and the error that ends it."""

from __future__ import annotations


class WrongUsage(Exception):
    """The command cannot do what was given. The message is a sentence; the exit code is 2."""
