"""`dashscribe doctor`: what is wrong with a stack, and what to do about it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.report import WrongUsage, add_stack_arguments, confirms

if TYPE_CHECKING:
    from cli.checks import Finding
    from cli.stack import Stack

EPILOG = """
examples:
  dashscribe doctor --stack dashscribe
  dashscribe doctor --stack dashscribe --switch-on-events

exit codes: 0 nothing is wrong, 1 something is wrong or cannot be checked, 2 wrong usage
"""


def add_command(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="check a stack: buckets, events, key, pause, queues",
        description="Check a stack. Nothing is changed, unless --switch-on-events is given.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_stack_arguments(parser)
    parser.add_argument(
        "--switch-on-events",
        action="store_true",
        help="switch on the EventBridge notifications of the media buckets; other notifications are kept",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before notifications are switched on")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from cli.checks import OK, inspect
    from cli.stack import find_stack

    stack = find_stack(options.stack, options.region, options.profile)
    if options.switch_on_events:
        _switch_on(stack, confirmed=options.yes)
    findings = inspect(stack)
    if options.json:
        document = {"stack": stack.name, "region": stack.region, "checks": [asdict(each) for each in findings]}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _print(findings)
    return 0 if all(each.status == OK for each in findings) else 1


def _switch_on(stack: Stack, *, confirmed: bool) -> None:
    """Later uploads are transcribed and billed, so it asks first. The report goes to stdout, and this to stderr."""
    from botocore.exceptions import BotoCoreError, ClientError

    from cli.checks import media_buckets
    from cli.notifications import count_others, read_notifications, sends_events, switch_on_events

    s3 = stack.client("s3")
    for bucket in media_buckets(stack):
        try:
            found = read_notifications(s3, bucket)
            if sends_events(found):
                continue
            question = (
                f"Switch on the EventBridge notifications of s3://{bucket}? Later uploads are transcribed and billed. "
                f"Its {count_others(found)} other notifications are kept."
            )
            if not confirmed and not _confirm(question):
                print(f"dashscribe: s3://{bucket}: nothing was changed", file=sys.stderr)
                continue
            switch_on_events(s3, bucket)
            print(f"dashscribe: s3://{bucket}: its uploads become events now", file=sys.stderr)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise WrongUsage(f"s3://{bucket}: {error}") from error


def _confirm(question: str) -> bool:
    if not sys.stdin.isatty():
        raise WrongUsage(f"{question} Add --yes to the command.")
    return confirms(question)


def _print(findings: list[Finding]) -> None:
    width = max(len(each.check) for each in findings)
    for each in findings:
        print(f"{each.status:7}  {each.check:{width}}  {each.subject}: {each.finding}")
        if each.fix:
            print(f"{'':7}  {'':{width}}  -> {each.fix}")
    wrong = sum(each.status != "ok" for each in findings)
    print(f"{len(findings)} checks, {wrong} to look into" if wrong else f"{len(findings)} checks, nothing is wrong")
