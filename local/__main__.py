"""`python -m local up|down|run|backfill|invoke`: what the Makefile calls."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from local import main_job
from local.processes import StackError
from local.stack import LOCAL, ROOT, Stack, StackInfo


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the local stack and leave it running")
    up.add_argument("--dashscope-base-url", default="", help="use this server instead of the simulator")
    up.add_argument("--parameters", default="", help="template parameters: 'Name=value …'")
    commands.add_parser("down", help="stop the local stack")
    run = commands.add_parser("run", help="transcribe recordings on a stack of its own")
    run.add_argument("--files", default="", help="recordings, as a shell would split them (the samples)")
    run.add_argument("--out", default="out", type=Path, help="where results are saved (%(default)s)")
    backfill = commands.add_parser("backfill", help="transcribe what is in the media bucket already")
    backfill.add_argument("--prefix", default="", help="only keys that begin so")
    backfill.add_argument("--suffix", default="", help="only keys that end so, such as .mp3")
    backfill.add_argument("--newer-than", default="", help="only what was uploaded after this date or time (UTC)")
    backfill.add_argument("--older-than", default="", help="only what was uploaded before it")
    backfill.add_argument("--inventory", default="", help="s3://…/manifest.json of an S3 Inventory (list the bucket)")
    backfill.add_argument("--dry-run", default="", help="any text: count, and queue nothing")
    backfill.add_argument("--stack", default="", help="a deployed stack's name (the local stack)")
    invoke = commands.add_parser("invoke", help="sam local invoke against the running stack")
    invoke.add_argument("function")
    invoke.add_argument("event", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _as_interrupt)
    signal.signal(signal.SIGHUP, _as_interrupt)
    console = Console()
    try:
        return _run(arguments, console)
    except StackError as error:
        print(f"dashscribe: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndashscribe: interrupted; everything that was started is stopped", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.command == "up":
        stack = Stack(
            dashscope_base_url=arguments.dashscope_base_url.rstrip("/") or None,
            parameters=_parameters(arguments.parameters),
        )
        show(stack.start())
    elif arguments.command == "down":
        Stack().stop()
        print("the local stack is stopped")
    elif arguments.command == "run":
        stack = Stack(folder=LOCAL / "run", say=lambda text: console.print(text))
        return main_job.run(shlex.split(arguments.files), arguments.out, stack, console)
    elif arguments.command == "backfill":
        from local import backfill

        request = backfill.request_of(
            arguments.prefix,
            arguments.suffix,
            arguments.newer_than,
            arguments.older_than,
            arguments.inventory,
            dry_run=bool(arguments.dry_run),
        )
        return backfill.run(backfill.Target.of(arguments.stack), request)
    else:
        from local.invoke import invoke

        return invoke(StackInfo.load(), arguments.function, arguments.event)
    return 0


def _as_interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for part in shlex.split(text):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise StackError(f"PARAMETERS holds {part!r}; write Name=value, such as PARAMETERS='MaxFilesPerTask=1'.")
        parameters[name] = value
    return parameters


def show(info: StackInfo) -> None:
    """What `make up` prints."""
    print("\nThe local stack is running; stop it with: make down\n")
    for name, value in info.aws_environment.items():
        print(f"  export {name}={value}")
    print(f"\n  DashScope: {info.dashscope_base_url}\n")
    width = max(map(len, info.outputs))
    for name, value in info.outputs.items():
        print(f"  {name:<{width}}  {value}")
    with contextlib.suppress(ValueError):
        print(f"\nAll of it as JSON: {(LOCAL / 'stack.json').relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
