"""The jobs table in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from dashscribe.adapters.dynamodb.items import attributes_of, from_item, to_item
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.errors import (
    RecordUnreadable,
    StaleRecord,
)
from dashscribe.services.ports import Batch, DueRecord, DueTask
from tests.support.constants import START
from tests.support.crashes import Crashes


def due_task(task: Task) -> DueTask:
    """The task as the index shows it."""
    if task.due_at is None or task.task_id is None or task.accepted_at is None:
        raise AssertionError(f"a task on the due list without the fields of the index: {task}")
    return DueTask(task.submission_id, task.due_at, task.task_id, task.model, task.phase, task.accepted_at, task.files)


MAX_DYNAMODB_LEVELS = 32


def count_levels(item: Mapping[str, Any]) -> int:
    """How deep the maps and lists of an item are nested, as DynamoDB counts them."""
    inner: list[Any] = []
    for typed in item.values():
        [(kind, value)] = typed.items()
        if kind in "ML":
            inner.append(value if kind == "M" else dict(enumerate(value)))
    return 1 + max(map(count_levels, inner)) if inner else 0


@dataclass
class Records:
    """Every port of the table in dicts, with the same conditional writes. `saves` has every saved job, in order.

    The records with `unreadable` keys cannot be read; `moved_aside` has the keys that were dead-lettered.
    """

    crashes: Crashes
    jobs: dict[str, Job] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    outcomes: dict[str, dict[str, FileOutcome]] = field(default_factory=dict)
    known_task_ids: dict[str, str] = field(default_factory=dict)
    pause_record: Pauses = field(default_factory=Pauses)
    unreadable: set[str] = field(default_factory=set)
    moved_aside: list[str] = field(default_factory=list)
    one_file_only: dict[str, datetime] = field(default_factory=dict)
    next_slots: dict[str, datetime] = field(default_factory=dict)
    list_states: dict[str, TaskListState] = field(default_factory=dict)
    saves: list[Job] = field(default_factory=list)
    split_accepted: dict[str, int] = field(default_factory=dict)
    delay_watches: dict[str, datetime] = field(default_factory=dict)

    def create(self, job: Job) -> bool:
        def effect() -> bool:
            return self.jobs.setdefault(job.job_id, job) is job

        return bool(self.crashes.around("create job", effect))

    def find(self, job_id: str) -> Job | None:
        self._check_readable(job_id)
        return self.crashes.read("find job", self.jobs.get(job_id))

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        for job_id in self.unreadable.intersection(job_ids):
            self._move_aside(job_id)
        readable = [job_id for job_id in job_ids if job_id in self.jobs and job_id not in self.unreadable]
        found = {job_id: self.jobs[job_id] for job_id in readable}
        return self.crashes.read("find jobs", found)

    def _check_readable(self, record_id: str) -> None:
        if record_id in self.unreadable:
            self._move_aside(record_id)
            raise RecordUnreadable(record_id)

    def _move_aside(self, record_id: str) -> None:
        if record_id in self.moved_aside:
            return
        self.moved_aside.append(record_id)
        aside = {"due_kind": None, "due_at": None}
        if record_id in self.jobs:
            self.jobs[record_id] = self.jobs[record_id].model_copy(update=aside)
        else:
            self.tasks[record_id] = self.tasks[record_id].model_copy(update=aside)

    def save(self, job: Job) -> Job:
        def effect() -> Job:
            if self.jobs[job.job_id].revision != job.revision:
                raise StaleRecord(job.job_id)
            fields = attributes_of(job.model_copy(update={"revision": job.revision + 1}))
            item = to_item(fields)
            if count_levels(item) > MAX_DYNAMODB_LEVELS:
                raise ValueError("Nesting Levels have exceeded supported limits")
            following = Job.model_validate(from_item(item))  # as DynamoDB returns it
            self.jobs[job.job_id] = following
            self._made_readable(job.job_id)
            self.saves.append(following)
            return following

        saved: Job = self.crashes.around(f"save job as {job.status}", effect)
        return saved

    def _made_readable(self, record_id: str) -> None:
        """A process that read the record earlier has written it again."""
        self.unreadable.discard(record_id)
        if record_id in self.moved_aside:
            self.moved_aside.remove(record_id)

    def save_task(self, task: Task) -> Task:
        def effect() -> Task:
            stored = self.tasks.get(task.submission_id)
            if (stored.revision if stored else 0) != task.revision:
                raise StaleRecord(task.submission_id)
            following = task.model_copy(update={"revision": task.revision + 1})
            self.tasks[task.submission_id] = following
            self._made_readable(task.submission_id)
            return following

        saved: Task = self.crashes.around(f"save task as {task.phase}", effect)
        return saved

    def find_task(self, submission_id: str) -> Task | None:
        self._check_readable(submission_id)
        return self.crashes.read("find task", self.tasks.get(submission_id))

    def remember_task_id(self, task_id: str, submission_id: str) -> None:
        self.crashes.around("remember task id", partial(self.known_task_ids.__setitem__, task_id, submission_id))

    def submission_of(self, task_id: str) -> str | None:
        return self.crashes.read("submission of task", self.known_task_ids.get(task_id))

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None:
        self.crashes.around("save outcomes", lambda: self.outcomes.__setitem__(submission_id, dict(outcomes)))

    def clear_outcomes(self, submission_id: str, now: datetime) -> None:
        self.crashes.around("clear outcomes", lambda: self.outcomes.__setitem__(submission_id, {}))

    def find_batch(self, submission_id: str | None, job_ids: Sequence[str]) -> Batch:
        if submission_id is not None:
            self._check_readable(submission_id)
        for job_id in self.unreadable.intersection(job_ids):
            self._move_aside(job_id)
        readable = [job_id for job_id in job_ids if job_id in self.jobs and job_id not in self.unreadable]
        batch = Batch(
            task=self.tasks.get(submission_id or ""),
            outcomes=self.outcomes.get(submission_id or "", {}),
            jobs={job_id: self.jobs[job_id] for job_id in readable},
        )
        return self.crashes.read("find batch", batch)

    def _due_list(self, kind: Due) -> list[DueRecord]:
        if kind is Due.DELAY:
            watches = [DueRecord(job_id, at) for job_id, at in self.delay_watches.items()]
            return sorted(watches, key=lambda record: record.due_at)
        records: Mapping[str, Job | Task] = self.tasks if kind is Due.TASK else self.jobs
        found = [
            DueRecord(record_id, record.due_at, record.model or "")
            for record_id, record in records.items()
            if record.due_kind is kind and record.due_at is not None
        ]
        return sorted(found, key=lambda record: record.due_at)

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        found = [record for record in self._due_list(kind) if record.due_at <= until][:limit]
        return self.crashes.read(f"due list {kind}", found)

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        found = [record.record_id for record in self._due_list(Due.TASK) if record.due_at <= until][:limit]
        return self.crashes.read("due tasks", [due_task(self.tasks[submission_id]) for submission_id in found])

    def watch_delay(self, job_id: str, at: datetime) -> None:
        self.crashes.around("watch delay", partial(self.delay_watches.__setitem__, job_id, at))

    def end_delay_watch(self, job_id: str, now: datetime) -> None:
        self.crashes.around("end delay watch", partial(self.delay_watches.pop, job_id, None))

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        backlog: dict[str, list[str]] = {}
        for record in self._due_list(Due.RATE_LIMITED)[:limit]:
            backlog.setdefault(self.jobs[record.record_id].model or "", []).append(record.record_id)
        return self.crashes.read("backlog", backlog)

    def next_due(self, kind: Due) -> datetime | None:
        return next((record.due_at for record in self._due_list(kind)), None)

    def oldest_received(self) -> datetime | None:
        return min((job.received_at for job in self.jobs.values() if job.due_kind is not None), default=None)

    def pauses(self) -> Pauses:
        return self.crashes.read("read pauses", self.pause_record)

    def replace(self, seen: Pauses, following: Pauses) -> bool:
        def effect() -> bool:
            if self.pause_record.version != seen.version:
                return False
            version = str(int(seen.version or 0) + 1)
            self.pause_record = following.model_copy(update={"version": version})
            return True

        return bool(self.crashes.around("save pauses", effect))

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        return self.one_file_only.get(model, START) > now

    def remember_one_file_only(self, model: str, until: datetime) -> None:
        self.crashes.around("remember one file only", partial(self.one_file_only.__setitem__, model, until))

    def count_single_acceptance(self, submission_id: str) -> int:
        def effect() -> int:
            self.split_accepted[submission_id] = self.split_accepted.get(submission_id, 0) + 1
            return self.split_accepted[submission_id]

        return int(self.crashes.around("count single acceptance", effect))

    def task_list_state(self, model: str) -> TaskListState | None:
        return self.crashes.read("list state", self.list_states.get(model))

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        self.crashes.around("save list state", partial(self.list_states.__setitem__, model, state))

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        slot = max(self.next_slots.get(name, now), now)
        if slot > now + horizon:
            return None
        self.next_slots[name] = slot + timedelta(seconds=1 / per_second)
        return self.crashes.read("reserve slot", slot - now)

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        return max(timedelta(0), self.next_slots.get(name, now) - now)
