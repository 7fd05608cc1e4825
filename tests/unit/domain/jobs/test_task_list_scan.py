"""How far the task list is trusted, and which tasks are queried whatever it reports."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import MIN_WAIT
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.errors import ErrorClass

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "queried_after"),
    [(10, 60), (100, 60), (119, 60), (600, 300), (3600, 1800)],
)
def test_a_running_task_is_queried_anyway_after_half_its_age(now: datetime, age: int, queried_after: int) -> None:
    accepted = now - age * SECOND
    assert not scans.is_queried_anyway(now - (queried_after - 1) * SECOND, accepted, now)
    assert scans.is_queried_anyway(now - queried_after * SECOND, accepted, now)


def test_a_task_beyond_its_deadline_is_queried_in_every_pass(now: datetime) -> None:
    assert scans.is_queried_anyway(now, now - TASK_DEADLINE - SECOND, now)


@pytest.mark.parametrize(("age", "delay"), [(0, 1), (5, 1), (100, 20), (299, 59.8), (3600, 60)])
def test_without_a_list_a_task_is_queried_after_a_fifth_of_its_age(now: datetime, age: float, delay: float) -> None:
    accepted = now - age * SECOND
    assert scans.overdue_without_list(now, accepted, now + delay * SECOND) == timedelta(0)
    assert scans.overdue_without_list(now, accepted, now) == -delay * SECOND
    assert delay * SECOND >= MIN_WAIT


def test_few_pages_are_all_read_the_oldest_last(now: datetime) -> None:
    assert scans.pages_to_read([2, 3, 7], 59, now) == [2, 3, 7]


def test_many_pages_are_all_read_the_oldest_first(now: datetime) -> None:
    assert scans.pages_to_read(list(range(2, 61)), 59, now) == list(range(60, 1, -1))


def test_of_too_many_pages_the_oldest_ten_are_always_read(now: datetime) -> None:
    for seconds in range(30):
        pages = scans.pages_to_read(list(range(2, 102)), 59, now + seconds * SECOND)
        assert len(set(pages)) == scans.MANY_PAGES
        assert pages[:10] == list(range(101, 91, -1))


@pytest.mark.parametrize("left", [1, 2, 3, 19])
def test_a_scan_with_few_calls_left_reads_as_many_pages_and_the_oldest_first(now: datetime, left: int) -> None:
    pages = scans.pages_to_read(list(range(2, 102)), left, now)
    assert len(set(pages)) == left
    assert pages[0] == 101


@pytest.mark.parametrize("every", [1, 2, 3, 4, 5])
def test_of_too_many_pages_each_is_read_within_two_minutes(now: datetime, every: int) -> None:
    read: set[int] = set()
    for seconds in range(0, 120, every):
        read |= set(scans.pages_to_read(list(range(2, 102)), 59, now + seconds * SECOND))
    assert read == set(range(2, 102))


def test_a_refused_page_size_does_not_mean_that_there_is_no_list(now: datetime) -> None:
    state = TaskListState()
    smaller = scans.after_refusal(state, ErrorClass.PERMANENT, 400, now)
    assert (smaller.page_size, smaller.is_off(now)) == (scans.DEFAULT_PAGE_SIZE, False)
    assert scans.after_refusal(smaller, ErrorClass.PERMANENT, 400, now).is_off(now + timedelta(minutes=9))


@pytest.mark.parametrize(
    ("error_class", "http_status", "off_for"),
    [
        (ErrorClass.PERMANENT, 404, scans.DISTRUSTED_FOR),
        (ErrorClass.RETRYABLE, 501, scans.DISTRUSTED_FOR),
        (ErrorClass.PERMANENT, None, scans.DISTRUSTED_FOR),
        (ErrorClass.RETRYABLE, 500, scans.OFF_AFTER_ERROR),
        (ErrorClass.THROTTLED, 429, scans.OFF_AFTER_ERROR),
    ],
)
def test_after_an_error_the_list_is_not_used_for_a_while(
    now: datetime, error_class: ErrorClass, http_status: int | None, off_for: timedelta
) -> None:
    state = scans.after_refusal(TaskListState(), error_class, http_status, now)
    assert state.off_until == now + off_for
    assert state.is_off(now)
    assert not state.is_off(now + off_for)


def test_a_state_that_an_older_version_stored_is_read(now: datetime) -> None:
    stored = {"next_at": now.isoformat(), "off_until": None, "page_size": 10}
    assert TaskListState.model_validate(stored) == TaskListState(page_size=10)
