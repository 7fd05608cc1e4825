"""The pause in the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashscribe.domain.jobs import pause as pauses
from tests.support.table import JobsTable, one_at_a_time, run_concurrently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def test_a_pause_is_stored_and_deleted(records: JobsTable, now: datetime) -> None:
    assert records.current_pause() is None
    pause = pauses.start_pause("Arrearage", "欠费 – pay the bill", now)
    records.save_pause(pause)
    assert records.current_pause() == pause
    records.delete_pause()
    assert records.current_pause() is None
    records.delete_pause()


def test_a_new_pause_replaces_the_current_one(records: JobsTable, now: datetime) -> None:
    records.save_pause(pauses.start_pause("Arrearage", "", now))
    second = pauses.start_pause("InvalidApiKey", "", now + SECOND)
    records.save_pause(second)
    assert records.current_pause() == second


def test_only_one_of_many_runs_claims_the_probe(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    seen = pauses.start_pause("Arrearage", "", now)
    records.save_pause(seen)
    following = pauses.start_pause("Arrearage", "", now + 30 * SECOND, seen)
    assert sorted(run_concurrently([lambda: records.claim_probe(seen, following)] * 8)) == [False] * 7 + [True]
    assert records.current_pause() == following


def test_a_probe_does_not_start_a_pause_that_has_ended(records: JobsTable, now: datetime) -> None:
    seen = pauses.start_pause("Arrearage", "", now)
    assert records.claim_probe(seen, pauses.start_pause("Arrearage", "", now + SECOND, seen)) is False
    assert records.current_pause() is None
