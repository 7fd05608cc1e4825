"""How far the vendor's task list is trusted, and which tasks are queried whatever it reports. Pure rules.

One page of the list has the status of up to 100 tasks. One query has the status of one task, with its results
(docs/decisions/0006-task-list-instead-of-single-queries.md).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.jobs.task import MIN_WAIT, SHARE_OF_AGE
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.domain.recognition.vendor_codes import is_task_list_unsupported
from dashscribe.domain.timestamps import Timestamp
from dashscribe.errors import ErrorClass

DEFAULT_PAGE_SIZE = 10
"""The vendor's default (docs/vendor-api.md#task-list). A server that refuses larger pages is asked for this size."""
MAX_PAGES = 60
"""Pages that one scan reads: three seconds of the account's rate."""
MANY_PAGES = 20
"""More pages are read from the oldest on. Of more than `MAX_PAGES`, a scan reads this many."""
MAX_ENDED = 40
"""A scan stops at this many ended tasks, because one pass cannot query more."""
MAX_SINGLE_QUERIES = 2
"""This many tasks are queried in each pass without the list. The list would cost as many calls."""
QUERY_ANYWAY_AFTER = timedelta(seconds=60)
"""A task is queried at least after this time, or after half its age if that is longer, whatever the list reports.
Without a list it is the longest time between two queries of a task."""
CLOCK_TOLERANCE = timedelta(seconds=5)
"""Smaller differences between two clocks prove nothing."""
MIN_WRONG_ENTRIES = 3
"""The list is wrong when at least this many, and most, of the tasks that it reports as ended still run."""
OFF_AFTER_ERROR = timedelta(seconds=30)
"""After an error, and after a scan that lists none of our tasks."""
DISTRUSTED_FOR = timedelta(minutes=10)
"""After a list that contradicts the queries, and where there is no list."""
MAX_MISSES = 5
"""Without a list: after this many tasks in a row that still run, the younger ones are skipped."""
MAX_POSTPONEMENT = timedelta(seconds=30)
"""Without a list: a task is skipped for at most this long."""


class TaskListState(BaseModel):
    """What is stored for each model (`pk` = `TASK_LIST#<model>`). It is written only when it changes.

    Until `off_until` the list is not used. `page_size` is the size that the server returned last.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    off_until: Timestamp | None = None
    page_size: int = 100

    def is_off(self, now: datetime) -> bool:
        return self.off_until is not None and self.off_until > now

    def turned_off(self, until: datetime) -> TaskListState:
        return self.model_copy(update={"off_until": until})


def after_refusal(
    state: TaskListState, error_class: ErrorClass, http_status: int | None, now: datetime
) -> TaskListState:
    """The state after an error: a smaller page where the server refuses the size, else no list for a while."""
    if http_status == 400 and state.page_size > DEFAULT_PAGE_SIZE:
        return state.model_copy(update={"page_size": DEFAULT_PAGE_SIZE})
    return state.turned_off(
        now + (DISTRUSTED_FOR if is_task_list_unsupported(error_class, http_status) else OFF_AFTER_ERROR)
    )


def is_queried_anyway(due_at: datetime, accepted_at: datetime, now: datetime) -> bool:
    """Whether a task is queried although the list reports it as running, or does not show it in this pass.

    `due_at` is when a query last found it running.
    """
    age = now - accepted_at
    return age > TASK_DEADLINE or now - due_at >= max(QUERY_ANYWAY_AFTER, age / 2)


def overdue_without_list(due_at: datetime, accepted_at: datetime, now: datetime) -> timedelta:
    """Without a list: for how long a query has been due, after a fifth of the task's age. Negative before that."""
    delay = min(QUERY_ANYWAY_AFTER, max(MIN_WAIT, (due_at - accepted_at) * SHARE_OF_AGE))
    return now - due_at - delay


def pages_to_read(wanted: list[int], most: int, now: datetime) -> list[int]:
    """These pages in the order of reading. Of too many: the oldest ten, and ten in rotation.

    Most tasks end on the oldest pages. Read last, they are known best. Of many, they are read first, because the scan
    may stop before the last. The time selects the ten, because a pass stores nothing: two pages a second, as such a
    pass takes 5 s.
    """
    if len(wanted) <= min(most, MANY_PAGES):
        return wanted
    if len(wanted) <= most:
        return wanted[::-1]
    most = min(most, MANY_PAGES)
    split = -(-most // 2)
    oldest, others = wanted[-split:], wanted[:-split]
    start = int(now.timestamp()) * 2
    rotated = {others[(start + step) % len(others)] for step in range(most - split)}
    return [*oldest[::-1], *sorted(rotated, reverse=True)]
