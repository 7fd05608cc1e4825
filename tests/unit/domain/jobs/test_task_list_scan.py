"""When the task list is read, how much of it, and for how long it is trusted."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial

import pytest

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import min_query_delay
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.errors import ErrorClass

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("due", "in_flight", "page_size", "uses_list"),
    [
        (2, 2, 100, False),
        (3, 3, 100, True),
        (100, 100, 100, True),
        (1000, 1000, 10, True),
        (1000, 1000, 1, False),
        (5, 1000, 100, False),
        (1000, 10_000, 100, True),
    ],
)
def test_the_list_is_used_when_it_needs_fewer_calls(due: int, in_flight: int, page_size: int, uses_list: bool) -> None:
    assert scans.list_needs_fewer_calls(due, in_flight, page_size) is uses_list


@pytest.mark.parametrize(("in_flight", "page_size", "page"), [(0, 10, 1), (10, 10, 1), (11, 10, 2), (600, 100, 6)])
def test_a_scan_starts_at_the_page_of_the_oldest_task(in_flight: int, page_size: int, page: int) -> None:
    assert scans.first_page(in_flight, page_size) == page


def test_a_scan_reads_on_after_ended_tasks_up_to_a_maximum() -> None:
    assert scans.reads_another_page(scans.MIN_ENDED_PER_PAGE, 1, lambda: 0.999)
    assert not scans.reads_another_page(100, scans.MAX_PAGES, lambda: 0.0)


def test_every_page_is_read_now_and_then() -> None:
    chance = random.Random(0)  # noqa: S311 - not for security
    pages_read = []
    for _ in range(4000):
        pages = 1
        while pages < 10 and scans.reads_another_page(0, pages, chance.random):
            pages += 1
        pages_read.append(pages)
    assert 0.08 < sum(pages == 10 for pages in pages_read) / 4000 < 0.12
    assert 2.7 < sum(pages_read) / 4000 < 3.2


def test_the_interval_between_scans_grows_with_the_tasks_age_and_with_the_pages_per_ended_file() -> None:
    young, old = [10 * SECOND] * 3, [timedelta(hours=1)] * 3
    pause_after = partial(scans.pause_after, files_a_task=1)
    assert pause_after(1, 0, young) == SECOND
    assert pause_after(1, 0, [100 * SECOND] * 3) == 2 * SECOND
    assert pause_after(1, 0, old) == scans.MAX_SCAN_INTERVAL
    assert pause_after(1, 50, old) == SECOND
    assert pause_after(4, 5, young) == 2 * SECOND
    assert pause_after(20, 1, young) == scans.MAX_SCAN_INTERVAL
    assert pause_after(1, 3, []) == SECOND


def test_the_list_is_read_sooner_for_young_tasks_of_many_files() -> None:
    young, older = [2 * SECOND] * 3, [10 * SECOND] * 3
    assert scans.pause_after(1, 0, young, 100) == min_query_delay(100) < SECOND
    assert scans.pause_after(1, 100, young, 100) == min_query_delay(100)
    assert scans.pause_after(1, 0, older, 100) == scans.pause_after(1, 0, older, 1) == SECOND


def test_every_task_is_queried_in_the_end_whatever_the_list_reports(now: datetime) -> None:
    for age in (SECOND * 20, timedelta(minutes=20), timedelta(hours=3)):
        accepted = now - age
        trusted = next(
            n for n in range(3600) if scans.is_queried_anyway(now, accepted + n * SECOND * -1, now + n * SECOND)
        )
        assert timedelta(seconds=trusted) <= scans.MAX_TRUSTED_FOR
    assert scans.is_queried_anyway(now, now - timedelta(hours=5), now)


def test_a_refused_page_size_does_not_turn_the_list_off(now: datetime) -> None:
    state = TaskListState(next_at=now)
    smaller = scans.after_refusal(state, ErrorClass.PERMANENT, 400, now)
    assert (smaller.page_size, smaller.is_off(now)) == (scans.DEFAULT_PAGE_SIZE, False)
    assert scans.after_refusal(smaller, ErrorClass.PERMANENT, 400, now).is_off(now + timedelta(minutes=59))


@pytest.mark.parametrize(
    ("error_class", "http_status", "off_for"),
    [
        (ErrorClass.PERMANENT, 404, scans.OFF_FOR_ABSENT),
        (ErrorClass.RETRYABLE, 501, scans.OFF_FOR_ABSENT),
        (ErrorClass.PERMANENT, None, scans.OFF_FOR_ABSENT),
        (ErrorClass.RETRYABLE, 500, scans.OFF_FOR),
        (ErrorClass.THROTTLED, 429, scans.OFF_FOR),
    ],
)
def test_the_list_is_turned_off_after_an_error(
    now: datetime, error_class: ErrorClass, http_status: int | None, off_for: timedelta
) -> None:
    state = scans.after_refusal(TaskListState(next_at=now), error_class, http_status, now)
    assert state.off_until == now + off_for
    assert state.is_off(now)
    assert not state.is_off(now + off_for)
