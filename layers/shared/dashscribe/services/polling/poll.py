"""One pass of the poll loop: find the tasks that have ended, and push every job that nobody is taking care of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.errors import StaleRecord
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.messages import FinalizeRequest
from dashscribe.services.polling.backlog import Backlog
from dashscribe.services.polling.task_poller import Finalizing, TaskPoller, TaskPollReport
from dashscribe.services.ports import Clock, DueStore, JobQueue, JobStore, PauseStore, TaskStore

JOBS_PER_PASS = 100
"""A bound of one pass, so that its answer stays far below the 256 KB that Step Functions passes on."""
CONCURRENT_REQUEUES = 8
"""Each is two writes; what has ended waits for its finalizer until the last one is done."""
MAX_WAIT_SECONDS = 3
"""Seconds. The loop must notice a task that was submitted while it slept, so it never sleeps longer."""
NEAR_FUTURE = timedelta(seconds=60)
"""A job due within this time is waited for; a later one is for the next tick."""


class PassResult(BaseModel):
    """What the state machine goes by: ids and numbers only, nothing that must stay secret.

    With `poll_meanwhile` the next pass asks, after `wait_seconds`, while these files are finalized; without it, when
    they are done.
    """

    finalize: list[FinalizeRequest]
    wait_seconds: int
    work_left: bool
    poll_meanwhile: bool = False


class PassRequest(BaseModel):
    """The state machine's input. `being_finalized`: what finalizers work on while this pass polls the other tasks."""

    loop: str | None = None
    being_finalized: list[FinalizeRequest] = []


@dataclass
class PassReport(TaskPollReport):
    """A pass, to be counted."""

    requeued: int = 0
    longest_overdue_seconds: float = 0
    oldest_job_seconds: float = 0
    result: PassResult = field(default_factory=lambda: PassResult(finalize=[], wait_seconds=1, work_left=False))


