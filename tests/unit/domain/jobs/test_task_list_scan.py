"""How far the task list is trusted, and which tasks are queried whatever it reports."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import MIN_WAIT
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE

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
    assert scans.is_due_without_list(now, accepted, now + delay * SECOND)
    assert not scans.is_due_without_list(now, accepted, now + (delay - 0.1) * SECOND)
    assert delay * SECOND >= MIN_WAIT


def test_few_pages_are_all_read_the_oldest_last(now: datetime) -> None:
    assert scans.pages_to_read([2, 3, 7], 54, now) == [2, 3, 7]


def test_many_pages_are_all_read_the_oldest_first(now: datetime) -> None:
    assert scans.pages_to_read(list(range(2, 56)), 54, now) == list(range(55, 1, -1))


def test_of_too_many_pages_the_oldest_are_always_read(now: datetime) -> None:
    for seconds in range(30):
        pages = scans.pages_to_read(list(range(2, 102)), 54, now + seconds * SECOND)
        assert len(set(pages)) == 27
        assert pages[:14] == list(range(101, 87, -1))


@pytest.mark.parametrize("left", [1, 2, 3, 19])
def test_a_scan_with_few_calls_left_uses_half_of_them_for_the_oldest_page_first(now: datetime, left: int) -> None:
    pages = scans.pages_to_read(list(range(2, 102)), left, now)
    assert len(set(pages)) == max(1, left // 2)
    assert pages[0] == 101


@pytest.mark.parametrize(("most", "pages"), [(53, 100), (53, 101), (7, 14), (7, 15)])
@pytest.mark.parametrize("seconds_of_a_pass", [1, 2.3, 3, 4.1, 5])
def test_of_too_many_pages_each_is_read_within_two_minutes(
    now: datetime, most: int, pages: int, seconds_of_a_pass: float
) -> None:
    read, wanted = set[int](), list(range(2, pages + 2))
    for number in range(int(120 / seconds_of_a_pass)):
        read |= set(scans.pages_to_read(wanted, most, now + number * seconds_of_a_pass * SECOND))
    assert read == set(wanted)


def test_a_state_that_an_older_version_stored_is_read(now: datetime) -> None:
    stored = {"next_at": now.isoformat(), "off_until": None, "page_size": 10}
    assert TaskListState.model_validate(stored) == TaskListState(page_size=10)
