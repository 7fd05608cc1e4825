"""What the commands have in common: the arguments about a stack, a question, and the error that ends a command."""

from __future__ import annotations

import argparse
import sys


class WrongUsage(Exception):
    """The command cannot do what was given. The message is a sentence; the exit code is 2."""


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--stack`, `--region`, `--profile` and `--json`."""
    parser.add_argument("--stack", help="a deployed stack, by its name; the local one without it")
    parser.add_argument("--region", help="the AWS region")
    parser.add_argument("--profile", help="the AWS profile")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def confirms(question: str) -> bool:
    """Ask on a terminal. The report goes to stdout, so the question goes to stderr."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
