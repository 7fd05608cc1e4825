"""From the submit queue to DashScope: record each upload once, check it, and submit batches as tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from dashscribe.domain.jobs.batching import batches
from dashscribe.domain.jobs.job import Job
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.messages import is_requeued_job
from dashscribe.services.ports import Clock, Message, MessageSource, PollLoop, VendorFacts
from dashscribe.services.rate_limits import files_per_task
from dashscribe.services.submission.failed_runs import count_failed_run
from dashscribe.services.submission.inbox import MessageInbox, Processed
from dashscribe.services.submission.job_preparer import JobPreparer, Preparation
from dashscribe.services.submission.lost_responses import LostResponses
from dashscribe.services.submission.report import NOTHING, SubmitReport
from dashscribe.services.submission.submission_pause import SubmissionPause
from dashscribe.services.submission.task_submitter import TaskSubmitter

RUN_TIME = timedelta(seconds=25)
"""After this a run submits no further batch. Its last batch may wait 8 s for a slot and 25 s for the response; the
function's time-out is 60 s."""
RECONCILE_TIME = timedelta(seconds=12)
"""After this a run sends no query about lost responses: they can wait, and the uploads of the same run should not."""
PREPARE_TIME = timedelta(seconds=12)
"""After this a run prepares no further job. A HEAD of S3 may take seconds, and 100 of them would exceed the
time-out."""
CONCURRENT_RECORDS = 8
GATHER_FOR = timedelta(seconds=1)
"""How long a run with much traffic waits for more messages, so that its tasks are full."""
GATHER_AT_MOST = timedelta(seconds=8)
"""After this a run receives no further messages: its first ones have waited long enough."""
MUCH_TRAFFIC = 10
"""Minimum batch size for which we wait. Below it, submit at once."""


@dataclass
class _Gathered:
    """The jobs of one run: `ready` by id, and those with a `lost` response."""

    ready: dict[str, Job] = field(default_factory=dict)
    lost: dict[str, Job] = field(default_factory=dict)
    report: SubmitReport = NOTHING

    def add(self, prepared: Preparation) -> None:
        for found, job in ((self.ready, prepared.ready), (self.lost, prepared.lost)):
            if job is not None:
                found[job.job_id] = job
        self.report += prepared.report


@dataclass(frozen=True)
class SubmitService:
    """One run handles one batch of queue messages. Running it again with the same messages has no further effect."""

    inbox: MessageInbox
    preparer: JobPreparer
    lost_responses: LostResponses
    pause: SubmissionPause
    submitter: TaskSubmitter
    facts: VendorFacts
    messages: MessageSource
    loop: PollLoop
    clock: Clock
    max_files_per_task: int
    concurrent_records: int = CONCURRENT_RECORDS

    def run(self, messages: Sequence[Message]) -> SubmitReport:
        """Record and submit. The report names the messages that failed; only they return to the queue."""
        started = self.clock()
        gathered = self._gather(messages, started)
        self._resolve_lost(gathered, started + RECONCILE_TIME)
        admission = self.pause.admit(gathered.ready)
        submitted = self._submit(list(admission.admitted.values()), started + RUN_TIME)
        report = gathered.report + admission.report + submitted
        if report.changed_anything:
            self.loop.send_wake_up()
        return report

    def _gather(self, messages: Sequence[Message], started: datetime) -> _Gathered:
        """Prepare these messages, and more from the queue while that makes the tasks fuller."""
        gathered = _Gathered()
        until = started + PREPARE_TIME
        self._prepare(messages, gathered, until)
        handled = len(messages)
        while len(gathered.ready) < self.max_files_per_task:
            more = self._more(handled, self.clock() - started)
            if not more:
                break
            handled += len(more)
            self._prepare(more, gathered, until)
        return gathered

    def _more(self, handled: int, elapsed: timedelta) -> list[Message]:
        """Further messages. A file that arrives by itself does not wait for others."""
        if self.max_files_per_task == 1 or elapsed > GATHER_AT_MOST:
            return []
        waits = handled >= MUCH_TRAFFIC and elapsed < GATHER_FOR
        try:
            return self.messages.take(self.max_files_per_task, int(GATHER_FOR.total_seconds()) if waits else 0)
        except Exception:
            logger.exception("no further messages received")  # the messages of this run are not affected
            return []

    def _prepare(self, messages: Sequence[Message], gathered: _Gathered, until: datetime) -> None:
        """Record every message, new uploads first, and then prepare the jobs for as long as there is time.

        A recorded job is safe: the loop brings back a job that this run has no time for.
        """
        in_order = sorted(messages, key=lambda each: is_requeued_job(each.body))
        recorded = zip(in_order, map_concurrently(self._record, in_order, self.concurrent_records), strict=True)
        left = 0
        for message, processed in list(recorded):
            gathered.report += processed.report
            is_done, job = processed.is_done, processed.value
            if job is not None and self.clock() > until:
                left += 1
            elif job is not None:
                prepared = self.inbox.process(message, partial(self._prepare_job, job))
                gathered.report += prepared.report
                is_done = prepared.is_done
                if prepared.value is not None:
                    gathered.add(prepared.value)
            if is_done:
                self._delete(message)
        if left:
            logger.warning("jobs left to the loop", waiting=left)

    def _record(self, message: Message) -> Processed[Job | None]:
        return self.inbox.process(message, self.preparer.record)

    def _prepare_job(self, job: Job, _: str) -> Preparation:
        return self.preparer.prepare(job)

    def _delete(self, message: Message) -> None:
        """Delete a message that we received ourselves. Lambda deletes the ones that it delivered."""
        if message.receipt is None:
            return
        try:
            self.messages.done(message)
        except Exception:
            logger.exception("message not deleted", message_id=message.message_id)  # it is delivered again: no harm

    def _resolve_lost(self, gathered: _Gathered, until: datetime) -> None:
        resolved = self.lost_responses.resolve(list(gathered.lost.values()), until)
        gathered.report += resolved.report
        for job in resolved.ready:
            try:
                gathered.add(self.preparer.validate(job))
            except Exception:
                # The job stays due, so the loop requeues it. The other jobs continue.
                logger.exception("job not validated", job_id=job.job_id)
                gathered.report += SubmitReport(broken_batches=1)
                count_failed_run(self.preparer.records, job.job_id)

    def _submit(self, ready: list[Job], until: datetime) -> SubmitReport:
        report, wake_up_sent = NOTHING, False
        found = list(batches(ready, self._files_per_task))
        for batch in found:
            try:
                report += self._submit_batch(batch, until)
            except Exception:
                # The jobs are recorded and stay due, so the loop requeues them. The other batches continue.
                logger.exception("batch failed", job_ids=[job.job_id for job in batch])
                report += SubmitReport(broken_batches=1)
                for job in batch:
                    count_failed_run(self.preparer.records, job.job_id)
            if report.submitted and not wake_up_sent and batch is not found[-1]:
                self.loop.send_wake_up()  # the first task may end long before the last one is submitted
                wake_up_sent = True
        return report

    def _submit_batch(self, batch: list[Job], until: datetime) -> SubmitReport:
        """The time is checked again after the preparation, which may have taken long."""
        if self.clock() > until:
            return self.submitter.join_backlog(batch)
        request = self.submitter.prepare(batch)
        if isinstance(request, SubmitReport):
            return request
        return self.submitter.join_backlog(batch) if self.clock() > until else self.submitter.submit(batch, request)

    def _files_per_task(self, job: Job) -> int:
        if job.options is None or not job.options.is_known:
            return 1  # submitting it fails, and affects this job only
        return files_per_task(job.options, self.max_files_per_task, self.facts, self.clock())
