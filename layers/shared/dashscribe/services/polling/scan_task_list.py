"""Reading pages of the vendor's task list until they account for all of our tasks, or enough of them have ended.

The list is read unfiltered, because it then has the status of each task. So a task that changes from PENDING to
RUNNING, or that moves to another page between two calls, cannot look ended. Its time window is not used, because its
zone is not documented (docs/vendor-api.md#task-list).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.recognition.task_replies import TaskList, TaskOutput
from dashscribe.services.ports import DueTask

ReadPages = Callable[[Sequence[int]], Sequence[TaskList | None]]
"""Reads these pages concurrently. A page without a slot in this pass is None."""
PAGES_AT_ONCE = 5
"""A scan that has found enough ended tasks reads at most this many pages more."""
_UNKNOWN = datetime.max.replace(tzinfo=UTC)


@dataclass
class TaskListScan:
    """One scan for the tasks `ours`.

    `over` says by task id whether the list reports the task as ended; a task that is missing was not listed. The scan
    `is_complete` when no other page is worth reading. `spans` has the pages that were read, with the times when their
    oldest and their newest task were accepted, by our clock. `began_at` is when the scan began.
    """

    ours: Sequence[DueTask]
    page_size: int
    max_pages: int = scans.MAX_PAGES
    over: dict[str, bool] = field(default_factory=dict)
    is_complete: bool = False
    spans: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    total_pages: int = 1
    clock_difference: timedelta = timedelta(0)
    began_at: datetime = _UNKNOWN

    @property
    def calls_left(self) -> int:
        return self.max_pages - len(self.spans)

    def run(self, read_pages: ReadPages, now: datetime) -> TaskListScan:
        """Read the newest page, then those that should list the other tasks. `now` selects among too many pages."""
        self.began_at, wanted, is_part = now, [1], False
        while wanted and not is_part and not self._has_enough:
            chosen = scans.pages_to_read(wanted, self.calls_left, now)
            is_part = len(chosen) < len(wanted)
            for few in range(0, len(chosen), PAGES_AT_ONCE):
                if self._has_enough or not self._read(chosen[few : few + PAGES_AT_ONCE], read_pages):
                    return self
            wanted = self._pages_of_missing()
        self.is_complete = not wanted
        return self

    def is_contradicted_by(self, replies: Mapping[str, TaskOutput]) -> bool:
        """Whether the vendor's replies to queries, by task id, show that this list is stale or wrong."""
        right = wrong = 0
        for task_id, reply in replies.items():
            if self.over.get(task_id):
                right, wrong = right + reply.is_over, wrong + (not reply.is_over)
            elif task_id in self.over and reply.ended_at and reply.ended_at < self.began_at - scans.CLOCK_TOLERANCE:
                return True
        return wrong >= max(scans.MIN_WRONG_ENTRIES, right)

    @cached_property
    def _accepted_at(self) -> dict[str, datetime]:
        return {task.task_id: task.accepted_at for task in self.ours}

    @property
    def _has_enough(self) -> bool:
        return self.calls_left == 0 or sum(self.over.values()) >= scans.MAX_ENDED

    def _read(self, numbers: Sequence[int], read_pages: ReadPages) -> bool:
        """False when the pass has no slot left for one of these pages."""
        for number, page in zip(numbers, read_pages(numbers), strict=True):
            if page is None:
                return False
            created_at = [listed.created_at for listed in page.data]
            for listed, created in zip(page.data, created_at, strict=True):
                if accepted := self._accepted_at.get(listed.task_id):
                    self.over[listed.task_id] = listed.is_over
                    if created:
                        self.clock_difference = accepted - created
            times = [created + self.clock_difference for created in created_at if created]
            # Without times every page counts as newer than our tasks, so the next page is read.
            self.spans[number] = min(times, default=_UNKNOWN), max(times, default=_UNKNOWN)
            self.total_pages = max(1, page.total_page)
            if number < page.total_page and page.data:
                self.page_size = len(page.data)  # the size that the server really used
            elif number == 1:
                self.page_size = page.page_size or self.page_size
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
            entries = newer * self.page_size
            per_page = (self.spans[1][1] - since) * self.page_size / max(1, entries - 1)
            return max(1, min(self.total_pages, newer + (-((moment - since) // per_page) if per_page else 1)))
        share = (since - moment) / (since - self.spans[older][1])
        return newer + min(1, older - newer) + int(share * max(0, older - newer - 1))
