"""What happens to jobs whose submission had no response: adopted, submitted again, or reconciled later."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import RESPONSE_LOST, Job
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.jobs.timeouts import LIST_COMPLETE_AFTER, RECONCILE_WITHIN
from dashscribe.errors import ResponseLost
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, JobRecords, RateLimiter, ResultSource, SpeechService, VendorFacts
from dashscribe.services.publish import publish_start
from dashscribe.services.rate_limits import MAX_SLOT_WAIT, QUERY_RATE_KEY, query_rate
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.reconcile import PostOutcome, Reconciliation, reconcile
from dashscribe.services.submission.report import NOTHING, SubmitReport


@dataclass(frozen=True)
class Reconciled:
    """`ready`: jobs that were certainly not accepted by the vendor, and are to be submitted now."""

    ready: list[Job] = field(default_factory=list)
    report: SubmitReport = NOTHING

    def __add__(self, other: Reconciled) -> Reconciled:
        return Reconciled(self.ready + other.ready, self.report + other.report)


@dataclass(frozen=True)
class LostResponses:
    """Reconciles jobs whose claim expired without a recorded response, one submission at a time."""

    records: JobRecords
    facts: VendorFacts
    rate_limiter: RateLimiter
    speech: SpeechService
    results: ResultSource
    recorder: JobRecorder
    clock: Clock
    query_requests_per_second: float
    sleep: Callable[[float], None] = time.sleep

    def resolve(self, lost: Sequence[Job], until: datetime) -> Reconciled:
        """Resolve each submission. After `until` no query is sent: the other uploads of this run must not wait."""

        def submission(job: Job) -> str:
            return job.submission_id or ""

        found = Reconciled()
        for submission_id, owned in groupby(sorted(lost, key=submission), key=submission):
            batch = list(owned)
            try:
                found += self._resolve(submission_id, batch, until)
            except Exception:
                # The jobs stay due, so the loop requeues them. The other submissions continue.
                logger.exception("reconciliation failed", submission_id=submission_id)
                found += Reconciled(report=SubmitReport(broken_batches=1))
        return found

    def _resolve(self, submission_id: str, batch: list[Job], until: datetime) -> Reconciled:
        task = self.records.find_task(submission_id)
        if task is None or task.phase is TaskPhase.CLOSED:
            return Reconciled(ready=batch)  # the function died before the POST, or after a refusal
        if task.task_id is not None:
            return Reconciled(report=self._adopt(batch, task.task_id, task.accepted_at or self.clock()))
        died = [job for job in batch if job.last_error_code != RESPONSE_LOST]
        if died:
            logger.warning("a submission died between its POST and the response", submission_id=submission_id)
        report = SubmitReport(ambiguous=len(died))
        return Reconciled(report=report + self._apply(self._reconcile(task, until), task, batch))

    def _apply(self, found: Reconciliation, task: Task, batch: list[Job]) -> SubmitReport:
        now = self.clock()
        age = now - task.posted_at
        if found.task_id is not None:
            self.records.save_task(tasks.accepted(task, found.task_id, now))
            self.facts.remember_task_id(found.task_id)
            return self._adopt(batch, found.task_id, now)
        is_early = found.outcome is PostOutcome.NOT_ACCEPTED and age < LIST_COMPLETE_AFTER
        is_pending = found.outcome is PostOutcome.PENDING and age < RECONCILE_WITHIN
        if is_early or is_pending:
            return self.recorder.record(batch, lambda job: jobs.await_reconciliation(job, now))
        if found.outcome is PostOutcome.NOT_ACCEPTED and retry_policy.may_be_reconciled(task, now):
            error = ResponseLost("The connection to DashScope broke before it accepted the submission.")
            return self.recorder.record(batch, lambda job: self._refused(job, error, now))
        return self.recorder.record_lost_responses(batch)

    def _reconcile(self, task: Task, until: datetime) -> Reconciliation:
        media = [other.media for other in self.records.find_many(task.job_ids).values()]
        found = reconcile(
            task, media, self.facts, self.speech, self.results, lambda: self.clock() <= until and self._reserve()
        )
        logger.info("lost response reconciled", outcome=found.outcome, task_id=found.task_id, job_ids=task.job_ids)
        return found

    def _reserve(self) -> bool:
        """Wait for a slot of the query rate, which the loop uses too. False when the slot is too far away."""
        rate = query_rate(self.query_requests_per_second)
        wait = self.rate_limiter.reserve(QUERY_RATE_KEY, rate, self.clock(), MAX_SLOT_WAIT)
        if wait is None:
            return False
        self.sleep(wait.total_seconds())
        return True

    def _adopt(self, batch: list[Job], task_id: str, accepted_at: datetime) -> SubmitReport:
        """The vendor accepted the submission: these jobs belong to its task."""
        accepted = [jobs.submitted(job, task_id, accepted_at) for job in batch]
        publish_start(accepted, self.recorder.events, self.clock)
        logger.warning("a submission without a response had been accepted", task_id=task_id)
        return self.recorder.save(accepted)

    def _refused(self, job: Job, error: ResponseLost, now: datetime) -> Job:
        return jobs.apply_retry(job, retry_policy.after_failed_attempt(job, error, now), error.code, now)
