"""The rate limiter in the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.table import JobsTable, at_once, one_at_a_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def test_turns_are_one_over_the_rate_apart_whoever_asks(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", one_at_a_time(dynamodb.update_item))
    waits = at_once([lambda: records.reserve("query", 20, now, timedelta(seconds=30))] * 40)
    assert sorted(wait for wait in waits if wait is not None) == [number * SECOND / 20 for number in range(40)]


def test_turns_are_apart_also_when_the_clocks_of_the_askers_differ(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "update_item", one_at_a_time(dynamodb.update_item))

    def turn(skew: timedelta) -> datetime:
        wait = records.reserve("query", 10, now + skew, timedelta(seconds=30))
        assert wait is not None
        return now + skew + wait

    skews = [timedelta(milliseconds=37 * number) for number in range(16)]
    turns = sorted(at_once([lambda skew=skew: turn(skew) for skew in skews]))  # type: ignore[misc]
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert min(gaps) >= SECOND / 10
    assert turns[0] >= now


def test_whoever_is_overtaken_while_starting_an_idle_rate_gets_the_next_turn(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = dynamodb.update_item
    rival: list[timedelta | None] = []

    def overtaken(**request: Any) -> Any:
        """Finds the rate idle; before it can start it, the rival does."""
        try:
            return real(**request)
        finally:
            monkeypatch.setattr(dynamodb, "update_item", real)
            rival.append(records.reserve("query", 10, now, SECOND))

    monkeypatch.setattr(dynamodb, "update_item", overtaken)
    assert records.reserve("query", 10, now, SECOND) == SECOND / 10
    assert rival == [timedelta(0)]


def test_an_idle_rate_starts_at_once(records: JobsTable, now: datetime) -> None:
    for start in (now, now + timedelta(hours=1), now + timedelta(hours=1, microseconds=100_000)):
        assert records.reserve("query", 10, start, SECOND) == timedelta(0)
    assert records.reserve("query", 10, now + timedelta(hours=1, microseconds=100_000), SECOND) == SECOND / 10


def test_a_turn_beyond_the_horizon_is_refused_and_not_reserved(records: JobsTable, now: datetime) -> None:
    near = timedelta(seconds=2)
    waits = [records.reserve("submit", 1, now, near) for _ in range(6)]
    assert waits == [0 * SECOND, SECOND, 2 * SECOND, None, None, None]
    assert records.reserve("submit", 1, now, timedelta(seconds=10)) == 3 * SECOND


def test_rates_of_different_names_do_not_touch_each_other(records: JobsTable, now: datetime) -> None:
    assert records.reserve("submit#fun-asr", 1, now, SECOND) == timedelta(0)
    assert records.reserve("submit#paraformer-v2", 1, now, SECOND) == timedelta(0)


def test_a_rate_below_one_a_second_spaces_turns_by_more_than_a_second(records: JobsTable, now: datetime) -> None:
    horizon = timedelta(minutes=1)
    assert [records.reserve("x", 0.5, now, horizon) for _ in range(3)] == [0 * SECOND, 2 * SECOND, 4 * SECOND]


def test_a_fault_of_the_table_is_not_taken_for_a_turn_beyond_the_horizon(
    dynamodb: DynamoDBClient, now: datetime
) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        JobsTable(dynamodb, "elsewhere").reserve("x", 1, now, SECOND)
