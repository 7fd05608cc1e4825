"""Runs the real services on a simulated AWS with its concurrency, latencies and bill, in virtual time.

`tests.support.world` keeps the records and simulates S3, EventBridge and the vendor. This module adds AWS's concurrency
(the batches of SQS, the concurrent functions, the poll loop's lease and Map) and a vendor that enforces its limits. The
latencies are assumptions and are the same for every design that is compared. `virtual_time.Pool` replaces the product's
thread pools.
"""

from __future__ import annotations

import json
import logging
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count, islice
from typing import Any, TypeVar

import pytest

from dashscribe.adapters.dynamodb.items import attributes_of, to_item
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import CONFIGURATION_KEPT_SECONDS, Pauses
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask, TaskList, TaskReply
from dashscribe.domain.timestamps import to_iso
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.errors import ErrorClass, StaleRecord, VendorError
from dashscribe.observability import logger, metrics
from dashscribe.services import concurrency
from dashscribe.services.finalize import FinalizeReport, FinalizeService
from dashscribe.services.finalize_requests import FILES_PER_FINALIZER, FinalizeRequest
from dashscribe.services.polling.poll import PassReport, PassResult, PollService
from dashscribe.services.polling.task_poller import CONCURRENT_FINALIZERS, CONCURRENT_QUERIES
from dashscribe.services.ports import Batch, DeadLetter, DueRecord, DueTask, Message
from dashscribe.services.submission.report import SubmitReport
from functions.finalize_transcription import app as finalize_app
from functions.poll_tasks import app as poll_app
from functions.submit_transcription import app as submit_app
from tests.benchmarks.aws_bill import Bill, item_size
from tests.benchmarks.virtual_time import Pool, VirtualTime, wait
from tests.support.constants import START
from tests.support.crashes import Crashes
from tests.support.records import Records, due_task
from tests.support.stores import Queue, Results
from tests.support.vendor import Vendor
from tests.support.world import World

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
STATE = 0.020
"""Seconds per state of a state machine."""
COLD_START, WARM_START = 1.0, 0.010
FINALIZE_CPU = 0.04
"""Seconds of CPU per file: 0.02 on a core of the measuring machine; a function of 1,024 MB has 0.58 of a core."""
SUBMITS_PER_SECOND, QUERIES_PER_SECOND = 10, 20
"""The vendor's limits for Fun-ASR (docs/vendor-api.md#rate-limits). A page of the task list counts as a query."""
WINDOW_SECONDS = 1.0
SUBMITTERS = 4
"""MaximumBatchingWindowInSeconds and MaximumConcurrency of the template."""
INDEXED = ("pk", "due_kind", "due_at", "received_at", "accepted_at", "model", "phase", "task_id", "files")
"""The attributes in the index `due`, as in the template."""
MEMORY_GB = {"submit": 0.5, "poll": 0.5, "finalize": 1.0}
PLATFORM_LOG_BYTES = 3 * 26 + 330
"""The lines START, END and REPORT of one invocation. CloudWatch adds 26 bytes to each line."""
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

    def create(self, job: Job) -> bool:
        created = super().create(job)
        if created:
            self._record_written(f"JOB#{job.job_id}", job)
        else:
            self.bill.dynamodb_write(0)
        return created

    def save(self, job: Job) -> Job:
        try:
            saved = super().save(job)
        except StaleRecord:
            self.bill.dynamodb_write(0)
            raise
        self._record_written(f"JOB#{job.job_id}", saved)
        return saved

    def save_task(self, task: Task) -> Task:
        try:
            saved = super().save_task(task)
        except StaleRecord:
            self.bill.dynamodb_write(0)
            raise
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


@dataclass
class Function:
    """A Lambda function. Its environments stay warm, and its seconds are billed."""

    name: str
    memory_gb: float
    time: VirtualTime
    bill: Bill
    warm: int = 0
    invocations: int = 0
    billed_seconds: float = 0.0

    def invoke(self, work: Callable[[], Answer]) -> Answer:
        cold = self.warm == 0
        self.warm -= not cold
        began = self.time.seconds
        self.time.sleep(COLD_START if cold else WARM_START)
        if not cold:
            began = self.time.seconds  # a warm start is not billed, a cold start is
        try:
            return work()
        finally:
            seconds = math.ceil((self.time.seconds - began) * 1000) / 1000
            self.warm += 1
            self.invocations += 1
            self.billed_seconds += seconds
            self.bill["lambda_requests"] += 1
            self.bill["lambda_gb_seconds"] += seconds * self.memory_gb
            self.bill["log_gb"] += PLATFORM_LOG_BYTES / 1e9


