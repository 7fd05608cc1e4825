"""`make backfill`: sends the recordings that are in the media bucket already through the submit queue.

Before it spends money, it makes a dry run, prints an estimate, and asks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.prompt import Confirm

from dashscribe.domain.timestamps import to_iso
from dashscribe.services.backfill import COUNTS
from local.estimate import estimate
from local.processes import StackError
from local.target import Target


def request_of(
    prefix: str = "",
    suffix: str = "",
    newer_than: str = "",
    older_than: str = "",
    inventory: str = "",
    *,
    dry_run: bool = False,
) -> dict[str, Any]:
    """The input of the execution. `inventory` is the s3:// address of a manifest.json."""
    return {
        "prefix": prefix,
        "suffix": suffix,
        "newer_than": _time("NEWER_THAN", newer_than),
        "older_than": _time("OLDER_THAN", older_than),
        "inventory": _manifest(inventory),
        "dry_run": dry_run,
    }


def _manifest(address: str) -> dict[str, str] | None:
    if not address:
        return None
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket or not key.endswith("manifest.json"):
        raise StackError(f"INVENTORY is {address!r}; write s3://bucket/…/manifest.json.")
    return {"bucket": bucket, "key": key}


def _time(name: str, text: str) -> str | None:
    if not text:
        return None
    try:
        time_given = datetime.fromisoformat(text)
    except ValueError:
        raise StackError(
            f"{name} is {text!r}; write a date or a time, such as 2026-01-31 or 2026-01-31T12:00Z."
        ) from None
    return to_iso(time_given if time_given.tzinfo else time_given.replace(tzinfo=UTC))


def command(target: Target, request: dict[str, Any], console: Console, *, confirmed: bool) -> int:
    """`make backfill`: 0 when all of it went well, 1 when some failed or nothing was confirmed."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if request["dry_run"] or not confirmed:
        status, counts = run(target, {**request, "dry_run": True}, say)
        if status:
            return status
        if not counts["queued"]:
            say("Nothing would be queued.")
            return 0
        say(f"{counts['queued']:,} recordings: {estimate(target, request, counts['queued'])}")
        if request["dry_run"]:
            return 0
        if not console.is_terminal:
            say("Nothing was queued. To spend this, add YES=1 to the command.")
            return 1
        if not Confirm.ask("Queue them?", console=console, default=False):
            say("Nothing was queued.")
            return 1
    return run(target, request, say)[0]


def run(
    target: Target, request: dict[str, Any], say: Callable[[str], None] = print, every_seconds: float = 2
) -> tuple[int, dict[str, int]]:
    """Start an execution and follow it to its end; the exit status (0: all of it went well) and the counts."""
    steps, machine = target.client("stepfunctions"), target.output("BackfillStateMachineArn")
    arn = steps.start_execution(stateMachineArn=machine, input=json.dumps(request))["executionArn"]
    say(f"started {arn}")
    try:
        return _follow(target, arn, request["dry_run"], say, every_seconds)
    except KeyboardInterrupt:
        say(
            "\nThe backfill continues on AWS. To stop it:\n"
            f"  aws stepfunctions stop-execution --execution-arn {arn}\n"
            "To resume it later, start it again with the same filters: finished files are skipped."
        )
        return 130, {}


def _follow(
    target: Target, arn: str, dry_run: bool, say: Callable[[str], None], every_seconds: float
) -> tuple[int, dict[str, int]]:
    steps = target.client("stepfunctions")
    printed = ""
    while True:
        execution = steps.describe_execution(executionArn=arn)
        counts = counts_of(target, arn)
        line = ", ".join(
            f"{'would be queued' if dry_run and name == 'queued' else name} {counts[name]}" for name in COUNTS
        )
        if line != printed:
            say(line)
            printed = line
        if execution["status"] != "RUNNING":
            break
        time.sleep(every_seconds)
    if execution["status"] != "SUCCEEDED":
        say(f"{execution['status']}: {execution.get('error', '')} {execution.get('cause', '')}".rstrip())
        say("Start it again with the same filters for the rest: finished files are skipped.")
        return 1, counts
    if counts["failed"]:
        say("Some objects could not be read; the log of BackfillUploadsFunction says why. Start it again for them.")
        return 1, counts
    say("done")
    return 0, counts


def counts_of(target: Target, execution_arn: str) -> dict[str, int]:
    """What the batches have counted so far."""
    key = {"pk": {"S": f"BACKFILL#{execution_arn.rpartition(':')[2]}"}}
    item = target.client("dynamodb").get_item(TableName=target.output("JobsTableName"), Key=key).get("Item", {})
    return {count: int(item[count]["N"]) if count in item else 0 for count in COUNTS}
