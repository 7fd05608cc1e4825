"""A task: one accepted submission of up to 100 files, and when to query it.

POSTING ──response──▶ IN_FLIGHT ──vendor is done──▶ ENDED ──all files finalized──▶ CLOSED
   │                      ▲                           │
   └──refused──▶ CLOSED   └────some files failed──────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, computed_field

from dashscribe.domain.jobs.job import Due
from dashscribe.domain.jobs.timeouts import (
    DELAYED_AFTER,
    KEEP_RECORDS,
    RESULTS_LIVE,
    TASK_DEADLINE,
    UNKNOWN_CONFIRMED_AFTER,
    VENDOR_CLOCK_TOLERANCE,
)
from dashscribe.domain.recognition.file_urls import find_url_mark
from dashscribe.domain.timestamps import Timestamp

SHARE_OF_AGE = 0.2
"""The loop waits a fifth of the age of the youngest tasks, within these limits:"""
MIN_WAIT = timedelta(seconds=1)
MIN_WAIT_OF_MANY = timedelta(seconds=0.4)
"""Where tasks hold `MANY_FILES`: one query serves all of them, and all of them wait for it."""
MANY_FILES = 10
MAX_WAIT = timedelta(seconds=3)
"""The loop must also notice a task that is submitted while it waits."""
MAX_LIST_WAIT = timedelta(seconds=2.2)
"""A pass that reads the list takes longer than one that sends two queries. The wait begins with the pass."""


class TaskPhase(StrEnum):
    """The state of a task, as far as we know it."""

    POSTING = "POSTING"  # the POST may have been sent; no response is recorded yet
    IN_FLIGHT = "IN_FLIGHT"  # accepted: it has a task id
    ENDED = "ENDED"  # the vendor is done; the files are being finalized
    CLOSED = "CLOSED"  # refused, or every file is finalized


class PostOutcome(StrEnum):
    """Whether the vendor accepted a POST whose response was lost, as reconciliation found out.

    One conditional write on the task's record decides it for all processes, before any job is changed.
    """

    ACCEPTED = "ACCEPTED"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    PENDING = "PENDING"  # not decided yet: reconcile again later
    UNDETERMINED = "UNDETERMINED"  # it cannot be found out


class Task(BaseModel):
    """One record of the jobs table (`pk` = `TASK#<submission_id>`). `submission_id` is ours, `task_id` the vendor's.

    Every pass looks at every task whose `due_at` has come. A later `due_at` delays a retry after an error; an earlier
    one is when a recorded query last found the task running.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    submission_id: str
    revision: int = 0
    phase: TaskPhase
    model: str
    job_ids: list[str]
    url_marks: list[str] = Field(default_factory=list)
    task_id: str | None = None
    request_id: str | None = None
    posted_at: Timestamp
    response_lost_at: Timestamp | None = None
    server_error: str | None = None
    reconciled_since: Timestamp | None = None
    post_outcome: PostOutcome | None = None
    accepted_at: Timestamp | None = None
    unknown_since: Timestamp | None = None
    query_failing_since: Timestamp | None = None
    is_delay_reported: bool = False
    ended_at: Timestamp | None = None
    finalize_attempts: int = 0
    due_kind: Due | None = None
    due_at: Timestamp | None = None
    expires_at: int | None = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way
    @property
    def files(self) -> int:
        """The number of files. The index projects it, so that the loop knows how many files a query serves."""
        return len(self.job_ids)

    @property
    def mark_of_job(self) -> dict[str, str]:
        """The URL mark of each job's file; empty if a URL had none."""
        return dict(zip(self.job_ids, self.url_marks, strict=True)) if len(self.url_marks) == self.files else {}


def is_marked_for_another(task: Task, job_id: str, file_url: object) -> bool:
    """Whether a file URL has the mark of another job of this task."""
    mark = find_url_mark(file_url) if isinstance(file_url, str) else None
    marks = task.mark_of_job
    return mark is not None and mark != marks.get(job_id) and mark in marks.values()


def open_task(
    submission_id: str,
    model: str,
    job_ids: list[str],
    now: datetime,
    url_marks: Sequence[str] = (),
) -> Task:
    """The record that is written before the POST. A task found in POSTING means that the POST may have been sent.

    A lost response leaves the task in this phase. Any response, also a refusal, ends the phase.
    """
    return Task(
        submission_id=submission_id,
        phase=TaskPhase.POSTING,
        model=model,
        job_ids=job_ids,
        url_marks=list(url_marks),
        posted_at=now,
        expires_at=int((now + KEEP_RECORDS).timestamp()),
    )


def _changed(task: Task, **changes: object) -> Task:
    return Task.model_validate({**task.model_dump(), **changes})


def min_wait(files: float) -> timedelta:
    """The shortest time between two looks at tasks that hold this many files."""
    return MIN_WAIT_OF_MANY if files >= MANY_FILES else MIN_WAIT


