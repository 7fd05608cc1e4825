"""Which pages of the list a sweep reads, and what it makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.recognition.task_replies import ListedTask, TaskList
from dashscribe.services.polling.scan_task_list import ScanResult, scan_task_list
from dashscribe.services.ports import DueTask

START = datetime(2026, 1, 1, tzinfo=UTC)


class Listing:
    """Tasks 0 (oldest) to n - 1, listed newest first; `ended` of them, the rest runs."""

    def __init__(self, number: int, ended: set[int], largest_page: int = 100, *, says_size: bool = True) -> None:
        self.number, self.ended = number, ended
        self.largest_page, self.says_size = largest_page, says_size
        self.read: list[int] = []
        self.turns = 1000

    def page(self, page: int, page_size: int) -> TaskList | None:
        if len(self.read) >= self.turns:
            return None
        self.read.append(page)
        size = min(page_size, self.largest_page)
        newest_first = list(reversed(range(self.number)))[(page - 1) * size : page * size]
        data = [ListedTask(task_id=f"t{n}", status="FAILED" if n in self.ended else "PENDING") for n in newest_first]
        return TaskList(total_page=-(-self.number // size), page_size=size if self.says_size else page_size, data=data)


def due(numbers: range) -> list[DueTask]:
    return [
        DueTask(f"s{n}", START, f"t{n}", "fun-asr", TaskPhase.IN_FLIGHT, START + timedelta(seconds=n), 1)
        for n in numbers
    ]


def swept(
    listing: Listing, tasks: range, *, page_size: int = 100, enough: int = 36, chance: float = 0.999
) -> ScanResult:
    ours = {f"t{n}" for n in tasks}
    return scan_task_list(due(tasks), ours, page_size, enough, listing.page, lambda: chance)


def ended(scan: ScanResult) -> set[str]:
    return {task_id for task_id, over in scan.over.items() if over}


def test_the_page_of_the_oldest_is_enough_when_they_end_in_order() -> None:
    listing = Listing(1000, ended=set(range(410)))
    scan = swept(listing, range(400, 1000))
    assert listing.read[0] == 6
    assert ended(scan) == {f"t{n}" for n in range(400, 410)}
    assert listing.read == [6, 5], "one page further, since that one paid"


def test_a_sweep_goes_on_while_it_pays() -> None:
    listing = Listing(500, ended=set(range(0, 500, 25)))
    assert len(ended(swept(listing, range(500)))) == 20
    assert listing.read == [5, 4, 3, 2, 1]


def test_a_sweep_stops_when_it_has_found_enough() -> None:
    listing = Listing(1000, ended=set(range(1000)))
    assert len(ended(swept(listing, range(1000)))) == 100
    assert listing.read == [10]


def test_now_and_then_a_sweep_that_finds_nothing_reads_every_page() -> None:
    listing = Listing(500, ended={499})
    assert ended(swept(listing, range(500), chance=0.0)) == {"t499"}
    assert listing.read == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("says_size", [True, False])
def test_the_size_of_a_page_is_what_came_back(says_size: bool) -> None:
    listing = Listing(600, ended=set(range(5)), largest_page=10, says_size=says_size)
    scan = swept(listing, range(600))
    assert scan.page_size == 10
    assert listing.read[:2] == [6, 60], "the oldest are ten times as far back as was thought"
    assert ended(scan) == {f"t{n}" for n in range(5)}


def test_tasks_pushed_back_by_others_of_the_account_are_followed() -> None:
    listing = Listing(300, ended=set(range(100)) | {150})
    ours = range(90, 120)  # 180 newer ones are somebody else's
    scan = swept(listing, ours)
    assert listing.read[0] == 1
    assert scan.knows_ours is False
    listing = Listing(150, ended=set(range(100)))
    scan = swept(listing, range(20, 120), enough=1000)
    assert listing.read == [1, 2]
    assert ended(scan) == {f"t{n}" for n in range(20, 100)}


def test_a_straggler_does_not_hide_the_page_where_the_others_end() -> None:
    """Task 5 is older than all that run: counted with them, the oldest would be a page further than it is."""
    listing = Listing(1000, ended=set(range(300, 310)))
    ours = {"t5"} | {f"t{n}" for n in range(300, 1000)}
    scan = scan_task_list(due(range(300, 1000)), ours, 100, 36, listing.page, lambda: 0.999)
    assert ended(scan) == {f"t{n}" for n in range(300, 310)}
    assert listing.read[:2] == [8, 7]


def test_where_none_of_ours_are_the_first_page_is_tried() -> None:
    listing = Listing(300, ended=set(range(250, 260)))
    ours = {f"t{n}" for n in range(250, 300)} | {f"gone{n}" for n in range(200)}
    scan = scan_task_list(due(range(250, 300)), ours, 100, 36, listing.page, lambda: 0.999)
    assert listing.read == [3, 2, 1]
    assert scan.knows_ours
    assert len(ended(scan)) == 10


def test_no_turn_ends_the_sweep_with_what_it_has() -> None:
    listing = Listing(500, ended=set(range(0, 500, 25)))
    listing.turns = 2
    assert len(ended(swept(listing, range(500)))) == 8
    listing.turns = 0
    listing.read.clear()
    assert swept(listing, range(500)).pages == 0


def test_a_page_beyond_the_last_is_not_the_end_of_it() -> None:
    listing = Listing(50, ended={0, 1})
    ours = {f"t{n}" for n in range(50)} | {f"unlisted{n}" for n in range(100)}
    scan = scan_task_list(due(range(50)), ours, 100, 36, listing.page, lambda: 0.999)
    assert listing.read == [2, 1]
    assert ended(scan) == {"t0", "t1"}
