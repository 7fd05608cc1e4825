"""How far the vendor's task list is trusted, and which tasks are queried whatever it reports. Pure rules.

One page of the list has the status of up to 100 tasks. One query has the status of one task, with its results
(docs/decisions/0006-task-list-instead-of-single-queries.md).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.jobs.task import MIN_WAIT, SHARE_OF_AGE
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.domain.recognition.task_replies import MAX_PAGE_SIZE
from dashscribe.domain.timestamps import Timestamp

MAX_SINGLE_QUERIES = 2
"""This many tasks are queried in each pass without the list. The list would cost as many calls."""
QUERY_ANYWAY_AFTER = timedelta(seconds=60)
"""A task is queried at least after this time, or after half its age if that is longer, whatever the list reports.
Without a list a task that has waited so long comes first."""
CLOCK_TOLERANCE = timedelta(seconds=5)
"""Smaller differences between two clocks prove nothing."""
ENOUGH_REPLIES = 3
"""The list is wrong when at least this many, and at least half, of the tasks that it reports as ended still run.
Without a list, after this many tasks in a row that still run, the younger ones are left out."""
OFF_AFTER_ERROR = timedelta(seconds=30)
"""After an error, and after a scan that lists none of our tasks."""
DISTRUSTED_FOR = timedelta(minutes=10)
"""After a list that contradicts the queries."""


class TaskListState(BaseModel):
    """What is stored for each model (`pk` = `TASK_LIST#<model>`). It is written only when it changes.

    Until `off_until` the list is not used. `page_size` is the size that the server returned last.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    off_until: Timestamp | None = None
    page_size: int = MAX_PAGE_SIZE


def is_queried_anyway(due_at: datetime, accepted_at: datetime, now: datetime) -> bool:
    """Whether a task is queried although the list reports it as running, or does not show it in this pass.

    `due_at` is when a query last found it running.
    """
    age = now - accepted_at
    return age > TASK_DEADLINE or now - due_at >= max(QUERY_ANYWAY_AFTER, age / 2)


def is_due_without_list(due_at: datetime, accepted_at: datetime, now: datetime) -> bool:
    """Whether a task is queried without a list: after a fifth of its age."""
    return now - due_at >= min(QUERY_ANYWAY_AFTER, max(MIN_WAIT, (due_at - accepted_at) * SHARE_OF_AGE))


def pages_to_read(wanted: list[int], most: int, now: datetime) -> list[int]:
    """These pages in the order of reading. Of more than `most`: a quarter of `most` from the oldest on, and as many of
    the others in rotation.

    Most tasks end on the oldest pages. Read last, they are known best. Of many, they are read first, because the scan
    may stop before the last. The time selects the others, because a pass stores nothing. At the default rate,
    1.7 pages a second leave out none when a pass takes up to 7 s. Passes of whole seconds do not see the same pages
    again and again.
    """
    half = max(1, most // 2)
    if len(wanted) <= most:
        return wanted if len(wanted) <= half else wanted[::-1]
    quarter = -(-half // 2)
    oldest, others = wanted[-quarter:], wanted[:-quarter]
    start = int(now.timestamp() * 1.7) % len(others)
    rotated = (others * 2)[start : start + half - quarter]
    return [*oldest[::-1], *rotated[::-1]]