def wait_between_looks(ages: Sequence[timedelta], files: float, *, by_list: bool) -> timedelta:
    """How long until the next look at running tasks of these ages, which hold `files` files on average."""
    youngest_quarter = sorted(ages)[len(ages) // 4]
    return min(MAX_LIST_WAIT if by_list else MAX_WAIT, max(min_wait(files), youngest_quarter * SHARE_OF_AGE))


def accepted(task: Task, task_id: str, now: datetime, request_id: str | None = None) -> Task:
    return _changed(
        task,
        phase=TaskPhase.IN_FLIGHT,
        task_id=task_id,
        request_id=request_id,
        accepted_at=now,
        due_kind=Due.TASK,
        due_at=now + min_wait(task.files),
    )


def response_lost(task: Task, now: datetime) -> Task:
    """The POST had no response. Whether the vendor accepted it is not known."""
    return _changed(task, response_lost_at=task.response_lost_at or now)


def failed_by_server(task: Task, now: datetime, error_code: str) -> Task:
    """The POST got an error of the server (HTTP 5xx). Whether it was accepted nevertheless, the task list shows."""
    return _changed(task, response_lost_at=now, server_error=error_code)


def reconciling(task: Task, now: datetime) -> Task:
    """A task list was read for this submission. The time that reconciliation may take begins with the first one."""
    return _changed(task, response_lost_at=task.response_lost_at or now, reconciled_since=task.reconciled_since or now)


def adopted(task: Task, task_id: str, now: datetime) -> Task:
    """Reconciliation found the task that the POST made."""
    return _changed(accepted(task, task_id, now), post_outcome=PostOutcome.ACCEPTED)


def not_adopted(task: Task, outcome: PostOutcome, now: datetime) -> Task:
    """Reconciliation ended without a task. The jobs are submitted again, or fail."""
    return _changed(closed(task, now), post_outcome=outcome)


def still_running(task: Task, now: datetime, *, delay: timedelta = timedelta(0)) -> Task:
    """A query found the task running. With a `delay` no pass looks at the task before it is over."""
    return _changed(task, unknown_since=None, query_failing_since=None, due_at=now + delay)


def query_failed(task: Task, now: datetime, delay: timedelta) -> Task:
    """A query failed, which says nothing about the task. The next query is due after the delay."""
    return _changed(task, query_failing_since=task.query_failing_since or now, due_at=now + delay)


def unknown(task: Task, now: datetime, delay: timedelta) -> Task:
    """A query found that the vendor does not know the task, or not its results. The next query is due after the
    delay."""
    since = task.unknown_since or now
    return _changed(task, unknown_since=since, query_failing_since=None, due_at=now + delay)


def is_delayed_by_queries(task: Task, now: datetime) -> bool:
    """Whether the queries have failed for so long that its jobs are delayed, and this is not recorded with them yet."""
    since = task.query_failing_since
    return since is not None and now - since >= DELAYED_AFTER and not task.is_delay_reported


def delay_reported(task: Task) -> Task:
    return _changed(task, is_delay_reported=True)


def has_odd_queries(task: Task) -> bool:
    """Whether the last query failed, or did not know the task."""
    return task.unknown_since is not None or task.query_failing_since is not None


def is_unknown_for_good(task: Task, now: datetime) -> bool:
    return task.unknown_since is not None and now - task.unknown_since >= UNKNOWN_CONFIRMED_AFTER


def is_overdue(task: Task, now: datetime) -> bool:
    return now - (task.accepted_at or task.posted_at) > TASK_DEADLINE


def is_beyond_querying(task: Task, now: datetime) -> bool:
    """No response can help any more: however late the task ended, the vendor has deleted its results."""
    return now - (task.accepted_at or task.posted_at) > TASK_DEADLINE + RESULTS_LIVE


def time_within(task: Task, reported: datetime | None, now: datetime) -> datetime | None:
    """A time of the task that the vendor reported; None if it cannot be one, because it is before the POST or to come.

    A small difference between the clocks is corrected, so that the times of a job are in order.
    """
    if reported is None or not task.posted_at - VENDOR_CLOCK_TOLERANCE <= reported <= now + VENDOR_CLOCK_TOLERANCE:
        return None
    return min(max(reported, task.posted_at), now)


def ended(task: Task, now: datetime) -> Task:
    """The vendor is done with the task. The task stays due, so that a dead finalizer is noticed.

    A due time that has come does not change: each change of `due_at` costs two writes of the index.
    """
    return _changed(
        task,
        phase=TaskPhase.ENDED,
        ended_at=task.ended_at or now,
        unknown_since=None,
        query_failing_since=None,
        finalize_attempts=task.finalize_attempts + 1,
        due_at=min(task.due_at or now, now),
    )


def finalize_again(task: Task, at: datetime) -> Task:
    """Some files could not be finalized: query the task at this time, for fresh result URLs."""
    return _changed(task, phase=TaskPhase.IN_FLIGHT, due_at=at)


def closed(task: Task, now: datetime) -> Task:
    return _changed(
        task,
        phase=TaskPhase.CLOSED,
        due_kind=None,
        due_at=None,
        expires_at=int((now + KEEP_RECORDS).timestamp()),
    )
