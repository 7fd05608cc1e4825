"""Runs the real services on a simulated AWS with its concurrency, latencies and bill, in virtual time.

`tests.support.world` keeps the records and simulates S3, EventBridge and the vendor. This module adds AWS's concurrency
(the batches of SQS, the concurrent functions, the poll loop's lease and Map). `billed_ports` adds latencies, a bill and
a vendor that enforces its limits. `virtual_time.Pool` replaces the product's thread pools.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pytest

from dashscribe.domain.jobs.pause import CONFIGURATION_KEPT_SECONDS
from dashscribe.observability import logger, metrics
from dashscribe.services import concurrency
from dashscribe.services.finalize import FinalizeReport, FinalizeService
from dashscribe.services.finalize_requests import FILES_PER_FINALIZER, FinalizeRequest
from dashscribe.services.polling.poll import PassReport, PassResult, PollService
from dashscribe.services.polling.task_poller import CONCURRENT_FINALIZERS
from dashscribe.services.polling.vendor_calls import CONCURRENT_QUERIES
from dashscribe.services.ports import DeadLetter, Message
from dashscribe.services.submission.report import SubmitReport
from functions.finalize_transcription import app as finalize_app
from functions.poll_tasks import app as poll_app
from functions.submit_transcription import app as submit_app
from tests.benchmarks.aws_bill import Bill
from tests.benchmarks.billed_ports import (
    DYNAMODB,
    SUBMITS_PER_SECOND,
    Answer,
    BilledQueue,
    BilledRecords,
    Latencies,
    LimitedVendor,
    ParallelResults,
)
from tests.benchmarks.virtual_time import Pool, VirtualTime, wait
from tests.support.constants import START
from tests.support.world import World

STATE = 0.020
"""Seconds per state of a state machine."""
COLD_START, WARM_START = 1.0, 0.010
FINALIZE_CPU = 0.04
"""Seconds of CPU per file: 0.02 on a core of the measuring machine; a function of 1,024 MB has 0.58 of a core."""
WINDOW_SECONDS = 1.0
SUBMITTERS = 4
"""MaximumBatchingWindowInSeconds and MaximumConcurrency of the template."""
MEMORY_GB = {"submit": 0.5, "poll": 0.5, "finalize": 1.0}
PLATFORM_LOG_BYTES = 3 * 26 + 330
"""The lines START, END and REPORT of one invocation. CloudWatch adds 26 bytes to each line."""


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
