"""One pass of the poll loop: ask about the tasks that are due, and push every job that nobody is taking care of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel

from dashscribe.domain import gate as gates
from dashscribe.domain import job as jobs
from dashscribe.domain import task as tasks
from dashscribe.domain.job import Due, Failure, Job, Status
from dashscribe.domain.task import Task, TaskPhase
from dashscribe.domain.vendor_codes import Verdict
from dashscribe.domain.vendor_replies import FileOutcome, TaskOutput, TaskReply, outcomes
from dashscribe.errors import StaleRecord, VendorError
from dashscribe.observability import logger
from dashscribe.services.line import Line
from dashscribe.services.ports import (
    Clock,
    DueStore,
    GateStore,
    JobQueue,
    JobStore,
    RateBudget,
    SpeechService,
    TaskStore,
)

TASKS_PER_PASS = 100
JOBS_PER_PASS = 100
FILES_PER_PASS = 400
"""Bounds of one pass, so that its answer stays far below the 256 KB that Step Functions passes on."""
FILES_PER_FINALIZER = 5
PASS_LASTS = timedelta(seconds=20)
"""After this a pass asks no more questions: finished files must not wait for the rest of a long list."""
SHORTEST_WAIT = 1
LONGEST_WAIT = 3
"""Seconds. The loop must notice a task that was submitted while it slept, so it never sleeps longer."""
NEAR_FUTURE = timedelta(seconds=60)
"""A job due within this time is waited for; a later one is for the next tick."""


class FinalizeRequest(BaseModel):
    """What one finalizer is asked to do. Without a submission, it publishes the events of jobs that are over."""

    submission_id: str | None
    job_ids: list[str]


class PassResult(BaseModel):
    """What the state machine goes by: ids and numbers only, nothing that must stay secret."""

    finalize: list[FinalizeRequest]
    wait_seconds: int
    work_left: bool


@dataclass
class PassReport:
    """A pass, to be counted."""

    queries: int = 0
    finished_tasks: int = 0
    woken: int = 0
    failed_steps: int = 0
    gate_reason: str | None = None
    longest_overdue_seconds: float = 0
    oldest_job_seconds: float = 0
    result: PassResult = field(default_factory=lambda: PassResult(finalize=[], wait_seconds=1, work_left=False))


@dataclass(frozen=True)
class PollService:
    """Runs under the loop's lease; a second one at the same time does no harm, since every write is conditional."""

    store: JobStore
    tasks: TaskStore
    due: DueStore
    gate: GateStore
    rates: RateBudget
    speech: SpeechService
    queue: JobQueue
    line: Line
    clock: Clock
    query_requests_per_second: float
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> PassReport:
        report = PassReport()
        requests: list[FinalizeRequest] = []
        for step in (self._collect_tasks, self._push_jobs, self._call_up_the_line, self._release_parked):
            try:
                step(requests, report)
            except Exception:
                # A step that breaks must not take back what the others found: finished files go to their finalizers.
                logger.exception("a step of the pass failed", step=step.__name__)
                report.failed_steps += 1
        report.result = self._next_pass(requests)
        return report

    # tasks

    def _collect_tasks(self, requests: list[FinalizeRequest], report: PassReport) -> None:
        until = self.clock() + PASS_LASTS
        for record in self.due.due(Due.TASK, self.clock(), TASKS_PER_PASS):
            if self.clock() > until or sum(len(request.job_ids) for request in requests) >= FILES_PER_PASS:
                break
            try:
                task = self.tasks.find_task(record.record_id)
                if task is None or task.due_at is None or task.due_at > self.clock():
                    continue
                job_ids = self._look_at(task, report)
            except StaleRecord:
                logger.info("another loop looked at this task", submission_id=record.record_id)
                continue
            except VendorError as error:
                if not self._vendor_in_trouble(record.record_id, error, report):
                    break
                continue
            except Exception:
                # One record that cannot be handled must not keep the others from being looked at.
                logger.exception("a task could not be looked at", submission_id=record.record_id)
                report.failed_steps += 1
                continue
            requests += [
                FinalizeRequest(submission_id=record.record_id, job_ids=job_ids[start : start + FILES_PER_FINALIZER])
                for start in range(0, len(job_ids), FILES_PER_FINALIZER)
            ]

    def _look_at(self, task: Task, report: PassReport) -> list[str]:
        """The jobs of this task that are ready for a finalizer."""
        now = self.clock()
        waiting = self._waiting_jobs(task)
        if not waiting:
            self.tasks.save_task(tasks.closed(task, now))
            return []
        if task.phase is TaskPhase.ENDED:  # it was handed to a finalizer, which has not finished all of its files
            if tasks.is_beyond_collecting(task):
                for job in waiting.values():
                    self._save(_given_up(job, now))  # due at once: this very pass has its event published
            self.tasks.save_task(tasks.collect_again(task, now))
            return []
        turn = self.rates.reserve_turn("query", self.query_requests_per_second, now, PASS_LASTS)
        if turn is None:
            return []
        self.sleep(turn.total_seconds())
        report.queries += 1
        try:
            reply = self.speech.query(task.task_id or "")
        except VendorError:
            if not tasks.is_beyond_asking(task, now):
                raise
            reply = TaskReply()
        output = reply.output
        now = self.clock()
        if not output.is_over:
            if not tasks.is_overdue(task, now):
                self.tasks.save_task(tasks.still_running(task, now))
                return []
            self._cancel(task)
            output = TaskOutput(
                task_status="TIMED_OUT", code="TASK_TIMED_OUT", message="The task did not end within 4 hours."
            )
        report.finished_tasks += 1
        logger.info("task ended", task_id=task.task_id, status=output.task_status, job_ids=list(waiting))
        media = {job_id: job.media for job_id, job in waiting.items()}
        found = outcomes(output, media, len(task.job_ids), reply.usage)
        # The task first: of two loops that ask at once, only one may say what came of it.
        task = self.tasks.save_task(tasks.ended(task, now))
        ended_at = output.ended_at or task.ended_at or now
        self.tasks.save_outcomes(
            task.submission_id, {job_id: _ended_by(outcome, ended_at) for job_id, outcome in found.items()}
        )
        return list(waiting)

    def _cancel(self, task: Task) -> None:
        """The files will be submitted again: a task that has not even begun need not be paid for too."""
        try:
            self.speech.cancel(task.task_id or "")
        except VendorError as error:
            logger.info("an overdue task could not be cancelled", task_id=task.task_id, code=error.code)

    def _waiting_jobs(self, task: Task) -> dict[str, Job]:
        """The jobs that still count on this task: a job that was submitted again counts on another one."""
        return {
            job_id: job
            for job_id, job in self.store.find_many(task.job_ids).items()
            if job.submission_id == task.submission_id and not job.is_terminal
        }

    def _vendor_in_trouble(self, submission_id: str, error: VendorError, report: PassReport) -> bool:
        """Ask later. False when no other question makes sense in this pass."""
        now = self.clock()
        logger.warning("query failed", submission_id=submission_id, code=error.code, reason=error.message)
        if error.verdict is Verdict.ACCOUNT_WIDE:
            report.gate_reason = error.code
            self.gate.close_gate(gates.close(error.code, error.message, now, self.gate.gate()))
        pause = jobs.retry_delay(4 if error.verdict is Verdict.ACCOUNT_WIDE else 2)
        task = self.tasks.find_task(submission_id)
        if task is not None:
            with suppress(StaleRecord):  # another loop looked at this task
                self.tasks.save_task(tasks.still_running(task, now, pause=pause))
        return error.verdict not in (Verdict.ACCOUNT_WIDE, Verdict.THROTTLED)

    # jobs

    def _push_jobs(self, requests: list[FinalizeRequest], report: PassReport) -> None:
        """Jobs whose time has come: waiting ones go through the queue again, ended ones get their event published."""
        now = self.clock()
        records = self.due.due(Due.JOB, now, JOBS_PER_PASS)
        if records:
            report.longest_overdue_seconds = (now - records[0].due_at).total_seconds()
        received = self.due.oldest_received()
        if received is not None:
            report.oldest_job_seconds = (now - received).total_seconds()
        found = self.store.find_many([record.record_id for record in records])
        to_wake: list[Job] = []
        to_publish: list[str] = []
        for job in found.values():
            if job.is_finished or job.due_at is None or job.due_at > now:
                continue
            if job.is_terminal:
                # Moved back in the list first: ends that cannot be published must not take everybody else's turn.
                if self._save(jobs.look_again(job, now + jobs.PUBLISH_AGAIN_AFTER)):
                    to_publish.append(job.job_id)
            elif job.status is Status.SUBMITTED:
                self._save(self._looked_after(job, now))
            elif jobs.is_beyond_waking(job):
                if self._save(_given_up(job, now)):
                    to_publish.append(job.job_id)
            else:
                to_wake.append(job)
        requests += [FinalizeRequest(submission_id=None, job_ids=[job_id]) for job_id in to_publish]
        self._wake(to_wake, report)

    def _looked_after(self, job: Job, now: datetime) -> Job:
        """A submitted job whose task should long be over: trust the task if it is alive, else submit again."""
        task = self.tasks.find_task(job.submission_id or "")
        if task is not None and task.phase in (TaskPhase.IN_FLIGHT, TaskPhase.ENDED):
            return jobs.look_again(job, now + jobs.TASK_SAFETY_NET)
        if jobs.may_be_resubmitted(job):
            return jobs.resubmit(job, "TASK_LOST", now)
        return _given_up(job, now)

    def _call_up_the_line(self, _: list[FinalizeRequest], report: PassReport) -> None:
        """Behind a closed gate nobody is called up: all of them would only wait there."""
        if self.gate.gate() is None:
            self._wake(self.line.called_up(self.clock()), report)

    def _release_parked(self, _: list[FinalizeRequest], report: PassReport) -> None:
        """Behind an open gate everybody may go on, in the order they came; behind a closed one, one probe at a time."""
        now = self.clock()
        gate = self.gate.gate()
        if gate is not None:
            report.gate_reason = gate.reason
            if not gates.probe_is_due(gate, now):
                return
        parked = self.due.due(Due.PARKED, now, JOBS_PER_PASS if gate is None else 1)
        found = self.store.find_many([record.record_id for record in parked])
        self._wake([job for job in found.values() if job.due_kind is Due.PARKED], report)

    def _wake(self, waiting: Iterable[Job], report: PassReport) -> None:
        """Record first, message second: whoever gets the message must find a record that is not changed under it.

        A crash in between is a lost message, which the record's new due time makes good.
        """
        for job in waiting:
            try:
                if self._save(jobs.woken(job, self.clock())):
                    self.queue.wake(job.job_id)
                    report.woken += 1
            except Exception:
                # One record that cannot be written must not keep the others asleep.
                logger.exception("a job could not be woken", job_id=job.job_id)
                report.failed_steps += 1

    def _save(self, job: Job) -> bool:
        try:
            self.store.save(job)
        except StaleRecord:
            return False
        return True

    # what next

    def _next_pass(self, requests: list[FinalizeRequest]) -> PassResult:
        now = self.clock()
        next_task = self.due.next_due(Due.TASK)
        next_job = self.due.next_due(Due.JOB)
        in_line = now if self.due.next_due(Due.TURN) is not None else None
        near = [
            moment for moment in (next_task, next_job, in_line) if moment is not None and moment <= now + NEAR_FUTURE
        ]
        wait = (min(near) - now).total_seconds() if near else LONGEST_WAIT
        return PassResult(
            finalize=requests,
            wait_seconds=min(LONGEST_WAIT, max(SHORTEST_WAIT, round(wait))),
            work_left=bool(requests or near or next_task is not None),
        )


def _ended_by(outcome: FileOutcome, moment: datetime) -> FileOutcome:
    return outcome if outcome.completed_at else outcome.model_copy(update={"completed_at": moment})


def _given_up(job: Job, now: datetime) -> Job:
    return jobs.fail(
        job,
        Failure(
            code="INTERNAL_ERROR",
            message=f"dashscribe could not handle this file (last trouble: {job.last_trouble or 'none noted'}). "
            "The logs of the functions have the reason under this job_id; upload the file again once it is mended.",
            category=Verdict.RETRYABLE.value,
        ),
        now,
    )
