"""The pause in the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashscribe.domain.jobs import pause as pauses
from tests.support.table import JobsTable, at_once, one_at_a_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def test_the_gate_is_open_until_it_is_closed_and_again_when_opened(records: JobsTable, now: datetime) -> None:
    assert records.current_pause() is None
    closed = pauses.start_pause("Arrearage", "欠费 – pay the bill", now)
    records.save_pause(closed)
    assert records.current_pause() == closed
    records.delete_pause()
    assert records.current_pause() is None
    records.delete_pause()


def test_closing_a_closed_gate_replaces_it(records: JobsTable, now: datetime) -> None:
    records.save_pause(pauses.start_pause("Arrearage", "", now))
    second = pauses.start_pause("InvalidApiKey", "", now + SECOND)
    records.save_pause(second)
    assert records.current_pause() == second


def test_only_one_of_many_takes_the_probe(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    seen = pauses.start_pause("Arrearage", "", now)
    records.save_pause(seen)
    following = pauses.start_pause("Arrearage", "", now + 30 * SECOND, seen)
    assert sorted(at_once([lambda: records.claim_probe(seen, following)] * 8)) == [False] * 7 + [True]
    assert records.current_pause() == following


def test_a_gate_that_was_opened_meanwhile_is_not_closed_by_a_probe(records: JobsTable, now: datetime) -> None:
    seen = pauses.start_pause("Arrearage", "", now)
    assert records.claim_probe(seen, pauses.start_pause("Arrearage", "", now + SECOND, seen)) is False
    assert records.current_pause() is None
