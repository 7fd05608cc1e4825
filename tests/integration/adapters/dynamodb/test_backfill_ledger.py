"""The counts of backfills in the table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dashscribe.services.backfill import COUNTS
from tests.support.table import JobsTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_the_counts_of_a_backfill_run_add_up_and_expire(dynamodb: DynamoDBClient, records: JobsTable) -> None:
    counts = dict.fromkeys(COUNTS, 1)
    for run in ("one", "two", "one"):
        records.add_backfill_counts(run, counts)
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "BACKFILL#one"}})["Item"]
    assert {name: item[name]["N"] for name in COUNTS} == dict.fromkeys(COUNTS, "2")
    assert float(item["expires_at"]["N"]) > time.time() + 29 * 86400
