"""Reading pages of the vendor's task list until they account for all of our tasks, or enough of them have ended.

The list is read unfiltered, because it then has the status of each task. So a task that changes from PENDING to
RUNNING, or that moves to another page between two calls, cannot look ended. Its time window is not used, because its
zone is not documented (docs/vendor-api.md#task-list).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.services.ports import DueTask

ReadPages = Callable[[Sequence[int]], Sequence[TaskList | None]]
"""Reads these pages concurrently. A page without a slot in this pass is None."""


@dataclass
class TaskListScan:
    """One scan for the tasks `ours`.

    `over` says by task id whether the list reports the task as ended; a task that is missing was not listed. The scan
    `is_complete` when no other page is worth reading. `spans` has the pages that were read, with the times when their
    oldest and their newest task were accepted, by our clock.
    """

    ours: Sequence[DueTask]
    page_size: int
    over: dict[str, bool] = field(default_factory=dict)
    is_complete: bool = False
    spans: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    total_pages: int = 1
    clock_difference: timedelta = timedelta(0)

    @property
    def calls_left(self) -> int:
        return scans.MAX_PAGES - len(self.spans)

    def run(self, read_pages: ReadPages, now: datetime) -> TaskListScan:
        """Read the newest page, then those that should list the other tasks. `now` selects among too many pages."""
        wanted = [1]
        while wanted and self.calls_left and sum(self.over.values()) < scans.MAX_ENDED:
            chosen = scans.part_of_pages(wanted, self.calls_left, now)
            if not self._read(chosen, read_pages) or chosen != wanted:
                return self
            wanted = self._pages_of_missing()
        self.is_complete = not wanted
        return self

    def _read(self, numbers: Sequence[int], read_pages: ReadPages) -> bool:
        """False when the pass has no slot left for one of these pages."""
        accepted_at = {task.task_id: task.accepted_at for task in self.ours}
        for number, page in zip(numbers, read_pages(numbers), strict=True):
            if page is None:
                return False
            for listed in page.data:
                if listed.task_id in accepted_at:
                    self.over[listed.task_id] = listed.is_over
                    if listed.created_at is not None:
                        self.clock_difference = accepted_at[listed.task_id] - listed.created_at
            times = [listed.created_at + self.clock_difference for listed in page.data if listed.created_at is not None]
            unknown = datetime.max.replace(tzinfo=UTC)
            self.spans[number] = min(times, default=unknown), max(times, default=unknown)
            self.total_pages = page.total_page
            # What a page holds that is not the last is the size that the server really used.
            self.page_size = (len(page.data) if number < page.total_page else 0) or page.page_size or self.page_size
        return True

    def _pages_of_missing(self) -> list[int]:
        """The pages that should list several of the missing tasks. For one task a query costs no more than a page."""
        moments = [task.accepted_at for task in self.ours if task.task_id not in self.over]
        pages = Counter(page for moment in moments if (page := self._page_of(moment)) not in self.spans)
        return sorted(page for page, tasks in pages.items() if tasks > 1)

    def _page_of(self, moment: datetime) -> int:
        """The page that should list a task that was accepted then, interpolated between the pages that were read."""
        newer = max((page for page, (oldest, _) in self.spans.items() if oldest > moment), default=None)
        if newer is None:
            return min(self.spans)
        older = min((page for page, (_, newest) in self.spans.items() if newest < moment), default=None)
        since = self.spans[newer][0]
        if older is None:
            per_page = (self.spans[1][1] - since) / newer
            return min(self.total_pages, newer + (int((since - moment) / per_page) + 1 if per_page else 1))
        share = (since - moment) / (since - self.spans[older][1])
        return newer + min(1, older - newer) + int(share * max(0, older - newer - 1))
