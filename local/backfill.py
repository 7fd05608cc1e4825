"""`make backfill`: start a backfill, on the local stack or on a deployed one, and tell how it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.domain.timestamps import to_iso
from dashscribe.services.backfill import COUNTS
from local.processes import StackError
from local.stack import StackInfo

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Target:
    """Where the stack is: what `run` needs of it."""

    steps: SFNClient
    dynamodb: DynamoDBClient
    machine: str
    table: str

    @classmethod
    def of(cls, stack_name: str) -> Target:
        """A deployed stack, with the AWS credentials of the environment; the local one when no name is given."""
        if stack_name:
            client: Callable[[str], Any] = boto3.Session().client  # type: ignore[assignment]  # the stubs want literals
            try:
                [stack] = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
            except (BotoCoreError, ClientError) as error:
                raise StackError(f"The stack {stack_name!r} cannot be read: {error}") from error
            outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        else:
            info = StackInfo.load()
            client, outputs = info.client, info.outputs
        try:
            return cls(
                client("stepfunctions"),
                client("dynamodb"),
                outputs["BackfillStateMachineArn"],
                outputs["JobsTableName"],
            )
        except KeyError as error:
            raise StackError(f"The stack has no output {error}; deploy this version of the template first.") from error


def request_of(
    prefix: str = "",
    suffix: str = "",
    newer_than: str = "",
    older_than: str = "",
    inventory: str = "",
    *,
    dry_run: bool = False,
) -> dict[str, Any]:
    """The execution's input. `inventory` is the s3:// address of a manifest.json."""
    return {
        "prefix": prefix,
        "suffix": suffix,
        "newer_than": _moment("NEWER_THAN", newer_than),
        "older_than": _moment("OLDER_THAN", older_than),
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


def _moment(name: str, text: str) -> str | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise StackError(
            f"{name} is {text!r}; write a date or a time, such as 2026-01-31 or 2026-01-31T12:00Z."
        ) from None
    return to_iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def run(target: Target, request: dict[str, Any], say: Callable[[str], None] = print, every_seconds: float = 2) -> int:
    """Start it and follow it to its end; 0 when all of it went well."""
    arn = target.steps.start_execution(stateMachineArn=target.machine, input=json.dumps(request))["executionArn"]
    say(f"started {arn}")
    try:
        return _followed(target, arn, request["dry_run"], say, every_seconds)
    except KeyboardInterrupt:
        say(
            "\nThe backfill goes on without you. To stop it:\n"
            f"  aws stepfunctions stop-execution --execution-arn {arn}\n"
            "To resume it later, start it again with the same filters: what is done is skipped."
        )
        return 130


def _followed(target: Target, arn: str, dry_run: bool, say: Callable[[str], None], every_seconds: float) -> int:
    told = ""
    while True:
        execution = target.steps.describe_execution(executionArn=arn)
        counts = counts_of(target, arn)
        line = ", ".join(
            f"{'would be queued' if dry_run and name == 'queued' else name} {counts[name]}" for name in COUNTS
        )
        if line != told:
            say(line)
            told = line
        if execution["status"] != "RUNNING":
            break
        time.sleep(every_seconds)
    if execution["status"] != "SUCCEEDED":
        say(f"{execution['status']}: {execution.get('error', '')} {execution.get('cause', '')}".rstrip())
        say("Start it again with the same filters to do the rest: what is done is skipped.")
        return 1
    if counts["failed"]:
        say(
            "Some objects could not be looked at; the log of BackfillUploadsFunction says why. Start it again for them."
        )
        return 1
    say("done")
    return 0


def counts_of(target: Target, execution_arn: str) -> dict[str, int]:
    """What the batches have counted so far."""
    name = execution_arn.rpartition(":")[2]
    item = target.dynamodb.get_item(TableName=target.table, Key={"pk": {"S": f"BACKFILL#{name}"}}).get("Item", {})
    return {count: int(item[count]["N"]) if count in item else 0 for count in COUNTS}
