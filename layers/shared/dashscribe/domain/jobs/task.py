"""A task: one accepted submission of up to 100 files, and when to ask the vendor about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, computed_field

from dashscribe.domain.jobs.job import KEEP_RECORDS, Due
from dashscribe.domain.timestamps import Timestamp

FIRST_QUERY_AFTER = timedelta(seconds=1)
MANY_FILES = 10
"""A task of so many is asked about sooner: one question is for all of them, and all of them wait for it."""
FIRST_OF_MANY_AFTER = timedelta(seconds=0.4)
YOUNG_SHARE_OF_AGE = 0.1
"""From the former to `FIRST_QUERY_AFTER`: at 10 s of age they are treated alike again."""
MAX_QUERY_DELAY = timedelta(seconds=60)
SHARE_OF_AGE = 0.2
"""Ask again after a fifth of the task's age: the answer is late by at most a fifth of what the task itself took."""
SHARE_OF_AGE_OF_MANY = 0.08
"""The same for many files: 5 s late at most after a minute."""
BYTES_PER_SECOND_OF_PATIENCE = 20_000_000
"""Files are processed at hundreds of times real time (docs/vendor-api.md#processing-time); a large one takes a while
all the same."""
TASK_DEADLINE = timedelta(hours=4)
"""The vendor gives up after 3 hours (`InternalError.Timeout`, docs/vendor-api.md#processing-time); an hour more for
its queue."""
MAX_FINALIZE_ATTEMPTS = 40
"""How often a finished task is handed to finalizers; with `finalize_again` that is about eight hours."""
RESULTS_LIVE = timedelta(hours=23)
"""The vendor deletes results 24 hours after the task's end (docs/vendor-api.md#result-retention)."""


class TaskPhase(StrEnum):
    """Where a task is, as we know it."""

    POSTING = "POSTING"  # its POST may have been sent; whether it was answered is not known yet
    IN_FLIGHT = "IN_FLIGHT"  # accepted: it has a task id
    ENDED = "ENDED"  # the vendor is done; its files are being finalized
    CLOSED = "CLOSED"  # every file of it is taken care of


class Task(BaseModel):
    """One record of the jobs table (`pk` = `TASK#<submission_id>`). `submission_id` is ours, `task_id` the vendor's."""

    model_config = ConfigDict(frozen=True)

    submission_id: str
    revision: int = 0
    phase: TaskPhase
    model: str
    job_ids: list[str]
    largest_file_bytes: int
    url_marks: list[str] = Field(default_factory=list)
    task_id: str | None = None
    posted_at: Timestamp
    accepted_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    finalize_attempts: int = 0
    due_kind: Due | None = None
    due_at: Timestamp | None = None
    expires_at: int | None = None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way
    @property
    def files(self) -> int:
        """How many it holds: the index has it, so that the loop knows what a question is worth."""
        return len(self.job_ids)


def open_task(
    submission_id: str,
    model: str,
    job_ids: list[str],
    largest_file_bytes: int,
    now: datetime,
    url_marks: Sequence[str] = (),
) -> Task:
    """Written before the POST: whoever finds it POSTING knows that the POST may have gone out.

    It stays so when the answer is lost; an answer, also a refusal, takes it out of this phase.
    """
    return Task(
        submission_id=submission_id,
        phase=TaskPhase.POSTING,
        model=model,
        job_ids=job_ids,
        largest_file_bytes=largest_file_bytes,
        url_marks=list(url_marks),
        posted_at=now,
        expires_at=int((now + KEEP_RECORDS).timestamp()),
    )


def _changed(task: Task, **changes: object) -> Task:
    return Task.model_validate({**task.model_dump(), **changes})


def min_query_delay(files: int, age: timedelta = timedelta(0)) -> timedelta:
    """Between questions about a task of so many files, when it is of this age."""
    if files < MANY_FILES:
        return FIRST_QUERY_AFTER
    return min(FIRST_QUERY_AFTER, max(FIRST_OF_MANY_AFTER, age * YOUNG_SHARE_OF_AGE))


def delay_before_query(age: timedelta, largest_file_bytes: int, files: int) -> timedelta:
    """How long to wait before the next question about a task of this age and so many files."""
    patience = min(timedelta(seconds=largest_file_bytes / BYTES_PER_SECOND_OF_PATIENCE), timedelta(seconds=20))
    share = SHARE_OF_AGE_OF_MANY if files >= MANY_FILES else SHARE_OF_AGE
    return min(MAX_QUERY_DELAY, max(min_query_delay(files, age) + patience, age * share))


def accepted(task: Task, task_id: str, now: datetime) -> Task:
    return _changed(
        task,
        phase=TaskPhase.IN_FLIGHT,
        task_id=task_id,
        accepted_at=now,
        due_kind=Due.TASK,
        due_at=now + delay_before_query(timedelta(0), task.largest_file_bytes, task.files),
    )


def still_running(task: Task, now: datetime, *, pause: timedelta | None = None) -> Task:
    """Ask again later. `pause` overrides the usual back-off, for when the vendor could not answer."""
    age = now - (task.accepted_at or task.posted_at)
    return _changed(task, due_at=now + (pause or delay_before_query(age, task.largest_file_bytes, task.files)))


def is_overdue(task: Task, now: datetime) -> bool:
    return now - (task.accepted_at or task.posted_at) > TASK_DEADLINE


def is_beyond_querying(task: Task, now: datetime) -> bool:
    """No answer can help any more: however late the task ended, the vendor has deleted its results."""
    return now - (task.accepted_at or task.posted_at) > TASK_DEADLINE + RESULTS_LIVE


def ended(task: Task, now: datetime) -> Task:
    """The vendor is done with it. It stays due, so that a finalizer that dies is noticed."""
    return _changed(
        task,
        phase=TaskPhase.ENDED,
        ended_at=task.ended_at or now,
        finalize_attempts=task.finalize_attempts + 1,
        due_at=now,
    )


def finalize_again(task: Task, now: datetime) -> Task:
    """Some of its files could not be finalized: ask for fresh result URLs after a pause that grows with each try."""
    pause = min(timedelta(minutes=15), timedelta(seconds=2) * 2 ** min(task.finalize_attempts, 10))
    return _changed(task, phase=TaskPhase.IN_FLIGHT, due_at=now + pause)


def is_out_of_finalize_attempts(task: Task) -> bool:
    """Its files could not be finalized for so long that something in our own system is broken for them."""
    return task.finalize_attempts >= MAX_FINALIZE_ATTEMPTS


def closed(task: Task, now: datetime) -> Task:
    return _changed(
        task,
        phase=TaskPhase.CLOSED,
        due_kind=None,
        due_at=None,
        expires_at=int((now + KEEP_RECORDS).timestamp()),
    )
