from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.jobs.job import Due
from dashscribe.domain.jobs.retry_policy import finalize_delay
from dashscribe.domain.jobs.task import (
    MANY_FILES,
    Task,
    TaskPhase,
    accepted,
    closed,
    ended,
    finalize_again,
    is_overdue,
    open_task,
    still_running,
    wait_between_looks,
)

AGES = st.timedeltas(timedelta(0), timedelta(hours=5))


@pytest.fixture
def posting(now: datetime) -> Task:
    return open_task("s-1", "fun-asr", ["j1", "j2"], now)


@pytest.fixture
def in_flight(posting: Task, now: datetime) -> Task:
    return accepted(posting, "t-1", now)


def test_a_task_that_may_have_been_posted_has_no_task_id_and_is_not_due(posting: Task) -> None:
    assert (posting.phase, posting.task_id, posting.due_at) == (TaskPhase.POSTING, None, None)
    assert posting.job_ids == ["j1", "j2"]


def test_an_accepted_task_is_queried_after_a_second(in_flight: Task, now: datetime) -> None:
    assert (in_flight.phase, in_flight.task_id, in_flight.due_kind) == (TaskPhase.IN_FLIGHT, "t-1", Due.TASK)
    assert in_flight.due_at == now + timedelta(seconds=1)


@given(st.lists(AGES, min_size=1), st.booleans())
def test_the_loop_waits_one_to_three_seconds(ages: list[timedelta], by_list: bool) -> None:
    longest = timedelta(seconds=2 if by_list else 3)
    assert timedelta(seconds=1) <= wait_between_looks(ages, 1, by_list=by_list) <= longest
    assert timedelta(seconds=0.4) <= wait_between_looks(ages, 100, by_list=by_list) <= longest


@pytest.mark.parametrize(
    ("ages", "files", "by_list", "seconds"),
    [
        ([0], 1, False, 1),
        ([10], 1, False, 2),
        ([3600], 1, False, 3),
        ([3600], 1, True, 2),
        ([1], 10, False, 0.4),
        ([4], 10, False, 0.8),
        ([1], 9.9, False, 1),
        ([100, 7, 100, 100], 1, False, 3),
        ([100, 7, 7.5, 100], 1, False, 1.5),
    ],
)
def test_the_wait_is_a_fifth_of_the_age_of_the_youngest_quarter(
    ages: list[float], files: float, by_list: bool, seconds: float
) -> None:
    wait = wait_between_looks([timedelta(seconds=age) for age in ages], files, by_list=by_list)
    assert wait == timedelta(seconds=seconds)


def test_a_task_of_many_files_is_queried_sooner(now: datetime) -> None:
    """One query serves all of its files, and all of them wait for it."""
    many = open_task("s-1", "fun-asr", [f"j{n}" for n in range(MANY_FILES)], now)
    assert accepted(many, "t-1", now).due_at == now + timedelta(seconds=0.4)


def test_a_running_task_stays_due_and_is_left_alone_after_an_error(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(seconds=100)
    assert still_running(in_flight, later).due_at == later
    assert still_running(in_flight, later, delay=timedelta(seconds=30)).due_at == later + timedelta(seconds=30)


def test_a_task_is_overdue_after_four_hours(in_flight: Task, posting: Task, now: datetime) -> None:
    for task in (in_flight, posting):
        assert not is_overdue(task, now + timedelta(hours=4))
        assert is_overdue(task, now + timedelta(hours=4, seconds=1))


def test_an_ended_task_stays_due_so_that_a_dead_finalizer_is_noticed(in_flight: Task, now: datetime) -> None:
    over = ended(in_flight, now)
    assert (over.phase, over.due_kind, over.due_at, over.ended_at) == (TaskPhase.ENDED, Due.TASK, now, now)


def test_the_first_end_is_kept_when_finalizing_is_repeated(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(hours=1)
    again = ended(finalize_again(ended(in_flight, now), now), later)
    assert (again.ended_at, again.finalize_attempts) == (now, 2)


def test_each_attempt_to_finalize_waits_longer_than_the_last_up_to_a_quarter_of_an_hour(
    in_flight: Task, now: datetime
) -> None:
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
