"""The table, by concept: job records, the rate limiter, the pause, learned vendor facts, and the backfill's ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.file_outcomes import FileOutcome


@dataclass(frozen=True)
class DueRecord:
    """An entry of a due list. `model` is set for jobs that wait for a slot or for the end of a pause."""

    record_id: str
    due_at: datetime
    model: str = ""


@dataclass(frozen=True)
class DueTask:
    """A task as the due list shows it. The list may be a moment old: read the task's record before acting on it."""

    submission_id: str
    due_at: datetime
    task_id: str
    model: str
    phase: TaskPhase
    accepted_at: datetime
    files: int


@dataclass(frozen=True)
class Batch:
    """Some jobs of one task, with its record and its outcomes. `jobs` leaves out what is absent or unreadable."""

    task: Task | None
    outcomes: dict[str, FileOutcome]
    jobs: dict[str, Job]


class JobRecords(Protocol):
    """Jobs, tasks, the outcomes of tasks, and the due lists.

    A record that cannot be read is moved aside and dead-lettered. Lists and `find_many` leave it out; `find` and
    `find_task` raise `RecordUnreadable`, as `find_batch` does for its task.

    `save` and `save_task` write only over the revision that was read, and return the written record. They raise
    `StaleRecord` when another process wrote the record first.
    """

    def create(self, job: Job) -> bool:
        """Write a new job. False, and nothing is written, when its id exists."""
        ...

    def find(self, job_id: str) -> Job | None: ...

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """The jobs that exist, by id."""
        ...

    def save(self, job: Job) -> Job: ...

    def save_task(self, task: Task) -> Task: ...

    def find_task(self, submission_id: str) -> Task | None: ...

    def find_batch(self, submission_id: str | None, job_ids: Sequence[str]) -> Batch:
        """The task of this submission, its outcomes, and these jobs, read together. Without a submission, the jobs."""
        ...

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None:
        """Write what a task returned for each of its jobs, by job id."""
        ...

    def clear_outcomes(self, submission_id: str, now: datetime) -> None:
        """Remove the outcomes of a task whose jobs have all ended: its result URLs are secrets."""
        ...

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        """The records of this kind that are due by `until`, earliest first."""
        ...

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        """The tasks that are due by `until`, earliest first."""
        ...

    def watch_delay(self, job_id: str, at: datetime) -> None:
        """Put the job on the due list DELAY at this time, once. Its own record does not change."""
        ...

    def end_delay_watch(self, job_id: str, now: datetime) -> None:
        """Take the job off the due list DELAY."""
        ...

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        """The ids of the jobs in the backlog by model, oldest first: the `limit` oldest of all models together."""
        ...

    def next_due(self, kind: Due) -> datetime | None:
        """When the first record of this kind is due."""
        ...

    def oldest_received(self) -> datetime | None:
        """When the oldest of the unfinished jobs that are due first was received."""
        ...


class RateLimiter(Protocol):
    """Rates that hold over all concurrent executions."""

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        """Reserve the next slot of this rate, and return how long to wait for it.

        Returns None, and reserves nothing, when the next slot is further away than `horizon`.
        """
        ...

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        """For how long from now every slot is reserved."""
        ...


class PauseStore(Protocol):
    """The pauses of submissions: of the account, and of models."""

    def pauses(self) -> Pauses: ...

    def replace(self, seen: Pauses, following: Pauses) -> bool:
        """Replace the record `seen` by `following`. False when another process wrote the record first."""
        ...


class VendorFacts(Protocol):
    """What the service learned of the vendor. Each fact can be lost: it then costs a call or a retry."""

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        """Whether tasks of several files were refused lately (docs/vendor-api.md#files-per-task)."""
        ...

    def remember_one_file_only(self, model: str, until: datetime) -> None: ...

    def count_single_acceptance(self, submission_id: str) -> int:
        """Count a file of this refused submission that the vendor accepted by itself, and return how many there are."""
        ...

    def task_list_state(self, model: str) -> TaskListState | None:
        """What the last scan of this model's task list left for the next one."""
        ...

    def save_task_list_state(self, model: str, state: TaskListState) -> None: ...

    def remember_task_id(self, task_id: str, submission_id: str) -> None:
        """Store which submission made this task, so that reconciliation does not take it for another's lost one."""
        ...

    def submission_of(self, task_id: str) -> str | None:
        """The submission that made this task, or None for a task that we do not know."""
        ...


class BackfillLedger(Protocol):
    """What the backfills have done so far, counted over all their batches."""

    def add_backfill_counts(self, run: str, counts: Mapping[str, int]) -> None: ...
