"""Reading pages of the vendor's task list until they account for all of our tasks, or enough of them have ended.

The list is read unfiltered, because it then has the status of each task. So a task that changes from PENDING to
RUNNING, or that moves to another page between two calls, cannot look ended. Its time window is not used, because its
zone is not documented (docs/vendor-api.md#task-list).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.recognition.task_replies import DEFAULT_PAGE_SIZE, TaskList, TaskOutput
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.polling.vendor_calls import ReadPage
from dashscribe.services.ports import DueTask


@dataclass
class TaskListScan:
    """One scan for the tasks `ours`, by task id. It reads `calls_left` more pages at most, and fewer when
    `enough_ended` tasks have ended.

    `over` says by task id whether the list reports the task as ended; a task that is missing was not listed. The scan
    `is_complete` when no other page is worth reading. `spans` has the pages that were read, with the times when their
    oldest and their newest task were accepted, by our clock.
    """

    ours: Mapping[str, DueTask]
    page_size: int
    began_at: datetime
    calls_left: int
    enough_ended: int
    over: dict[str, bool] = field(default_factory=dict)
    is_complete: bool = False
    spans: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    total_pages: int = 1
    clock_difference: timedelta = timedelta(0)

    def run(self, read: ReadPage, at_once: int) -> None:
        """Read the newest page, then those that should list the other tasks, `at_once` of them concurrently."""
        wanted, is_part = [1], False
        while wanted and not is_part and not self._has_enough:
            chosen = scans.pages_to_read(wanted, self.calls_left, self.began_at)
            is_part = len(chosen) < len(wanted)
            for start in range(0, len(chosen), at_once):
                numbers = chosen[start : start + at_once]
                if not self._has_enough:
                    self._note(zip(numbers, map_concurrently(read, numbers, at_once), strict=True))
            wanted = self._pages_of_missing()
        self.is_complete = not wanted

    def is_contradicted_by(self, replies: Mapping[str, TaskOutput]) -> bool:
        """Whether the vendor's replies to queries, by task id, show that this list is stale or wrong."""
        listed_as_ended = [reply.is_over for task_id, reply in replies.items() if self.over.get(task_id)]
        listed_as_running = [reply.ended_at for task_id, reply in replies.items() if self.over.get(task_id) is False]
        is_stale = any(end and end < self.began_at - scans.CLOCK_TOLERANCE for end in listed_as_running)
        wrong, right = listed_as_ended.count(False), listed_as_ended.count(True)
        return is_stale or wrong >= max(scans.ENOUGH_REPLIES, right)

    @property
    def _has_enough(self) -> bool:
        return self.calls_left <= 0 or sum(self.over.values()) >= self.enough_ended

    def _note(self, pages: Iterable[tuple[int, TaskList | None]]) -> None:
        for number, page in pages:
            if page is None:
                self.calls_left = 0
                continue
            created_at = [listed.created_at for listed in page.data]
            for listed, created in zip(page.data, created_at, strict=True):
                if task := self.ours.get(listed.task_id):
                    self.over[listed.task_id] = listed.is_over
                    if created:
                        self.clock_difference = task.accepted_at - created
            # Without times every page counts as newer than our tasks, so the next page is read.
            times = [time + self.clock_difference for time in created_at if time] or [datetime.max.replace(tzinfo=UTC)]
            self.spans[number] = min(times), max(times)
            self.calls_left -= 1
            self.total_pages = max(1, page.total_page)
            if number < page.total_page and page.data:
                self.page_size = max(DEFAULT_PAGE_SIZE, len(page.data))  # the size that the server really used

    def _pages_of_missing(self) -> list[int]:
        """The pages that should list several of the missing tasks. For one task a query costs no more than a page."""
        moments = [task.accepted_at for task_id, task in self.ours.items() if task_id not in self.over]
        pages = Counter(page for moment in moments if (page := self._page_of(moment)) not in self.spans)
        return sorted(page for page, tasks in pages.items() if tasks > 1)

    def _page_of(self, moment: datetime) -> int:
        """The page that should list a task that was accepted then, interpolated between the pages that were read."""
        newer = max((page for page, (oldest, _) in self.spans.items() if oldest > moment), default=None)
        if newer is None:
            return 1
        older = min((page for page, (_, newest) in self.spans.items() if newest < moment), default=None)
        since = self.spans[newer][0]
        if older is None:
            per_page = (self.spans[1][1] - since) / (newer - 1 / self.page_size or 1)
            return max(1, min(self.total_pages, newer + (-((moment - since) // per_page) if per_page else 1)))
        share = (since - moment) / (since - self.spans[older][1])
        return newer + min(1, older - newer) + int(share * max(0, older - newer - 1))


@dataclass
class ListKnowledge:
    """What one pass learned: the scan of each model whose list was read, and the vendor's replies by task id.

    `recorded` has the submissions whose record is written when a query finds them running. `queried_early` has those
    that are queried, without a list, before they must be. These queries stop after several `misses` in a row.
    """

    scans: dict[str, TaskListScan] = field(default_factory=dict)
    replies: dict[str, TaskOutput] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)
    queried_early: set[str] = field(default_factory=set)
    misses: int = 0
