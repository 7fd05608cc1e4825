"""Which pages of the task list a scan reads, and what it learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.recognition.task_replies import ListedTask, TaskList, TaskOutput
from dashscribe.services.polling.scan_task_list import TaskListScan
from dashscribe.services.ports import DueTask

START = datetime(2026, 1, 1, tzinfo=UTC)
MAX_PAGES = 54
ENOUGH_ENDED = 39
PAGES_AT_ONCE = 5


class Listing:
    """Tasks 0 (oldest) to n - 1, one a second, listed newest first. `ended` of them have ended, the rest run.

    The vendor's clock is `behind` ours. Without `times` the list has no creation times.
    """

    def __init__(
        self,
        number: int,
        ended: set[int],
        largest_page: int = 100,
        *,
        says_size: bool = True,
        behind: timedelta = timedelta(0),
        times: bool = True,
    ) -> None:
        self.number, self.ended = number, ended
        self.largest_page, self.says_size = largest_page, says_size
        self.behind, self.times = behind, times
        self.read: list[int] = []
        self.slots = 1000
        self.unlisted: set[int] = set()

    def page(self, page: int) -> TaskList | None:
        if len(self.read) >= self.slots:
            return None
        self.read.append(page)
        size = min(100, self.largest_page)
        newest_first = [n for n in reversed(range(self.number)) if n not in self.unlisted]
        data = [
            ListedTask(
                task_id=f"t{n}",
                status="FAILED" if n in self.ended else "PENDING",
                gmt_create=int((accepted(n) - self.behind).timestamp() * 1000) if self.times else None,
            )
            for n in newest_first[(page - 1) * size : page * size]
        ]
        return TaskList(total_page=-(-len(newest_first) // size), page_size=size if self.says_size else 100, data=data)


def accepted(number: int) -> datetime:
    return START + timedelta(seconds=number)


def scan_for(ours: Sequence[int], seconds: int = 0) -> TaskListScan:
    tasks = [DueTask(f"s{n}", START, f"t{n}", "fun-asr", TaskPhase.IN_FLIGHT, accepted(n), 1) for n in ours]
    began_at = START + timedelta(seconds=seconds)
    return TaskListScan({task.task_id: task for task in tasks}, 100, began_at, MAX_PAGES, ENOUGH_ENDED)


def scan(listing: Listing, ours: Sequence[int], seconds: int = 0) -> TaskListScan:
    found = scan_for(ours, seconds)
    found.run(listing.page, PAGES_AT_ONCE)
    return found


def ended(found: TaskListScan) -> set[str]:
    return {task_id for task_id, over in found.over.items() if over}


def test_pages_are_read_until_all_tasks_are_accounted_for() -> None:
    listing = Listing(1000, ended={410, 999})
    found = scan(listing, range(400, 1000))
    assert sorted(listing.read) == [1, 2, 3, 4, 5, 6]
    assert ended(found) == {"t410", "t999"}
    assert len(found.over) == 600
    assert found.is_complete


def test_pages_without_tasks_of_ours_are_not_read() -> None:
    """A few tasks are much older than the others, and a whole day of ended tasks lies behind them."""
    listing = Listing(5000, ended={3510})
    found = scan(listing, [*range(3505, 3515), *range(4900, 5000)])
    assert ended(found) == {"t3510"}
    assert found.is_complete
    assert sorted(listing.read) == [1, 15]


@pytest.mark.parametrize("behind", [timedelta(hours=8), timedelta(hours=-8), timedelta(seconds=3)])
def test_the_clock_of_the_vendor_makes_no_difference(behind: timedelta) -> None:
    listing = Listing(900, ended=set(), behind=behind)
    assert len(scan(listing, range(300, 900)).over) == 600
    assert sorted(listing.read) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("share", [2, 5, 20])
def test_tasks_among_those_of_other_programs_are_found(share: int) -> None:
    ours = range(0, 1600, share)
    found = scan(Listing(1600, ended={0}), ours)
    assert len(found.over) == len(ours)
    assert ended(found) == {"t0"}


def test_a_single_task_on_a_far_page_is_left_to_a_query() -> None:
    listing = Listing(3000, ended={5})
    found = scan(listing, [5, *range(2950, 3000)])
    assert listing.read == [1]
    assert found.is_complete
    assert "t5" not in found.over


def test_a_scan_stops_when_enough_tasks_have_ended() -> None:
    listing = Listing(1000, ended=set(range(900, 900 + ENOUGH_ENDED)))
    found = scan(listing, range(1000))
    assert listing.read == [1]
    assert not found.is_complete


def test_of_too_many_pages_the_oldest_are_read_in_each_pass() -> None:
    listing = Listing(7000, ended={3})
    found = scan(listing, range(7000))
    assert len(listing.read) == MAX_PAGES // 2
    assert set(range(61, 71)) <= set(listing.read)
    assert ended(found) == {"t3"}
    assert not found.is_complete


def test_the_other_pages_are_read_in_rotation() -> None:
    read: set[int] = set()
    for seconds in range(0, 120, 4):
        listing = Listing(700, ended=set(), largest_page=10)
        scan(listing, range(700), seconds)
        read |= set(listing.read)
    assert read == set(range(1, 71))


def test_a_thousand_tasks_among_thousands_of_others_are_all_found_in_one_scan() -> None:
    listing = Listing(5400, ended={3, 2000, 5395})
    found = scan(listing, range(0, 5400, 5))
    assert len(found.over) == 5400 // 5
    assert ended(found) == {"t2000", "t5395"}
    assert len(listing.read) <= MAX_PAGES


@pytest.mark.parametrize("says_size", [True, False])
def test_the_size_of_a_page_is_what_the_server_returned(says_size: bool) -> None:
    listing = Listing(150, ended={3}, largest_page=10, says_size=says_size)
    found = scan(listing, range(150))
    assert found.page_size == 10
    assert ended(found) == {"t3"}


def test_a_page_with_few_readable_entries_does_not_make_the_next_pages_smaller_than_the_default() -> None:
    found = scan_for(range(5))
    entry = ListedTask(task_id="foreign", status="RUNNING")
    found.run(lambda _: TaskList(total_page=3, page_size=100, data=[entry]), PAGES_AT_ONCE)
    assert found.page_size == 10


def test_tasks_that_the_list_leaves_out_end_the_scan_all_the_same() -> None:
    listing = Listing(400, ended=set())
    listing.unlisted = set(range(0, 400, 7))
    found = scan(listing, range(400))
    assert found.is_complete
    assert len(found.over) == 400 - len(listing.unlisted)
    assert len(listing.read) <= 4


def test_a_list_of_other_programs_alone_knows_none_of_our_tasks() -> None:
    listing = Listing(300, ended=set())
    listing.unlisted = set(range(100, 150))
    found = scan(listing, range(100, 150))
    assert found.is_complete
    assert found.over == {}


def test_without_creation_times_page_after_page_is_read() -> None:
    listing = Listing(350, ended={7}, times=False)
    assert ended(scan(listing, range(350))) == {"t7"}
    assert listing.read == [1, 2, 3, 4]


@pytest.mark.parametrize("time", [-1, 0, 1, 10**18, 10**30])
def test_impossible_creation_times_cost_nothing_but_pages(time: int) -> None:
    def read(number: int) -> TaskList:
        data = [ListedTask(task_id=f"t{n}", status="SUCCEEDED", gmt_create=time) for n in range(5)]
        return TaskList(total_page=3, page_size=100, data=data)

    found = scan_for(range(10))
    found.run(read, PAGES_AT_ONCE)
    assert len(found.over) == 5


def test_a_list_that_begins_with_the_oldest_task_has_no_strange_pages() -> None:
    listing = Listing(1000, ended={999})
    scan_for(range(500, 1000)).run(lambda number: listing.page(11 - number), PAGES_AT_ONCE)
    assert set(listing.read) <= set(range(1, 11))


def test_an_empty_list_ends_the_scan() -> None:
    listing = Listing(0, ended=set())
    found = scan(listing, range(10))
    assert (listing.read, found.over, found.is_complete) == ([1], {}, True)


def test_a_pass_without_slots_keeps_what_it_has_read() -> None:
    listing = Listing(500, ended={450})
    listing.slots = 2
    found = scan(listing, range(500))
    assert ended(found) == {"t450"}
    assert not found.is_complete
    listing.slots = 0
    assert scan(listing, range(500)).over == {}


def test_pages_that_got_a_slot_count_also_when_one_before_them_got_none() -> None:
    listing = Listing(500, ended={50})
    found = scan_for(range(500))
    found.run(lambda number: None if number == 3 else listing.page(number), PAGES_AT_ONCE)
    assert ended(found) == {"t50"}
    assert not found.is_complete


@pytest.mark.parametrize(
    ("running", "ended", "is_wrong"), [(2, 0, False), (3, 0, True), (3, 3, True), (3, 4, False), (4, 4, True)]
)
def test_a_list_is_wrong_when_at_least_three_and_most_of_its_ended_tasks_still_run(
    running: int, ended: int, is_wrong: bool
) -> None:
    found = scan_for(range(10))
    found.over = {f"t{number}": True for number in range(running + ended)}
    statuses = ["RUNNING"] * running + ["SUCCEEDED"] * ended
    replies = {f"t{number}": TaskOutput(task_status=status) for number, status in enumerate(statuses)}
    assert found.is_contradicted_by(replies) is is_wrong


@pytest.mark.parametrize(("seconds", "is_stale"), [(4, False), (6, True)])
@pytest.mark.parametrize("listed", [True, False])
def test_a_list_is_stale_when_a_task_that_it_reports_as_running_ended_more_than_five_seconds_before(
    seconds: int, is_stale: bool, listed: bool
) -> None:
    found = scan_for(range(10))
    found.over = {"t0": False} if listed else {}
    in_the_vendors_zone = START - timedelta(seconds=seconds) + timedelta(hours=8)
    reply = TaskOutput(task_status="SUCCEEDED", end_time=f"{in_the_vendors_zone:%Y-%m-%d %H:%M:%S.000}")
    assert found.is_contradicted_by({"t0": reply}) is (is_stale and listed)
