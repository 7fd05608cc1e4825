"""The table, the queue, the results and the vendor of the simulated AWS: with latencies, a bill and rate limits.

The latencies are assumptions, and are the same for every design that is compared.
"""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, TypeVar

from dashscribe.adapters.dynamodb.items import attributes_of, to_item
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask, TaskList, TaskReply
from dashscribe.domain.timestamps import to_iso
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.errors import ErrorClass, StaleRecord, VendorError
from dashscribe.services.ports import Batch, DueRecord, DueTask, Message
from tests.benchmarks.aws_bill import Bill, item_size
from tests.benchmarks.virtual_time import VirtualTime
from tests.support.crashes import Crashes
from tests.support.records import Records, due_task
from tests.support.stores import Queue, Results
from tests.support.vendor import Vendor

LATENCY = {
    "head": 0.020,
    "put result": 0.030,
    "publish": 0.020,
    "requeue": 0.010,
    "take messages": 0.010,
    "delete message": 0.010,
    "dead-letter": 0.010,
    "transit to the vendor": 0.050,
    "POST": 0.100,
    "query": 0.050,
    "list": 0.050,
    "download": 0.100,
}
"""Seconds of each call of S3, EventBridge, SQS and the vendor. Every other call takes `DYNAMODB`.

The vendor counts a request when it arrives. Two requests may arrive closer together than they were sent.
"""
DYNAMODB = 0.005
JITTER = (0.7, 1.6)
"""Each latency is multiplied with a random factor in this range."""
SUBMITS_PER_SECOND, QUERIES_PER_SECOND = 10, 20
"""The vendor's limits for Fun-ASR (docs/vendor-api.md#rate-limits). A page of the task list counts as a query."""
INDEXED = ("pk", "due_kind", "due_at", "received_at", "accepted_at", "model", "phase", "task_id", "files")
"""The attributes in the index `due`, as in the template."""
Answer = TypeVar("Answer")


