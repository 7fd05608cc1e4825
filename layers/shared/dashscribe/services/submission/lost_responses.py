"""What happens to jobs whose submission had no response: adopted, submitted again, or reconciled later."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import RESPONSE_LOST, Job
from dashscribe.domain.jobs.task import PostOutcome, Task, TaskPhase
from dashscribe.domain.recognition.media import Media
from dashscribe.errors import RecordUnreadable, StaleRecord
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, JobRecords, RateLimiter, ResultSource, SpeechService, VendorFacts
from dashscribe.services.rate_limits import MAX_SLOT_WAIT, QUERY_RATE_KEY, query_rate
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.reconcile import LostSubmission, Reconciler, Reconciliation
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
    """Reconciles jobs whose claim expired without a recorded response.

    One conditional write on the task's record decides the outcome of a submission, before any of its jobs is changed.
    So two runs that reconcile the same submission reach the same outcome.
    """

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
        """Resolve every job. After `until` no query is sent: the other uploads of this run must not wait."""
        owned: dict[str, list[Job]] = {}
        for job in lost:
            owned.setdefault(job.submission_id or "", []).append(job)
        found, posting = Reconciled(), dict[str, list[Task]]()
        for submission_id, batch in owned.items():
            found += self._safely(partial(self._follow_or_collect, submission_id, batch, posting))
        for model, tasks_of_model in posting.items():
            found += self._safely(partial(self._reconcile, model, tasks_of_model, owned, until))
        return found

    def _safely(self, resolve: Callable[[], Reconciled]) -> Reconciled:
        """An error affects these jobs only. They stay due, so the loop requeues them."""
        try:
            return resolve()
        except Exception:
            logger.exception("reconciliation failed")
            return Reconciled(report=SubmitReport(broken_batches=1))

    def _follow_or_collect(self, submission_id: str, batch: list[Job], posting: dict[str, list[Task]]) -> Reconciled:
        """Follow a task whose outcome is known. Add any other to `posting`, by model, to be reconciled."""
        try:
            task = self.records.find_task(submission_id)
        except RecordUnreadable:  # nothing tells any more whether the vendor accepted it
            return Reconciled(report=self.recorder.record_lost_responses(batch))
        if task is None or task.phase is not TaskPhase.POSTING:
            return self._by_record(task, batch)
        posting.setdefault(task.model, []).append(task)
        return Reconciled() if task.server_error else self._count_died(batch)

    def _by_record(self, task: Task | None, batch: list[Job]) -> Reconciled:
        """Follow what the task's record says about these jobs."""
        if task is None:
            return Reconciled(ready=batch)  # the function died before the POST
        if task.task_id is not None:
            posted = [job for job in batch if job.job_id in task.job_ids]
            left_out = [job for job in batch if job.job_id not in task.job_ids]  # claimed, and not part of the POST
            return Reconciled(ready=left_out, report=self._adopt(task, posted))
        if task.phase is TaskPhase.POSTING:
            now = self.clock()
            delay, error_code = retry_policy.reconcile_delay(task, now), task.server_error or RESPONSE_LOST
            return Reconciled(
                report=self.recorder.record(batch, lambda job: jobs.await_reconciliation(job, now, delay, error_code))
            )
        if task.post_outcome is not None:
            return Reconciled(report=self.recorder.record_lost_responses(batch))
        return Reconciled(ready=batch)  # the function died after a refusal, or an error of the server was a refusal

    def _reconcile(
        self, model: str, posting: Sequence[Task], owned: Mapping[str, list[Job]], until: datetime
    ) -> Reconciled:
        reconciler = Reconciler(
            self.facts, self.speech, self.results, lambda: self.clock() <= until and self._reserve_slot()
        )
        lost = [LostSubmission(task, self._media_of(task)) for task in posting]
        outcomes = reconciler.reconcile(model, lost)
        found = Reconciled()
        for task in posting:
            outcome, batch = outcomes[task.submission_id], owned[task.submission_id]
            found += self._safely(partial(self._conclude, task, outcome, batch))
        return found

    def _conclude(self, task: Task, found: Reconciliation, batch: list[Job]) -> Reconciled:
        return self._by_record(self._decide(task, found), batch)

    def _decide(self, task: Task, found: Reconciliation) -> Task:
        """Write the outcome of a submission, or read the outcome that another run wrote first."""
        now = self.clock()
        tried = tasks.reconciling(task, now) if found.list_was_read else tasks.response_lost(task, now)
        outcome = retry_policy.decided_outcome(tried, found.outcome, now, list_was_read=found.list_was_read)
        logger.info(
            "lost response reconciled",
            outcome=outcome,
            task_id=found.task_id,
            job_ids=task.job_ids,
        )
        try:
            if found.task_id is not None:
                self.facts.remember_task_id(found.task_id, task.submission_id)
                return self.records.save_task(tasks.adopted(task, found.task_id, now))
            if task.server_error:
                return self._decide_after_server_error(task, found, now)
            if outcome is PostOutcome.PENDING:
                return self.records.save_task(tried) if tried != task else task
            return self.records.save_task(tasks.not_adopted(task, outcome, now))
        except StaleRecord:
            return self.records.find_task(task.submission_id) or task

    def _decide_after_server_error(self, task: Task, found: Reconciliation, now: datetime) -> Task:
        """The task was not found. A record that is closed without an outcome is that of a refused submission."""
        list_is_missing = not found.list_was_read and found.outcome is PostOutcome.PENDING
        is_refused = retry_policy.may_be_repeated(
            task, now, list_is_missing=list_is_missing, has_candidate=found.has_candidate
        )
        return self.records.save_task(tasks.closed(task, now)) if is_refused else task

    def _count_died(self, batch: list[Job]) -> Reconciled:
        """Count the jobs whose function died between the POST and the response."""
        died = sum(job.last_error_code != RESPONSE_LOST for job in batch)
        if died:
            logger.warning("a submission died between its POST and the response", submission_id=batch[0].submission_id)
        return Reconciled(report=SubmitReport(ambiguous=died))

    def _media_of(self, task: Task) -> list[Media]:
        return [job.media for job in self.records.find_many(task.job_ids).values()]

    def _reserve_slot(self) -> bool:
        """Wait for a slot of the query rate, which the loop uses too. False when the slot is too far away."""
        rate = query_rate(self.query_requests_per_second)
        wait = self.rate_limiter.reserve(QUERY_RATE_KEY, rate, self.clock(), MAX_SLOT_WAIT)
        if wait is None:
            return False
        self.sleep(wait.total_seconds())
        return True

    def _adopt(self, task: Task, batch: list[Job]) -> SubmitReport:
        """The vendor accepted the submission: its jobs belong to its task."""
        accepted = [jobs.submitted(job, task.task_id, task.posted_at) for job in batch]
        logger.warning("a submission without a response had been accepted", task_id=task.task_id)
        return self.recorder.record_accepted(accepted)
