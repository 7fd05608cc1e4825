"""`dashscribe COMMAND`. Exit codes: 0 done, 1 some of it failed, 2 wrong usage or an unknown shape."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cli import doctor, render, vocabularies
from cli.report import WrongUsage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argparse` itself exits with 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="dashscribe", description="Work with a dashscribe stack and its transcripts.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    render.add_command(commands)
    vocabularies.add_command(commands)
    doctor.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except WrongUsage as error:
        print(f"dashscribe: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
