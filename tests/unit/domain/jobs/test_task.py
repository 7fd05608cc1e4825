from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.jobs.job import Due
from dashscribe.domain.jobs.retry_policy import finalize_delay
from dashscribe.domain.jobs.task import (
    Task,
    TaskPhase,
    accepted,
    closed,
    delay_before_query,
    ended,
    finalize_again,
    is_overdue,
    open_task,
    still_running,
)

AGES = st.timedeltas(timedelta(0), timedelta(hours=5))
SIZES = st.integers(0, 2 * 1024**3)


@pytest.fixture
def posting(now: datetime) -> Task:
    return open_task("s-1", "fun-asr", ["j1", "j2"], 1_000_000, now)


@pytest.fixture
def in_flight(posting: Task, now: datetime) -> Task:
    return accepted(posting, "t-1", now)


def test_a_task_that_is_being_posted_has_no_task_id_and_is_not_due(posting: Task) -> None:
    assert (posting.phase, posting.task_id, posting.due_at) == (TaskPhase.POSTING, None, None)
    assert posting.job_ids == ["j1", "j2"]


def test_an_accepted_task_of_small_files_is_queried_after_a_second(in_flight: Task, now: datetime) -> None:
    assert (in_flight.phase, in_flight.task_id, in_flight.due_kind) == (TaskPhase.IN_FLIGHT, "t-1", Due.TASK)
    assert in_flight.due_at is not None
    assert timedelta(seconds=1) <= in_flight.due_at - now < timedelta(seconds=2)


def test_a_task_of_the_largest_file_is_first_queried_after_21_seconds() -> None:
    assert delay_before_query(timedelta(0), 2 * 1024**3, 1) == timedelta(seconds=21)


@given(AGES, AGES, SIZES)
def test_the_delay_between_queries_grows_with_the_tasks_age_from_a_second_to_a_minute(
    one: timedelta, other: timedelta, size: int
) -> None:
    younger, older = sorted((one, other))
    assert timedelta(seconds=1) <= delay_before_query(younger, size, 1) <= delay_before_query(older, size, 1)
    assert delay_before_query(older, size, 1) <= timedelta(minutes=1)


@given(AGES, st.integers(0, 1_000_000))
def test_the_end_of_a_task_is_noticed_within_a_fifth_of_its_duration(age: timedelta, size: int) -> None:
    assert delay_before_query(age, size, 1) <= max(timedelta(seconds=1.05), age * 0.2)


def test_a_task_of_many_files_is_queried_sooner() -> None:
    """One query serves all files of the task, and all of them wait for it."""
    young, old = timedelta(seconds=1), timedelta(minutes=1)
    assert delay_before_query(young, 0, 100) < timedelta(seconds=0.5) < delay_before_query(young, 0, 1)
    assert delay_before_query(old, 0, 100) <= timedelta(seconds=5) < delay_before_query(old, 0, 1)


def test_a_running_task_is_queried_again_later(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(seconds=100)
    assert still_running(in_flight, later).due_at == later + timedelta(seconds=20)
    assert still_running(in_flight, later, delay=timedelta(seconds=3)).due_at == later + timedelta(seconds=3)


def test_a_task_is_overdue_after_four_hours(in_flight: Task, posting: Task, now: datetime) -> None:
    for task in (in_flight, posting):
        assert not is_overdue(task, now + timedelta(hours=4))
        assert is_overdue(task, now + timedelta(hours=4, seconds=1))


def test_an_ended_task_stays_due_in_case_its_finalizer_is_killed(in_flight: Task, now: datetime) -> None:
    over = ended(in_flight, now)
    assert (over.phase, over.due_kind, over.due_at, over.ended_at) == (TaskPhase.ENDED, Due.TASK, now, now)


def test_the_first_end_is_kept_when_finalizing_is_repeated(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(hours=1)
    again = ended(finalize_again(ended(in_flight, now), now), later)
    assert (again.ended_at, again.finalize_attempts) == (now, 2)


def test_the_delay_before_finalizing_again_grows_up_to_15_minutes(in_flight: Task, now: datetime) -> None:
    delays = []
    task = in_flight
    for _ in range(15):
        task = ended(task, now)
        delays.append(finalize_delay(task))
        task = finalize_again(task, now + delays[-1])
        assert (task.phase, task.due_kind, task.due_at) == (TaskPhase.IN_FLIGHT, Due.TASK, now + delays[-1])
    assert delays == sorted(delays)
    assert delays[0] < timedelta(seconds=10)
    assert delays[-1] == timedelta(minutes=15)


def test_a_closed_task_is_no_longer_due_and_expires_after_thirty_days(in_flight: Task, now: datetime) -> None:
    done = closed(ended(in_flight, now), now)
    assert (done.phase, done.due_kind, done.due_at) == (TaskPhase.CLOSED, None, None)
    assert done.expires_at == int((now + timedelta(days=30)).timestamp())


def test_a_stored_task_is_read_back_the_same(in_flight: Task, now: datetime) -> None:
    task = closed(ended(in_flight, now), now)
    assert Task.model_validate_json(task.model_dump_json()) == task
