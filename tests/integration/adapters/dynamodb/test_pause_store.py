"""The pauses in the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashscribe.domain.jobs.pause import Pauses, claim_probes, end_pauses, start_pause
from tests.support.table import JobsTable, one_at_a_time, run_concurrently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def test_pauses_are_stored_and_removed(records: JobsTable, now: datetime) -> None:
    assert records.pauses() == Pauses()
    begun = start_pause(Pauses(), "Arrearage", "欠费 – pay the bill", now)
    begun = start_pause(begun, "AllocationQuota.FreeTierOnly", "used up", now, model="fun-asr")
    assert records.replace(Pauses(), begun)
    stored = records.pauses()
    assert stored.pauses == begun.pauses
    assert stored.announcements == begun.announcements
    assert records.replace(stored, end_pauses(stored, [None, "fun-asr"], now + SECOND))
    assert records.pauses().pauses == []
    assert [each.resumed_at for each in records.pauses().announcements] == [None, None, now + SECOND, now + SECOND]


def test_the_record_of_the_pauses_has_one_version(records: JobsTable, dynamodb: DynamoDBClient, now: datetime) -> None:
    records.replace(Pauses(), start_pause(Pauses(), "Arrearage", "", now))
    seen = records.pauses()
    records.replace(seen, end_pauses(seen, [None], now))
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "PAUSE"}})["Item"]
    assert sorted(item) == ["announcements", "pauses", "pk", "write_id"]


def test_only_one_of_many_runs_claims_the_probe(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    records.replace(Pauses(), start_pause(Pauses(), "Arrearage", "", now))
    seen = records.pauses()
    following = claim_probes(seen, [None], now + 30 * SECOND)
    assert sorted(run_concurrently([lambda: records.replace(seen, following)] * 8)) == [False] * 7 + [True]
    assert records.pauses().pauses == following.pauses


def test_a_probe_does_not_start_a_pause_that_has_ended(records: JobsTable, now: datetime) -> None:
    records.replace(Pauses(), start_pause(Pauses(), "Arrearage", "", now))
    seen = records.pauses()
    records.replace(seen, end_pauses(seen, [None], now))
    assert not records.replace(seen, claim_probes(seen, [None], now + SECOND))
    assert records.pauses().account is None


def test_a_pause_of_a_record_without_a_version_ends(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    """Otherwise it would last for ever."""
    records.replace(Pauses(), start_pause(Pauses(), "Arrearage", "", now))
    dynamodb.update_item(TableName="jobs", Key={"pk": {"S": "PAUSE"}}, UpdateExpression="REMOVE write_id")
    seen = records.pauses()
    assert seen.account is not None
    assert records.replace(seen, end_pauses(seen, [None], now + SECOND))
    assert records.pauses().account is None


def test_a_pause_record_that_cannot_be_read_stops_no_upload_and_is_written_again(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    records.replace(Pauses(), start_pause(Pauses(), "Arrearage", "", now))
    for changes in ({":odd": {"S": "no list"}}, {":odd": {"L": [{"S": "no pause"}]}}):
        dynamodb.update_item(
            TableName="jobs",
            Key={"pk": {"S": "PAUSE"}},
            UpdateExpression="SET pauses = :odd",
            ExpressionAttributeValues=changes,
        )
        seen = records.pauses()
        assert seen.pauses == []
        assert records.replace(seen, start_pause(seen, "InvalidApiKey", "", now))
        account = records.pauses().account
        assert account is not None
        assert account.reason == "InvalidApiKey"
