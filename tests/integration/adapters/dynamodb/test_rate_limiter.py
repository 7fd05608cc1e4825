"""The rate limiter in the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.table import JobsTable, one_at_a_time, run_concurrently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def test_concurrently_reserved_slots_keep_the_rate(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", one_at_a_time(dynamodb.update_item))
    waits = run_concurrently([lambda: records.reserve("query", 20, now, timedelta(seconds=30))] * 40)
    assert sorted(wait for wait in waits if wait is not None) == [number * SECOND / 20 for number in range(40)]


def test_slots_keep_the_rate_when_the_clocks_of_the_callers_differ(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", one_at_a_time(dynamodb.update_item))

    def reserve(skew: timedelta) -> datetime:
        wait = records.reserve("query", 10, now + skew, timedelta(seconds=30))
        assert wait is not None
        return now + skew + wait

    skews = [timedelta(milliseconds=37 * number) for number in range(16)]
    slots = sorted(run_concurrently([lambda skew=skew: reserve(skew) for skew in skews]))  # type: ignore[misc]
    gaps = [later - earlier for earlier, later in pairwise(slots)]
    assert min(gaps) >= SECOND / 10
    assert slots[0] >= now


def test_two_callers_that_find_the_rate_idle_get_different_slots(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_item: Callable[..., Any] = dynamodb.update_item
    other_waits: list[timedelta | None] = []

    def reserve_in_between(**request: Any) -> Any:
        """Another caller reserves a slot after this caller found the rate idle."""
        try:
            return update_item(**request)
        finally:
            monkeypatch.setattr(dynamodb, "update_item", update_item)
            other_waits.append(records.reserve("query", 10, now, SECOND))

    monkeypatch.setattr(dynamodb, "update_item", reserve_in_between)
    assert records.reserve("query", 10, now, SECOND) == SECOND / 10
    assert other_waits == [timedelta(0)]


def test_the_first_slot_of_an_idle_rate_is_now(records: JobsTable, now: datetime) -> None:
    for start in (now, now + timedelta(hours=1), now + timedelta(hours=1, microseconds=100_000)):
        assert records.reserve("query", 10, start, SECOND) == timedelta(0)
    assert records.reserve("query", 10, now + timedelta(hours=1, microseconds=100_000), SECOND) == SECOND / 10


def test_a_slot_beyond_the_horizon_is_not_reserved(records: JobsTable, now: datetime) -> None:
    near = timedelta(seconds=2)
    waits = [records.reserve("submit", 1, now, near) for _ in range(6)]
    assert waits == [0 * SECOND, SECOND, 2 * SECOND, None, None, None]
    assert records.reserve("submit", 1, now, timedelta(seconds=10)) == 3 * SECOND


def test_rates_of_different_names_are_independent(records: JobsTable, now: datetime) -> None:
    assert records.reserve("submit#fun-asr", 1, now, SECOND) == timedelta(0)
    assert records.reserve("submit#paraformer-v2", 1, now, SECOND) == timedelta(0)


def test_a_rate_below_one_per_second_spaces_slots_by_more_than_a_second(records: JobsTable, now: datetime) -> None:
    horizon = timedelta(minutes=1)
    assert [records.reserve("x", 0.5, now, horizon) for _ in range(3)] == [0 * SECOND, 2 * SECOND, 4 * SECOND]


def test_a_missing_table_is_not_reported_as_a_slot_beyond_the_horizon(dynamodb: DynamoDBClient, now: datetime) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        JobsTable(dynamodb, "elsewhere").reserve("x", 1, now, SECOND)


def test_the_time_that_is_reserved_ahead_is_that_of_the_next_free_slot(records: JobsTable, now: datetime) -> None:
    assert records.reserved_ahead("submit", now) == timedelta(0)
    for _ in range(3):
        records.reserve("submit", 2, now, timedelta(seconds=10))
    assert records.reserved_ahead("submit", now) == timedelta(seconds=1.5)
    assert records.reserved_ahead("submit", now + SECOND) == SECOND / 2
    assert records.reserved_ahead("submit", now + 2 * SECOND) == timedelta(0)
    assert records.reserved_ahead("query", now) == timedelta(0)


@pytest.mark.parametrize(
    ("pauses", "writes"),
    [
        pytest.param([0, 60, 60, 60], 2 + 1 + 1 + 1, id="idle each time"),
        pytest.param([0, 0, 0, 0], 2 + 2 + 1 + 1, id="busy from the first slot on"),
        pytest.param([0, 60, 0, 0, 60], 2 + 1 + 2 + 1 + 2, id="idle, busy, idle"),
    ],
)
def test_a_rate_that_stays_idle_or_busy_takes_one_write_a_slot(
    records: JobsTable,
    dynamodb: DynamoDBClient,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[int],
    writes: int,
) -> None:
    update_item: Callable[..., Any] = dynamodb.update_item
    made: list[object] = []

    def counted(**request: Any) -> Any:
        made.append(request)
        return update_item(**request)

    monkeypatch.setattr(dynamodb, "update_item", counted)
    for pause in pauses:
        now += pause * SECOND
        assert records.reserve("query", 20, now, SECOND) is not None
    assert len(made) == writes