class CountedLog(logging.Handler):
    """Counts the log lines of the functions by the size that CloudWatch bills."""

    def __init__(self, bill: Bill) -> None:
        super().__init__()
        self.bill = bill

    def emit(self, record: logging.LogRecord) -> None:
        self.bill["log_gb"] += (len(self.format(record).encode()) + 26) / 1e9


@dataclass
class SimulatedRun:
    """The figures of a run. Times are in seconds (`figures.Run` explains them)."""

    files: int
    makespan: float
    min_makespan: float
    calls: Counter[str]
    throttled: Counter[str]
    lags: list[float]
    failed: int
    paid_twice: int
    bill: Bill
    lambda_seconds: float
    transitions: int = 0
    submissions: int = 0
    stored_bytes: int = 0
    simulated_seconds: float = 0.0
    emitted_metrics: int = 0

    @property
    def calls_per_file(self) -> float:
        return self.calls.total() / self.files


class SimulatedAws(World):
    """The deployed template in virtual time. `sqs_batch` is the BatchSize of the event source mapping."""

    def __init__(
        self,
        *,
        max_files_per_task: int,
        sqs_batch: int = 100,
        task_seconds: float = 3.0,
        submitters: int = SUBMITTERS,
        finalizers: int = CONCURRENT_FINALIZERS,
    ) -> None:
        super().__init__(max_files_per_task=max_files_per_task)
        self.time = VirtualTime(START)
        self.bill = Bill()
        self.latencies = latencies = Latencies(self.time)
        self.crashes = latencies
        self.records: BilledRecords = BilledRecords(latencies, self.bill)
        self.vendor: LimitedVendor = LimitedVendor(latencies, super().api_key, task_seconds)
        self.media.crashes = self.bus.crashes = latencies
        self.results: ParallelResults = ParallelResults(latencies)
        self.submit_queue: BilledQueue = BilledQueue(latencies, self.bill)
        self.queue = self.submit_queue.messages
        self.sqs_batch, self.submitters, self.finalizers = sqs_batch, submitters, finalizers
        self.submit_function, self.poll_function, self.finalize_function = (
            Function(name, memory_gb, self.time, self.bill) for name, memory_gb in MEMORY_GB.items()
        )
        self.expected = 0
        self.batches: list[int] = []
        self.ticks_until = 0.0
        self._poll_service: PollService | None = None
        self._submitting = 0
        self._holder: object | None = None
        self._wake_up_sent = False
        self._renew_at = 0.0
        self._key_read: dict[str, float] = {}
        self._emitted_metrics: set[tuple[str, str]] = set()

    # ports that are billed or that run concurrently

    def clock(self) -> datetime:
        return self.time.now()

    def sleep(self, seconds: float) -> None:
        self.time.sleep(seconds)

    def api_key(self) -> str:
        self._read_key("submit")
        return super().api_key()

    def _read_key(self, function: str) -> None:
        """A function reads the key again after `CONFIGURATION_KEPT_SECONDS`."""
        if self.time.seconds - self._key_read.get(function, -CONFIGURATION_KEPT_SECONDS) >= CONFIGURATION_KEPT_SECONDS:
            self._key_read[function] = self.time.seconds
            self.bill["secret_reads"] += 1

    def receive(self) -> list[DeadLetter]:
        self.bill["sqs_requests"] += 1
        return super().receive()

    def send_wake_up(self) -> None:
        self.time.sleep(STATE)
        self.time.start(self._execution)

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        return self.submit_queue.take(most, wait_seconds)

    def done(self, message: Message) -> None:
        self.submit_queue.done(message)

    def poll_service(self, workers: int = CONCURRENT_QUERIES) -> PollService:
        """One service for all passes, as in a warm execution environment."""
        if self._poll_service is None:
            self._poll_service = super().poll_service(workers)
        return self._poll_service

    def finalize_service(self, workers: int = FILES_PER_FINALIZER) -> FinalizeService:
        return super().finalize_service(workers)

    # S3, SQS and the schedule

    def upload_later(self, key: str, seconds: float) -> None:
        self.expected += 1

        def arrive() -> None:
            self.now = self.time.now()
            self.upload(key, size=500_000)
            self.bill["s3_events"] += 1
            self.bill["sqs_requests"] += 1

        self.time.start(arrive, seconds)

    @property
    def _is_over(self) -> bool:
        done = sum(len(report.succeeded) + len(report.failed) for report in self.finalize_reports)
        return done >= self.expected and self.time.seconds >= self.ticks_until

    def _event_source_mapping(self) -> None:
        """Simulate the event source mapping: it invokes a function when a batch is full or the window has ended."""
        while not self._is_over:
            if not self.queue or self._submitting >= self.submitters:
                self.time.sleep(0.05)
                continue
            waited_since = self.time.seconds
            while len(self.queue) < self.sqs_batch and self.time.seconds < waited_since + WINDOW_SECONDS:
                self.time.sleep(0.05)
            batch = [self.queue.pop(0) for _ in range(min(self.sqs_batch, len(self.queue)))]
            if not batch:
                continue  # another run has received them
            self.batches.append(len(batch))
            self.bill["sqs_requests"] += 2 * math.ceil(len(batch) / 10)  # received and deleted ten at a time
            self._submitting += 1
            self.time.start(partial(self._submit, batch))

    def _submit(self, bodies: list[str]) -> None:
        def work() -> SubmitReport:
            report = self.submit_service().run([Message(str(n), body) for n, body in enumerate(bodies)])
            submit_app.count(report)
            self._metrics_logged("submit")
            return report

        report = self.submit_function.invoke(work)
        self.submit_reports.append(report)
        self._submitting -= 1
        self.queue += [body for n, body in enumerate(bodies) if str(n) in report.failed_message_ids]

    def _metrics_logged(self, function: str) -> None:
        """Count the line that Powertools prints at the end of an invocation that emitted metrics."""
        if not metrics.metric_set:
            return
        self._emitted_metrics |= {(function, name) for name in metrics.metric_set}
        self.bill["log_gb"] += (len(json.dumps(metrics.serialize_metric_set())) + 26) / 1e9
        metrics.clear_metrics()

    def _schedule(self) -> None:
        while not self._is_over:
            self.bill["scheduler_invocations"] += 1
            self.time.start(partial(self._execution, is_scheduled=True))
            self.time.sleep(60)

    # statemachines/poll_tasks.asl.json

    def _execution(self, *, is_scheduled: bool = False) -> None:
        me, began = object(), self.time.seconds
        self._run_loop(me, began, is_scheduled=is_scheduled)
        self.bill["express_requests"] += 1
        billed_seconds = math.ceil((self.time.seconds - began) * 10) / 10
        self.bill["express_gb_seconds"] += 0.0625 * billed_seconds

    def _lease_step(self) -> None:
        self.time.sleep(STATE + DYNAMODB)
        self.bill["dynamodb_write_units"] += 1

    def _take_lease(self, me: object) -> bool:
        """Whether this execution holds the lease now. Otherwise it records the wake-up signal."""
        self._lease_step()
        if self._holder in (None, me):
            self._holder, self._renew_at = me, self.time.seconds + 20
            return True
        self._wake_up_sent = True
        self._lease_step()
        return False

    def _run_loop(self, me: object, began: float, *, is_scheduled: bool) -> None:
        self.time.sleep(2 * STATE + DYNAMODB)
        self.bill.dynamodb_read(0)
        if self._holder is not None:
            if not self._wake_up_sent:
                self._wake_up_sent = True
                self._lease_step()
            return
        if not is_scheduled and not self._take_lease(me):
            return
        found = PassResult(finalize=[], wait_seconds=0, work_left=True)
        while True:
            is_late = self.time.seconds - began > 160
            found = self._pass(found, polls=not found.finalize or (found.poll_meanwhile and not is_late))
            if not found.work_left and self._holder is not me:
                return
            if not found.work_left:
                self._lease_step()
                if not self._wake_up_sent:
                    self._holder = None
                    return
                self._wake_up_sent = False
                self._lease_step()
                continue
            if is_late and not found.finalize:
                self._holder, self._wake_up_sent = None, False
                self._lease_step()
                self.time.start(self._execution)
                return
            is_renewed = self._holder is me and not found.finalize and self.time.seconds < self._renew_at
            if not is_renewed and not self._take_lease(me):
                return

    def _pass(self, found: PassResult, *, polls: bool) -> PassResult:
        """Finalize what the last pass found and, if `polls`, run the next pass at the same time."""
        answers: list[PassResult] = []

        def poll() -> None:
            self.time.sleep(STATE)
            if polls:
                if found.wait_seconds:
                    self.time.sleep(STATE + found.wait_seconds)
                answers.append(self._poll(found.finalize))
            else:
                answers.append(PassResult(finalize=[], wait_seconds=0, work_left=True))

        def finalize() -> None:
            self.time.run_concurrently(
                [partial(self._finalize, request) for request in found.finalize], self.finalizers
            )

        self.time.sleep(STATE)
        self.time.run_concurrently([finalize, poll], 2)
        self.time.sleep(STATE)
        return answers[0]

    def _poll(self, being_finalized: Sequence[FinalizeRequest]) -> PassResult:
        def work() -> PassReport:
            report = self.poll_service().run(being_finalized)
            if report.queries or report.list_pages:
                self._read_key("poll")
            poll_app.count(report)
            self._metrics_logged("poll")
            return report

        report = self.poll_function.invoke(work)
        self.passes.append(report)
        return report.result

    def _finalize(self, request: FinalizeRequest) -> None:
        def work() -> FinalizeReport:
            self.time.sleep(FINALIZE_CPU * len(request.job_ids))
            report = self.finalized(request)
            finalize_app.count(report)
            self._metrics_logged("finalize")
            return report

        self.time.sleep(STATE)
        report = self.finalize_function.invoke(work)
        self.finalize_reports.append(report)

    def finalized(self, request: FinalizeRequest) -> FinalizeReport:
        return self.finalize_service().run(request.submission_id, request.job_ids)

    # the whole run

    def run(self, ticks_until: float = 0.0) -> SimulatedRun:
        """Run until every file has its terminal event, and for at least this many seconds."""
        self.ticks_until = ticks_until
        log = CountedLog(self.bill)
        log.setFormatter(logger.registered_formatter)
        handlers, logger.handlers[:] = list(logger.handlers), [log]
        try:
            self.time.start(self._event_source_mapping)
            self.time.start(self._schedule)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(concurrency, "ThreadPoolExecutor", partial(Pool, self.time))
                patch.setattr(concurrency, "wait", partial(wait, self.time))
                self.time.run()
        finally:
            logger.handlers[:] = handlers
        functions = (self.submit_function, self.poll_function, self.finalize_function)
        jobs = list(self.records.jobs.values())
        ended = [job for report in self.finalize_reports for job in report.succeeded + report.failed]
        self.bill["s3_puts"] += len(self.results.files)
        self.bill["s3_gets"] += len(jobs) + sum(len(task.urls) for task in self.vendor.tasks.values())
        self.bill["custom_events"] += len(self.bus.events)
        tasks = math.ceil(len(jobs) / self.max_files_per_task)
        return SimulatedRun(
            files=len(jobs),
            makespan=max(((job.published_at - START).total_seconds() for job in ended if job.published_at), default=0),
            min_makespan=(tasks - 1) / SUBMITS_PER_SECOND + self.vendor.seconds,
            calls=self.vendor.calls,
            throttled=self.vendor.throttled,
            lags=[
                (job.published_at - job.completed_at).total_seconds()
                for job in ended
                if job.published_at and job.completed_at
            ],
            failed=sum(job.failure is not None for job in jobs),
            paid_twice=sum(job.attempts > 1 for job in jobs),
            bill=self.bill,
            lambda_seconds=sum(function.billed_seconds for function in functions),
            submissions=len(self.vendor.tasks),
            stored_bytes=sum(size for pk, size in self.records.sizes.items() if pk.startswith(("JOB#", "TASK#"))),
            simulated_seconds=self.time.seconds,
            emitted_metrics=len(self._emitted_metrics),
        )
