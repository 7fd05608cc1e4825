"""When the vendor's list of tasks is read instead of asking about each task, and how far it is believed. Pure rules.

A page of the list tells of up to a hundred tasks in one call; a question tells of one, but with its results. So a sweep
reads pages to learn which tasks have ended, and asks about those. A task that the list calls unfinished costs nothing:
its record is left as it is, and it stays due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.jobs.task import min_query_delay
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.domain.recognition.vendor_codes import is_task_list_unsupported
from dashscribe.domain.timestamps import Timestamp
from dashscribe.errors import ErrorClass

PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 10
"""What is asked for first, and the vendor's default (docs/vendor-api.md#task-list). The maximum is not documented:
from the first
reply on, what came back counts, and a server that refuses the first is asked for the second."""
MAX_PAGES = 20
"""Of one sweep: a second of the account's rate."""
MIN_ENDED_PER_PAGE = 2
"""A page that told of so many ended tasks is followed by its neighbour: ends come in groups."""
CALLS_PER_FILE = 2.5
"""With one file a task, a file may cost 2.5 calls: its submission, its question, and 0.4 of a page with some room."""
MAX_SCAN_INTERVAL = timedelta(seconds=5)
SHARE_OF_AGE = 0.02
"""While nothing ends, the list is read again after this share of what the tasks have taken so far."""
EARLY_BY = timedelta(milliseconds=500)
"""A sweep that is due so soon is made now: the loop waits in whole seconds."""
SPOT_CHECK_AFTER = timedelta(seconds=10)
SPOT_CHECK_CHANCE = 0.2
"""In one sweep of five, a task is asked about whatever the list says: the one that has been due longest."""
TRUSTED_FOR = timedelta(minutes=5)
MAX_TRUSTED_FOR = timedelta(minutes=30)
"""And each task after so long, or after its own age if that lies between: the list may be wrong about it for ever."""
STALE_AFTER = timedelta(seconds=5)
"""A list is untrue when it calls a task unfinished that ended so long before; less may be two clocks that differ."""
MIN_WRONG_ENTRIES = 3
"""Or when at least so many, and most, of the tasks that it calls ended are not."""
MAX_MISSES = 5
"""Without a list: after so many tasks in a row that still run, those that came after them are taken to run too."""
MAX_QUERY_POSTPONEMENT = timedelta(seconds=30)
"""But for no longer than this: then a task is asked about in any case."""
OFF_FOR = timedelta(seconds=30)
"""After an error, and after a sweep that told of none of our tasks."""
OFF_FOR_INCONSISTENT = timedelta(minutes=10)
OFF_FOR_ABSENT = timedelta(hours=1)


class TaskListState(BaseModel):
    """One record of the jobs table for each model (`pk` = `TASK_LIST#<model>`), written with each sweep.

    `page_size` is what the server gave last, and is asked for next. Until `off_until` tasks are asked about singly.
    """

    model_config = ConfigDict(frozen=True)

    next_at: Timestamp
    off_until: Timestamp | None = None
    page_size: int = PAGE_SIZE

    def is_off(self, now: datetime) -> bool:
        return self.off_until is not None and self.off_until > now

    def is_due(self, now: datetime) -> bool:
        return self.next_at <= now + EARLY_BY

    def turned_off(self, until: datetime) -> TaskListState:
        return self.model_copy(update={"off_until": until})


def after_refusal(
    state: TaskListState, error_class: ErrorClass, http_status: int | None, now: datetime
) -> TaskListState:
    """A server that refuses our page size gets its own default; one without a list is left alone for longer."""
    if http_status == 400 and state.page_size > DEFAULT_PAGE_SIZE:
        return state.model_copy(update={"page_size": DEFAULT_PAGE_SIZE})
    return state.turned_off(now + (OFF_FOR_ABSENT if is_task_list_unsupported(error_class, http_status) else OFF_FOR))


def list_needs_fewer_calls(due: int, in_flight: int, page_size: int) -> bool:
    """Whether to sweep when so many tasks are due, of so many that the list may tell of.

    Singly: a call for each. By list: its pages, and a call for each that has ended. Half of them, as far as we know.
    """
    pages = -(-in_flight // page_size)
    return pages + due / 2 < due


def first_page(in_flight: int, page_size: int) -> int:
    """Where our oldest task is, if tasks end in their order and nobody else has any. The list is newest first."""
    return max(1, -(-in_flight // page_size))


def reads_another_page(ended_on_last_page: int, pages_so_far: int, chance: Callable[[], float]) -> bool:
    """Whether a sweep reads one more page, after so many in this direction.

    It follows what pays. Else the n-th page is read in one sweep of n on average: each page is seen sooner or later,
    and sweeping 10 pages costs 3 calls, 100 pages 5.
    """
    if pages_so_far >= MAX_PAGES:
        return False
    return ended_on_last_page >= MIN_ENDED_PER_PAGE or chance() < pages_so_far / (pages_so_far + 1)


def pause_after(pages: int, ended_files: int, ages: Sequence[timedelta], files_a_task: int) -> timedelta:
    """How long a sweep of so many pages, that found the end of so many files, is good for.

    `ages` are of the unfinished tasks.
    """
    if not ages:
        return min_query_delay(files_a_task)
    median = sorted(ages)[len(ages) // 2]
    shortest = min_query_delay(files_a_task, median)
    if ended_files:
        return min(MAX_SCAN_INTERVAL, shortest * max(1.0, CALLS_PER_FILE * pages / ended_files))
    return min(MAX_SCAN_INTERVAL, max(shortest, median * SHARE_OF_AGE))


def is_queried_anyway(due_at: datetime, accepted_at: datetime, now: datetime) -> bool:
    """Whether a task that no list calls ended is asked about all the same: it has been due for too long."""
    age = now - accepted_at
    return age > TASK_DEADLINE or now - due_at >= min(MAX_TRUSTED_FOR, max(TRUSTED_FOR, age))


def is_query_overdue(due_at: datetime, now: datetime) -> bool:
    """The same without a list."""
    return now - due_at >= MAX_QUERY_POSTPONEMENT