class Latencies(Crashes):
    """Adds the latency of every side effect and every read, in place of the crashes."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self.time = time
        self._chance = random.Random(1)  # noqa: S311 - the same run each time

    def wait(self, name: str) -> None:
        self.time.sleep(LATENCY.get(name, DYNAMODB) * self._chance.uniform(*JITTER))

    def wait_for_slowest(self, name: str, of: int) -> None:
        seconds = LATENCY.get(name, DYNAMODB)
        self.time.sleep(max(seconds * self._chance.uniform(*JITTER) for _ in range(of)))

    def around(self, name: str, effect: Callable[[], Any]) -> Any:
        self.wait(name)
        return effect()

    def read(self, name: str, answer: Answer) -> Answer:
        self.wait(name)
        return answer


class BilledRecords(Records):
    """Counts the units of every read and write of the table, including the writes of its index."""

    def __init__(self, crashes: Latencies, bill: Bill) -> None:
        super().__init__(crashes)
        self.bill = bill
        self.time = crashes.time
        self.sizes: dict[str, int] = {}
        self.was_busy: dict[str, bool] = {}
        self.entries: dict[str, dict[str, object]] = {}
        self.lists: dict[Due, dict[str, datetime]] = {kind: {} for kind in Due}

    def _wrote(self, pk: str, document: dict[str, Any]) -> None:
        item = {"pk": pk, **{name: value for name, value in document.items() if value is not None}}
        size = item_size(to_item(item))
        self.bill.dynamodb_write(size, self.sizes.get(pk, 0))
        self.sizes[pk] = size
        before = self.entries.pop(pk, {})
        after = {name: item[name] for name in INDEXED if name in item} if "due_kind" in item else {}
        if after:
            self.entries[pk] = after
        if before and after and (before["due_kind"], before["due_at"]) == (after["due_kind"], after["due_at"]):
            self.bill["dynamodb_write_units"] += before != after
        else:  # the index deletes and writes an entry whose key changes
            self.bill["dynamodb_write_units"] += bool(before) + bool(after)

    def _record_written(self, pk: str, record: Job | Task) -> None:
        self._wrote(pk, attributes_of(record))
        name = pk.partition("#")[2]
        for kind, listed in self.lists.items():
            if kind is not Due.DELAY:
                listed.pop(name, None)
            if record.due_kind is kind and record.due_at is not None:
                listed[name] = record.due_at

    def _queried(self, kind: Due, names: Iterable[str]) -> None:
        """One query of the index is billed by the size of all entries that it read."""
        table = {Due.TASK: "TASK", Due.DELAY: "DELAY"}.get(kind, "JOB")
        size = sum(item_size(to_item(self.entries[f"{table}#{name}"])) for name in names)
        self.bill.dynamodb_read(size, consistent=False)

    def _due_names(self, kind: Due, until: datetime, limit: int) -> list[tuple[datetime, str]]:
        return sorted((at, name) for name, at in self.lists[kind].items() if at <= until)[:limit]

    @contextmanager
    def _billed_when_refused(self) -> Iterator[None]:
        """A conditional write that is refused is billed like the smallest one."""
        try:
            yield
        except StaleRecord:
            self.bill.dynamodb_write(0)
            raise

    def create(self, job: Job) -> bool:
        created = super().create(job)
        if created:
            self._record_written(f"JOB#{job.job_id}", job)
        else:
            self.bill.dynamodb_write(0)
        return created

    def save(self, job: Job) -> Job:
        with self._billed_when_refused():
            saved = super().save(job)
        self._record_written(f"JOB#{job.job_id}", saved)
        return saved

    def save_task(self, task: Task) -> Task:
        with self._billed_when_refused():
            saved = super().save_task(task)
        self._record_written(f"TASK#{task.submission_id}", saved)
        return saved

    def find(self, job_id: str) -> Job | None:
        self.bill.dynamodb_read(self.sizes.get(f"JOB#{job_id}", 0))
        return super().find(job_id)

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        for job_id in job_ids:
            self.bill.dynamodb_read(self.sizes.get(f"JOB#{job_id}", 0))
        return super().find_many(job_ids)

    def find_task(self, submission_id: str) -> Task | None:
        self.bill.dynamodb_read(self.sizes.get(f"TASK#{submission_id}", 0))
        return super().find_task(submission_id)

    def remember_task_id(self, task_id: str, submission_id: str) -> None:
        super().remember_task_id(task_id, submission_id)
        self._wrote(f"TASK_ID#{task_id}", {"expires_at": 1_800_000_000})

    def save_outcomes(self, submission_id: str, outcomes: Any) -> None:
        super().save_outcomes(submission_id, outcomes)
        stored = {name: outcome.model_dump(mode="json", exclude_defaults=True) for name, outcome in outcomes.items()}
        text = json.dumps(stored)
        self._wrote(f"OUTCOMES#{submission_id}", {"outcomes": text, "expires_at": 1_800_000_000})

    def clear_outcomes(self, submission_id: str, now: datetime) -> None:
        super().clear_outcomes(submission_id, now)
        self._wrote(f"OUTCOMES#{submission_id}", {"outcomes": "{}", "expires_at": 1_800_000_000})

    def find_batch(self, submission_id: str | None, job_ids: Sequence[str]) -> Batch:
        task = [] if submission_id is None else [f"TASK#{submission_id}", f"OUTCOMES#{submission_id}"]
        for pk in [*task, *(f"JOB#{job_id}" for job_id in job_ids)]:
            self.bill.dynamodb_read(self.sizes.get(pk, 0))
        return super().find_batch(submission_id, job_ids)

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        found_due = self._due_names(kind, until, limit)
        self._queried(kind, (name for _, name in found_due))
        models = {name: self.jobs[name].model or "" for _, name in found_due if name in self.jobs}
        entries = [DueRecord(name, at, models.get(name, "")) for at, name in found_due]
        found: list[DueRecord] = self.crashes.read("due list", entries)
        return found

    def watch_delay(self, job_id: str, at: datetime) -> None:
        super().watch_delay(job_id, at)
        self._wrote(f"DELAY#{job_id}", {"due_kind": Due.DELAY, "due_at": to_iso(at)})
        self.lists[Due.DELAY][job_id] = at

    def end_delay_watch(self, job_id: str, now: datetime) -> None:
        super().end_delay_watch(job_id, now)
        self._wrote(f"DELAY#{job_id}", {"expires_at": 1_800_000_000})
        self.lists[Due.DELAY].pop(job_id, None)

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        found_due = self._due_names(Due.TASK, until, limit)
        self._queried(Due.TASK, (name for _, name in found_due))
        found: list[DueTask] = self.crashes.read("due list", [due_task(self.tasks[name]) for _, name in found_due])
        return found

    def next_due(self, kind: Due) -> datetime | None:
        first = min(((at, name) for name, at in self.lists[kind].items()), default=None)
        self._queried(kind, [first[1]] if first else [])
        return self.crashes.read("due list", first[0] if first else None)

    def oldest_received(self) -> datetime | None:
        for kind in (Due.JOB, Due.RATE_LIMITED, Due.PAUSED):
            self._queried(kind, islice(self.lists[kind], 200))
            self.crashes.read("due list", None)
        return None

    def task_list_state(self, model: str) -> TaskListState | None:
        self.bill.dynamodb_read(0)
        return super().task_list_state(model)

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        super().save_task_list_state(model, state)
        self._wrote(f"TASK_LIST#{model}", state.model_dump(mode="json"))

    def pauses(self) -> Pauses:
        self.bill.dynamodb_read(0)
        return super().pauses()

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        self.bill.dynamodb_read(0)
        self.time.sleep(DYNAMODB)
        return super().takes_one_file_only(model, now)

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        is_busy = self.next_slots.get(name, now) > now
        wait = super().reserve(name, per_second, now, horizon)
        tried_first = self.was_busy.get(name, True)
        self.bill["dynamodb_write_units"] += 4 if wait is None else 1 if is_busy is tried_first else 2
        if wait is not None:  # a refused write is billed too
            self.was_busy[name] = is_busy
        return wait

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        self.bill.dynamodb_read(0)
        return self.crashes.read("reserved slots", super().reserved_ahead(name, now))


class BilledQueue(Queue):
    """The submit queue. A received message is removed from `messages`, so no other function receives it."""

    def __init__(self, crashes: Latencies, bill: Bill) -> None:
        super().__init__(crashes, "requeue")
        self.bill, self.time = bill, crashes.time
        self._taken = count()

    def requeue(self, job_id: str) -> None:
        super().requeue(job_id)
        self.bill["sqs_requests"] += 1

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        """Long polling, which ends when the first messages arrive."""
        self.bill["sqs_requests"] += 1
        until = self.time.seconds + wait_seconds
        self.time.wait_until(lambda: bool(self.messages) or self.time.seconds >= until)
        taken = [self.messages.pop(0) for _ in range(min(most, 10, len(self.messages)))]
        return self.crashes.read("take messages", [Message(f"taken {next(self._taken)}", body, "r") for body in taken])

    def done(self, message: Message) -> None:
        self.bill["sqs_requests"] += 1
        self.crashes.read("delete message", None)


class ParallelResults(Results):
    """Stores the first file alone and then the others concurrently, as `adapters/s3_results.py` does."""

    def __init__(self, latencies: Latencies) -> None:
        super().__init__(latencies)
        self._latencies = latencies

    def store(self, files: Iterable[OutputFile]) -> None:
        for number, file in enumerate(files):
            self.files.setdefault(file.key, bytes(file.body))
            if number == 0:
                self._latencies.wait("put result")
        if number:
            self._latencies.wait_for_slowest("put result", number)


class LimitedVendor(Vendor):
    """DashScope with its account's rate limits, counted over a moving second like in the simulator."""

    def __init__(self, latencies: Latencies, api_key: Callable[[], str], seconds: float) -> None:
        super().__init__(latencies, latencies.time.now, api_key, seconds)
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self._recent: dict[str, deque[float]] = {"submit": deque(), "query": deque()}
        self._time = latencies.time
        self._latencies = latencies

    def _enforce_rate(self, operation: str, per_second: int) -> None:
        self._latencies.wait("transit to the vendor")
        recent = self._recent[operation]
        while recent and recent[0] <= self._time.seconds - 1:
            recent.popleft()
        if len(recent) >= per_second:
            self.throttled[operation] += 1
            raise VendorError("Throttling.RateQuota", "Requests rate limit exceeded.", ErrorClass.THROTTLED, 429)
        recent.append(self._time.seconds)

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        self.calls["submit"] += 1
        self._enforce_rate("submit", SUBMITS_PER_SECOND)
        return super().submit(spec, file_urls, parameters)

    def query(self, task_id: str) -> TaskReply:
        self.calls["query"] += 1
        self._enforce_rate("query", QUERIES_PER_SECOND)
        return super().query(task_id)

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        self.calls["list"] += 1
        self._enforce_rate("query", QUERIES_PER_SECOND)
        return super().list_page(model, page, page_size)

    def outcome_of(self, url: str, task_id: str) -> str:
        return "ok"
