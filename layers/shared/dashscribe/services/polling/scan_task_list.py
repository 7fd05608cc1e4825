"""Reading the vendor's list of tasks, a page at a time, for as long as that pays (rules: `domain.jobs.task_list_scan`).

The list is taken unfiltered by status, since it then says of each task what it is: a task that moves from PENDING to
RUNNING between two calls, or that comes in and shifts the pages, cannot look as if it had ended. Its time window is not
used either: nobody says in which zone it is (docs/vendor-api.md#task-list).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.services.ports import DueTask


@dataclass
class ScanResult:
    """What a sweep learned. `over` is by task id: whether the list calls it ended; who is not in it was not seen."""

    over: dict[str, bool] = field(default_factory=dict)
    knows_ours: bool = False
    pages: int = 0
    page_size: int = scans.PAGE_SIZE

    @property
    def ended(self) -> int:
        return sum(self.over.values())


def scan_task_list(
    due: Sequence[DueTask],
    in_flight: Collection[str],
    page_size: int,
    enough: int,
    read_page: Callable[[int, int], TaskList | None],
    chance: Callable[[], float],
) -> ScanResult:
    """Start at the page where our oldest task should be, go on to newer pages, then to older ones.

    `due` is in the order of acceptance, `in_flight` has the task ids of all of ours that the list may tell of. After
    `enough` ended tasks the sweep stops: no more can be asked about now. `read_page` answers None when its turn is too
    far away.
    """
    scan = ScanResult(page_size=page_size)
    wanted = {task.task_id for task in due}

    def read(number: int) -> tuple[TaskList, int] | None:
        """A page, and how many due tasks it was the first to call ended."""
        page = read_page(number, page_size)
        if page is None:
            return None
        before = scan.ended
        scan.pages += 1
        scan.over |= {listed.task_id: listed.is_over for listed in page.data if listed.task_id in wanted}
        scan.knows_ours = scan.knows_ours or any(listed.task_id in in_flight for listed in page.data)
        return page, scan.ended - before

    start = scans.first_page(len(in_flight), page_size)
    first = read(start)
    if first is None:
        return scan
    scan.page_size = _size_of(first[0], start) or page_size
    best_start = min(scans.first_page(len(in_flight), scan.page_size), max(1, first[0].total_page))
    if best_start != start:  # the server's pages are smaller than we thought, or this one is beyond the last
        start = best_start
        first = read(start)
    # A few that are older than all others move the start across a page's edge. Else the newest are on page 1.
    for fallback in (start - 1, 1):
        if first is not None and not scan.knows_ours and 1 <= fallback < start:
            start = fallback
            first = read(start)
    if first is None:
        return scan
    page, ended_here = first
    for direction in (-1, 1):
        number, so_far, ended_there = start, 1, ended_here
        while (
            scan.ended < enough
            and 1 <= number + direction <= page.total_page
            and _not_listed(due, scan, newer=direction < 0) >= scans.MIN_ENDED_PER_PAGE
            and scans.reads_another_page(ended_there, so_far, chance)
        ):
            number, so_far = number + direction, so_far + 1
            following = read(number)
            if following is None:
                return scan
            ended_there = following[1]
    return scan


def _size_of(page: TaskList, number: int) -> int | None:
    """What the server really took for its page size: what a page holds that is not the last, else what it says."""
    return (len(page.data) if number < page.total_page else 0) or page.page_size


def _not_listed(due: Sequence[DueTask], scan: ScanResult, *, newer: bool) -> int:
    """How many due tasks lie beyond the newest, or the oldest, that was told of."""
    count = 0
    for task in reversed(due) if newer else due:
        if task.task_id in scan.over:
            break
        count += 1
    return count