@dataclass(frozen=True)
class PollService:
    """Runs under the loop's lease; a second one at the same time does no harm, since every write is conditional."""

    task_poller: TaskPoller
    store: JobStore
    tasks: TaskStore
    due: DueStore
    pauses: PauseStore
    queue: JobQueue
    backlog: Backlog
    clock: Clock
    concurrent_requeues: int = CONCURRENT_REQUEUES

    def run(self, being_finalized: Sequence[FinalizeRequest] = ()) -> PassReport:
        """Nothing that finalizers have `being_finalized` is looked at: neither the tasks nor their jobs."""
        began, report, finalizing = self.clock(), PassReport(), Finalizing(being_finalized)
        for step in (self.task_poller.poll, self._requeue_due_jobs, self._release_backlog, self._release_parked):
            try:
                step(finalizing, report)
            except Exception:
                # A step that breaks must not take back what the others found: finished files go to their finalizers.
                logger.exception("a step of the pass failed", step=step.__name__)
                report.failed_steps += 1
        report.result = self._next_pass(finalizing.requests, report, began)
        return report

    # jobs

    def _requeue_due_jobs(self, finalizing: Finalizing, report: PassReport) -> None:
        """Jobs whose time has come: waiting ones go through the queue again, ended ones get their event published."""
        now = self.clock()
        records = self.due.due(Due.JOB, now, JOBS_PER_PASS)
        if records:
            report.longest_overdue_seconds = (now - records[0].due_at).total_seconds()
        received = self.due.oldest_received()
        if received is not None:
            report.oldest_job_seconds = (now - received).total_seconds()
        found = self.store.find_many([record.record_id for record in records])
        to_requeue: list[Job] = []
        to_publish: list[str] = []
        for job in found.values():
            if job.is_finished or job.due_at is None or job.due_at > now or finalizing.has_job(job.job_id):
                continue
            if job.is_terminal:
                # Moved back in the list first: ends that cannot be published must not take everybody else's turn.
                if self._save(jobs.look_again(job, now + jobs.PUBLISH_AGAIN_AFTER)):
                    to_publish.append(job.job_id)
            elif job.status is Status.SUBMITTED:
                self._save(self._looked_after(job, now))
            elif jobs.is_out_of_requeues(job):
                if self._save(jobs.give_up(job, now)):
                    to_publish.append(job.job_id)
            else:
                to_requeue.append(job)
        finalizing.requests += [FinalizeRequest(submission_id=None, job_ids=[job_id]) for job_id in to_publish]
        self._requeue(to_requeue, report)

    def _looked_after(self, job: Job, now: datetime) -> Job:
        """A submitted job whose task should long be over: trust the task if it is alive, else submit again."""
        task = self.tasks.find_task(job.submission_id or "")
        if task is not None and task.phase in (TaskPhase.IN_FLIGHT, TaskPhase.ENDED):
            return jobs.look_again(job, now + jobs.TASK_SAFETY_NET)
        if jobs.may_be_resubmitted(job):
            return jobs.resubmit(job, "TASK_LOST", now)
        return jobs.give_up(job, now)

    def _release_backlog(self, _: Finalizing, report: PassReport) -> None:
        """Behind a closed gate nobody is called up: all of them would only wait there."""
        if self.pauses.current_pause() is None:
            self._requeue(self.backlog.due_jobs(self.clock()), report)

    def _release_parked(self, _: Finalizing, report: PassReport) -> None:
        """Behind an open gate everybody may go on, in the order they came; behind a closed one, one probe at a time."""
        now = self.clock()
        pause = self.pauses.current_pause()
        if pause is not None:
            report.pause_reason = pause.reason
            if not pauses.probe_is_due(pause, now):
                return
        waiting = self.due.due(Due.PARKED, now, JOBS_PER_PASS if pause is None else 1)
        if pause is not None and not waiting:  # it was closed while everybody stood in line: then one of them is tried
            waiting = self.due.due(Due.RATE_LIMITED, now, 1)
        found = self.store.find_many([record.record_id for record in waiting])
        self._requeue([job for job in found.values() if job.due_kind in (Due.PARKED, Due.RATE_LIMITED)], report)

    def _requeue(self, waiting: Sequence[Job], report: PassReport) -> None:
        """Record first, message second: whoever gets the message must find a record that is not changed under it.

        A crash in between is a lost message, which the record's new due time makes good.
        """

        def requeue(job: Job) -> tuple[int, int]:
            try:
                if not self._save(jobs.requeued(job, self.clock())):
                    return 0, 0
                self.queue.requeue(job.job_id)
            except Exception:
                # One record that cannot be written must not keep the others asleep.
                logger.exception("a job could not be requeued", job_id=job.job_id)
                return 0, 1
            return 1, 0

        for requeued, failed in map_concurrently(requeue, waiting, self.concurrent_requeues):
            report.requeued += requeued
            report.failed_steps += failed

    def _save(self, job: Job) -> bool:
        try:
            self.store.save(job)
        except StaleRecord:
            return False
        return True

    # what next

    def _next_pass(self, requests: list[FinalizeRequest], report: PassReport, began: datetime) -> PassResult:
        now = self.clock()
        moves_on = report.pause_reason is None and self.due.next_due(Due.RATE_LIMITED) is not None
        backlog_at = now if moves_on else None
        if requests:
            # Finalizers need no company when there is nothing to ask meanwhile: the next pass closes what they finish.
            next_at = _earliest(report.next_query_at, backlog_at)
            meanwhile = next_at is not None and next_at <= now + timedelta(seconds=MAX_WAIT_SECONDS)
            wait = _seconds(now, next_at) if meanwhile else 0
            return PassResult(finalize=requests, wait_seconds=wait, work_left=True, poll_meanwhile=meanwhile)
        next_at = _earliest(report.next_task_at, self.due.next_due(Due.JOB), backlog_at)
        is_near = next_at is not None and next_at <= now + NEAR_FUTURE
        # What was due before this pass, and could not be done in it, must not be tried again at once.
        is_stuck = next_at is not None and next_at <= began
        wait = max(int(is_stuck), _seconds(now, next_at)) if is_near else MAX_WAIT_SECONDS
        return PassResult(finalize=[], wait_seconds=wait, work_left=is_near or report.next_task_at is not None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _seconds(now: datetime, moment: datetime | None) -> int:
    """How long to wait for this moment, in whole seconds as Step Functions waits."""
    seconds = MAX_WAIT_SECONDS if moment is None else (moment - now).total_seconds()
    return min(MAX_WAIT_SECONDS, max(0, round(seconds)))
