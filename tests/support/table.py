"""All ports of the jobs table in one object, and helpers for concurrent calls of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dashscribe.adapters.dynamodb.backfill_ledger import DynamoDbBackfillLedger
from dashscribe.adapters.dynamodb.job_records import DUE_INDEX
from dashscribe.adapters.dynamodb.pause_store import DynamoDbPauseStore
from dashscribe.adapters.dynamodb.rate_limiter import DynamoDbRateLimiter
from dashscribe.adapters.dynamodb.unreadable_records import DeadLetteringJobRecords
from dashscribe.adapters.dynamodb.vendor_facts import DynamoDbVendorFacts
from dashscribe.adapters.dynamodb.vocabulary_records import DynamoDbVocabularyRecords
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.task import Task

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_jobs_table(client: DynamoDBClient, name: str) -> None:
    """Create the table of template.yaml (tests/template checks that the template has the same table)."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "due_kind", "due_at")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": DUE_INDEX,
                "KeySchema": [
                    {"AttributeName": "due_kind", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["received_at", "accepted_at", "model", "phase", "task_id", "files"],
                },
            }
        ],
    )


class JobsTable(
    DeadLetteringJobRecords,
    DynamoDbRateLimiter,
    DynamoDbPauseStore,
    DynamoDbVendorFacts,
    DynamoDbBackfillLedger,
    DynamoDbVocabularyRecords,
):
    """One client, one table, all ports. `dead_lettered` has the bodies and reasons of dead letters."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        super().__init__(client, table_name, self)
        self.dead_lettered: list[tuple[str, str]] = []

    def send(self, body: str, reason: str) -> None:
        self.dead_lettered.append((body, reason))


P = ParamSpec("P")
R = TypeVar("R")


def one_at_a_time(call: Callable[P, R]) -> Callable[P, R]:
    """Makes a write of moto atomic, as one of DynamoDB is. What the adapter does between two writes still overlaps."""
    lock = threading.Lock()

    @wraps(call)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with lock:
            return call(*args, **kwargs)

    return locked


def run_concurrently(calls: Sequence[Callable[[], R]], threads: int = 8) -> list[R]:
    with ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def as_json(record: Job | Task) -> Any:
    """The record as JSON, so that 1, Decimal(1) and "1" are not equal."""
    return json.loads(json.dumps(record.model_dump(mode="json")))
