"""Which pages of the task list a scan reads, and what it learns from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.recognition.task_replies import ListedTask, TaskList
from dashscribe.services.polling.scan_task_list import ScanResult, scan_task_list
from dashscribe.services.ports import DueTask

START = datetime(2026, 1, 1, tzinfo=UTC)


class Listing:
    """A task list of the tasks 0 (oldest) to `number` - 1. The tasks `ended` have ended; the others run."""

    def __init__(self, number: int, ended: set[int], largest_page: int = 100, *, reports_size: bool = True) -> None:
        self.number, self.ended = number, ended
        self.largest_page, self.reports_size = largest_page, reports_size
        self.read: list[int] = []
        self.free_slots = 1000

    def page(self, page: int, page_size: int) -> TaskList | None:
        if len(self.read) >= self.free_slots:
            return None
        self.read.append(page)
        size = min(page_size, self.largest_page)
        newest_first = list(reversed(range(self.number)))[(page - 1) * size : page * size]
        data = [ListedTask(task_id=f"t{n}", status="FAILED" if n in self.ended else "PENDING") for n in newest_first]
        return TaskList(
            total_page=-(-self.number // size), page_size=size if self.reports_size else page_size, data=data
        )


def due(numbers: range) -> list[DueTask]:
    return [
        DueTask(f"s{n}", START, f"t{n}", "fun-asr", TaskPhase.IN_FLIGHT, START + timedelta(seconds=n), 1)
        for n in numbers
    ]


def scan_of(
    listing: Listing, tasks: range, *, page_size: int = 100, enough: int = 36, chance: float = 0.999
) -> ScanResult:
    ours = {f"t{n}" for n in tasks}
    return scan_task_list(due(tasks), ours, page_size, enough, listing.page, lambda: chance)


def ended(scan: ScanResult) -> set[str]:
    return {task_id for task_id, has_ended in scan.over.items() if has_ended}


def test_the_scan_starts_at_the_page_of_the_oldest_task() -> None:
    listing = Listing(1000, ended=set(range(410)))
    scan = scan_of(listing, range(400, 1000))
    assert listing.read[0] == 6
    assert ended(scan) == {f"t{n}" for n in range(400, 410)}
    assert listing.read == [6, 5], "one more page, because the first one had ended tasks"


def test_the_scan_reads_on_while_pages_have_ended_tasks() -> None:
    listing = Listing(500, ended=set(range(0, 500, 25)))
    assert len(ended(scan_of(listing, range(500)))) == 20
    assert listing.read == [5, 4, 3, 2, 1]


def test_the_scan_stops_when_it_has_found_enough_ended_tasks() -> None:
    listing = Listing(1000, ended=set(range(1000)))
    assert len(ended(scan_of(listing, range(1000)))) == 100
    assert listing.read == [10]


def test_now_and_then_a_scan_reads_every_page() -> None:
    listing = Listing(500, ended={499})
    assert ended(scan_of(listing, range(500), chance=0.0)) == {"t499"}
    assert listing.read == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("reports_size", [True, False])
def test_the_scan_adapts_to_the_page_size_of_the_server(reports_size: bool) -> None:
    listing = Listing(600, ended=set(range(5)), largest_page=10, reports_size=reports_size)
    scan = scan_of(listing, range(600))
    assert scan.page_size == 10
    assert listing.read[:2] == [6, 60], "the pages are a tenth of the expected size"
    assert ended(scan) == {f"t{n}" for n in range(5)}


def test_the_scan_finds_our_tasks_behind_those_of_other_programs() -> None:
    listing = Listing(300, ended=set(range(100)) | {150})
    ours = range(90, 120)  # the 180 newer tasks are not ours
    scan = scan_of(listing, ours)
    assert listing.read[0] == 1
    assert scan.knows_ours is False
    listing = Listing(150, ended=set(range(100)))
    scan = scan_of(listing, range(20, 120), enough=1000)
    assert listing.read == [1, 2]
    assert ended(scan) == {f"t{n}" for n in range(20, 100)}


def test_a_single_old_task_does_not_move_the_start_of_the_scan_past_the_ended_tasks() -> None:
    """Task 5 is older than all due tasks. Counted with them, it would move the expected page by one."""
    listing = Listing(1000, ended=set(range(300, 310)))
    ours = {"t5"} | {f"t{n}" for n in range(300, 1000)}
    scan = scan_task_list(due(range(300, 1000)), ours, 100, 36, listing.page, lambda: 0.999)
    assert ended(scan) == {f"t{n}" for n in range(300, 310)}
    assert listing.read[:2] == [8, 7]


def test_the_scan_tries_the_first_page_when_the_expected_page_has_none_of_our_tasks() -> None:
    listing = Listing(300, ended=set(range(250, 260)))
    ours = {f"t{n}" for n in range(250, 300)} | {f"gone{n}" for n in range(200)}
    scan = scan_task_list(due(range(250, 300)), ours, 100, 36, listing.page, lambda: 0.999)
    assert listing.read == [3, 2, 1]
    assert scan.knows_ours
    assert len(ended(scan)) == 10


def test_the_scan_ends_with_what_it_has_when_no_slot_is_free() -> None:
    listing = Listing(500, ended=set(range(0, 500, 25)))
    listing.free_slots = 2
    assert len(ended(scan_of(listing, range(500)))) == 8
    listing.free_slots = 0
    listing.read.clear()
    assert scan_of(listing, range(500)).pages == 0


def test_the_scan_continues_after_a_page_beyond_the_last_one() -> None:
    listing = Listing(50, ended={0, 1})
    ours = {f"t{n}" for n in range(50)} | {f"unlisted{n}" for n in range(100)}
    scan = scan_task_list(due(range(50)), ours, 100, 36, listing.page, lambda: 0.999)
    assert listing.read == [2, 1]
    assert ended(scan) == {"t0", "t1"}
