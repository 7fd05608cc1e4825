"""`python -m local COMMAND`: the commands of the Makefile."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from local.processes import StackError

if TYPE_CHECKING:
    from rich.console import Console

YES = {"1", "yes", "true", "y"}
NO = {"", "0", "no", "false", "n"}


def main() -> int:
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, _raise_interrupt)
    signal.signal(signal.SIGHUP, _raise_interrupt)
    try:
        return _run(arguments)
    except StackError as error:
        print(f"dashscribe: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        if not _is_of_aws(error):
            raise
        print(f"dashscribe: AWS refused or did not answer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndashscribe: interrupted; everything that was started is stopped", file=sys.stderr)
        return 130


def _is_of_aws(error: Exception) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, (BotoCoreError, ClientError))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the local stack and leave it running")
    up.add_argument("--dashscope-base-url", default="", help="use this server instead of the simulator")
    up.add_argument("--parameters", default="", help="template parameters: 'Name=value …'")
    commands.add_parser("down", help="stop the local stack")
    run = commands.add_parser("run", help="transcribe recordings on a stack of its own")
    run.add_argument("--files", default="", help="recordings, directories and patterns, quoted as in a shell")
    run.add_argument("--out", default="out", type=Path, help="where results are saved (%(default)s)")
    backfill = commands.add_parser("backfill", help="transcribe the recordings that are in the media bucket already")
    backfill.add_argument("--prefix", default="", help="only keys that begin with this")
    backfill.add_argument("--suffix", default="", help="only keys that end with this, such as .mp3")
    backfill.add_argument("--newer-than", default="", help="only objects uploaded after this date or time (UTC)")
    backfill.add_argument("--older-than", default="", help="only objects uploaded before this date or time (UTC)")
    backfill.add_argument("--inventory", default="", help="s3://…/manifest.json of an S3 Inventory (list the bucket)")
    backfill.add_argument("--dry-run", default="", help="1: count and estimate; queue nothing")
    backfill.add_argument("--yes", default="", help="1: do not ask before money is spent")
    redrive = commands.add_parser("redrive", help="move messages from the dead-letter queue back to their queues")
    redrive.add_argument("--dry-run", default="", help="1: show the messages; move nothing")
    where = commands.add_parser("where", help="the status of one file, why it waits or failed, and what happens next")
    where.add_argument("--key", default="", help="its key in the media bucket")
    environment = commands.add_parser("env", help='shell variables for a stack: eval "$(make env)"')
    smoke = commands.add_parser("smoke", help="a whole run in an AWS account; the stack is removed at the end")
    smoke.add_argument("--stack", default="", help="the name of the new stack")
    smoke.add_argument("--parameters", default="", help="template parameters: 'Name=value …'")
    smoke.add_argument("--yes", default="", help="1: do not ask before money is spent")
    for command in (backfill, redrive, where, environment):
        command.add_argument("--stack", default="", help="a deployed stack's name (the local stack)")
    check = commands.add_parser("check-parameters", help="check template parameters; print them quoted for a shell")
    check.add_argument("parameters", help="'Name=value …'")
    commands.add_parser("picture", help="record `make run` as docs/images/make-run.svg")
    invoke = commands.add_parser("invoke", help="sam local invoke against the running stack")
    invoke.add_argument("function")
    invoke.add_argument("event", type=Path)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    """Each branch imports what it needs: `make env` and `make where` must not wait for the whole package."""
    if arguments.command == "env":
        from local import environment

        print(environment.shell_lines(arguments.stack))
        return 0
    from rich.console import Console

    console = Console()
    match arguments.command:
        case "up":
            return _up(arguments.dashscope_base_url.rstrip("/"), arguments.parameters)
        case "down":
            from local.stack import Stack

            Stack().stop()
            print("the local stack is stopped")
            return 0
        case "run":
            from local import main_job
            from local.stack import LOCAL, Stack

            stack = Stack(folder=LOCAL / "run", say=console.print, load_recogniser=True)
            return main_job.run(arguments.files, arguments.out, stack, console)
        case "picture":
            from local import picture

            return picture.record()
        case "check-parameters":
            from local.parameters import parse_parameters

            parameters = parse_parameters(arguments.parameters)
            print(" ".join(shlex.quote(f"{name}={value}") for name, value in parameters.items()))
            return 0
        case "smoke":
            from rich.prompt import Confirm

            from local import smoke
            from local.parameters import parse_parameters

            confirmed = _flag("YES", arguments.yes)
            return smoke.command(
                arguments.stack,
                parse_parameters(arguments.parameters),
                lambda question: confirmed or (console.is_terminal and Confirm.ask(question, console=console)),
            )
        case "invoke":
            from local.invoke import invoke
            from local.stack import StackInfo

            return invoke(StackInfo.load(), arguments.function, arguments.event)
        case _:
            return _run_on_target(arguments, console)


def _run_on_target(arguments: argparse.Namespace, console: Console) -> int:
    from local.target import Target

    if arguments.command == "where":
        from local import where

        return where.show(Target.of(arguments.stack), arguments.key, console)
    if arguments.command == "redrive":
        from local import redrive

        return redrive.run(Target.of(arguments.stack), dry_run=_flag("DRY_RUN", arguments.dry_run))
    from local import backfill

    request = backfill.request_of(
        arguments.prefix,
        arguments.suffix,
        arguments.newer_than,
        arguments.older_than,
        arguments.inventory,
        dry_run=_flag("DRY_RUN", arguments.dry_run),
    )
    confirmed = _flag("YES", arguments.yes)
    return backfill.command(Target.of(arguments.stack), request, console, confirmed=confirmed)


def _up(base_url: str, parameters: str) -> int:
    from local import environment
    from local.parameters import parse_parameters
    from local.stack import Stack

    checked = parse_parameters(parameters, base_url or "http://127.0.0.1")
    stack = Stack(dashscope_base_url=base_url or None, parameters=checked, load_recogniser=True)
    environment.show(stack.start())
    return 0


def _flag(name: str, text: str) -> bool:
    if text.lower() not in YES | NO:
        raise StackError(f"{name} is {text!r}; write {name}=1, or leave it out.")
    return text.lower() in YES


def _raise_interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
