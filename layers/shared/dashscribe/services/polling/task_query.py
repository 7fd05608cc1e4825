"""Querying one task, recording what came of it, and returning the jobs that are ready for a finalizer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.jobs.task_list_scan import ENOUGH_REPLIES
from dashscribe.domain.recognition.file_outcomes import FileOutcome, read_outcomes
from dashscribe.domain.recognition.task_replies import UNKNOWN, TaskOutput, TaskReply
from dashscribe.errors import ErrorClass, RecordUnreadable, ResponseLost, StaleRecord, VendorError
from dashscribe.observability import logger
from dashscribe.services.delays import save_stalled
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.pauses import PauseKeeper
from dashscribe.services.polling.pass_budget import PassBudget
from dashscribe.services.polling.scan_task_list import ListKnowledge
from dashscribe.services.polling.vendor_calls import VendorCalls
from dashscribe.services.ports import Clock, DueTask, JobRecords

TIMED_OUT = TaskOutput(task_status="TIMED_OUT", code="TASK_TIMED_OUT", message="The task did not end within 4 hours.")


@dataclass(frozen=True)
class TaskQuery:
    """Handles one due task. Several run concurrently, each for another task."""

    records: JobRecords
    pauses: PauseKeeper
    vendor: VendorCalls
    clock: Clock
    budget: PassBudget
    knowledge: ListKnowledge

    def run(self, due_task: DueTask) -> FinalizeRequest | None:
        """Query the task if it is still due. An error affects this task only."""
        submission_id = due_task.submission_id
        if self.budget.is_spent(self.clock()):
            self.budget.count_postponed()
            return None
        if submission_id in self.knowledge.queried_early and self.knowledge.misses >= ENOUGH_REPLIES:
            return None
        try:
            job_ids = self._handle_if_due(submission_id)
        except StaleRecord:
            logger.info("another pass handled this task", submission_id=submission_id)
            return None
        except Exception:
            logger.exception("task not handled", submission_id=submission_id)
            self.budget.count_failure()
            return None
        return FinalizeRequest(submission_id=submission_id, job_ids=job_ids) if job_ids else None

    def _handle_if_due(self, submission_id: str) -> list[str]:
        task = self.records.find_task(submission_id)
        if task is None or task.due_at is None or task.due_at > self.clock():
            return []
        try:
            return self._handle(task)
        except VendorError as error:
            self._record_error(submission_id, error)
            return []

    def _handle(self, task: Task) -> list[str]:
        """The jobs of this task that are ready for a finalizer. Jobs are read only when the task is over."""
        waiting = self._waiting_jobs(task) if task.ended_at is not None else None
        if waiting is not None and not waiting:
            now = self.clock()
            if task.phase is TaskPhase.ENDED:
                self.records.clear_outcomes(task.submission_id, now)
            self.records.save_task(tasks.closed(task, now))
            return []
        if task.phase is TaskPhase.ENDED:  # a finalizer had the task and did not finish all of its files
            self._finalize_again(task, waiting or {})
            return []
        if not self.budget.reserve_files(task.files):
            self.budget.count_postponed()
            return []
        try:
            return self._query(task)
        finally:
            self.budget.release_files(task.files)

    def _finalize_again(self, task: Task, waiting: dict[str, Job]) -> None:
        now = self.clock()
        at = [now + retry_policy.finalize_delay(task)]
        for job in waiting.values():
            if job.is_terminal:
                continue
            if retry_policy.is_out_of_finalize_attempts(job, task, now):
                self._fail(job, now)
            elif task.finalize_attempts > 1:
                self._stall(job, task.ended_at or now, delays.NOT_STORED)
            if job.result_retry_at is not None:
                at.append(job.result_retry_at)
        self.records.save_task(tasks.finalize_again(task, max(now, min(at))))

    def _query(self, task: Task) -> list[str]:
        if not self.vendor.reserve_query(self.budget):
            self.budget.count_postponed()
            return []
        self.budget.count_query()
        reply = self._reply(task)
        output = reply.output
        now = self.clock()
        is_doubtful = output.task_status == UNKNOWN or output.is_incomplete
        if is_doubtful and not tasks.is_unknown_for_good(task, now):
            self.records.save_task(tasks.unknown(task, now, retry_policy.unknown_task_delay()))
            return []
        self.knowledge.replies[task.task_id or ""] = output
        if task.submission_id in self.knowledge.queried_early:
            self.knowledge.misses = 0 if output.is_over else self.knowledge.misses + 1
        if not output.is_over and task.ended_at is None:
            if not tasks.is_overdue(task, now):
                if task.submission_id in self.knowledge.recorded or tasks.has_odd_queries(task):
                    self.records.save_task(tasks.still_running(task, now))
                return []
            self._cancel(task)
            output = TIMED_OUT
        waiting = self._waiting_jobs(task)
        if not waiting:
            self.records.save_task(tasks.closed(task, now))
            return []
        known = self.records.find_batch(task.submission_id, []).outcomes if task.ended_at else {}
        is_forgotten = task.ended_at is not None and (is_doubtful or not output.is_over)
        # Without outcomes, the function that recorded the end was killed before it wrote them.
        if is_forgotten and (not is_doubtful or waiting.keys() <= known.keys()):
            self._keep_end(task, now)
            self.budget.count_ended(len(waiting), now)
            return list(waiting)
        logger.info(
            "task ended",
            task_id=task.task_id,
            status=output.task_status,
            request_id=reply.request_id,
            job_ids=list(waiting),
        )
        self._record_end(task, waiting, known, output, reply, now)
        self.budget.count_ended(len(waiting), now)
        return list(waiting)

    def _reply(self, task: Task) -> TaskReply:
        """The vendor's reply. Without a reply, and long after any result was deleted, the task counts as timed out."""
        try:
            reply = self.vendor.speech().query(task.task_id or "")
            self.budget.count_answer()
            has_result = any(subtask.transcription_url for subtask in reply.output.subtasks)
            if has_result and reply.output.task_id and reply.output.task_id != task.task_id:
                raise ResponseLost("DashScope's response to a query has the results of another task.")
            return reply
        except VendorError:
            if not tasks.is_beyond_querying(task, self.clock()):
                raise
            return TaskReply()

    def _keep_end(self, task: Task, now: datetime) -> None:
        """The vendor has forgotten that the task had ended. Its outcomes are known, so no file is submitted again."""
        self.records.save_task(tasks.ended(task, now))

    def _record_end(
        self,
        task: Task,
        waiting: dict[str, Job],
        known: Mapping[str, FileOutcome],
        output: TaskOutput,
        reply: TaskReply,
        now: datetime,
    ) -> None:
        """Write the task before its outcomes: of two passes that query it at once, only one may write outcomes."""
        media = {job_id: job.media for job_id, job in waiting.items()}
        others = self.records.find_many([job_id for job_id in task.job_ids if job_id not in waiting])
        found = read_outcomes(
            output,
            media,
            len(task.job_ids),
            reply.usage,
            others=[job.media for job in others.values()],
            url_marks=task.mark_of_job,
        )
        task = self.records.save_task(tasks.ended(task, now))
        ended_at = tasks.time_within(task, output.ended_at, now) or task.ended_at or now
        scheduled_at = tasks.time_within(task, output.scheduled_at, ended_at)
        ending = {"completed_at": ended_at, "scheduled_at": scheduled_at, "request_id": reply.request_id}
        self.records.save_outcomes(
            task.submission_id,
            {
                job_id: known[job_id]
                if _loses_result(known.get(job_id), outcome)
                else outcome.model_copy(update=ending)
                for job_id, outcome in found.items()
            },
        )

    def _fail(self, job: Job, now: datetime) -> None:
        """The job is due at once, so this pass has its event published."""
        with suppress(StaleRecord):
            self.records.save(jobs.fail(job, retry_policy.internal_error(job), now))

    def _stall(self, job: Job, since: datetime, error_code: str) -> None:
        """Nothing goes on with the job since this time. The loop publishes `Transcription Delayed` about it."""
        if job.is_terminal or job.stalled_since is not None:
            return
        with suppress(StaleRecord):
            save_stalled(self.records, delays.stalled(job, since, error_code), was_stalled=False)

    def _cancel(self, task: Task) -> None:
        """The files are submitted again, so a task that is still pending should not be paid for too."""
        try:
            self.vendor.speech().cancel(task.task_id or "")
        except VendorError as error:
            logger.info("overdue task not cancelled", task_id=task.task_id, code=error.code)

    def _waiting_jobs(self, task: Task) -> dict[str, Job]:
        """The jobs that still depend on this task, if only for their event. A resubmitted job depends on another."""
        return {
            job_id: job
            for job_id, job in self.records.find_many(task.job_ids).items()
            if job.submission_id == task.submission_id and (not job.is_terminal or jobs.is_unpublished_success(job))
        }

    def _record_error(self, submission_id: str, error: VendorError) -> None:
        """Query the task again later. Stop the pass when no other query makes sense."""
        now = self.clock()
        logger.warning(
            "query failed",
            submission_id=submission_id,
            code=error.code,
            reason=error.message,
            request_id=error.request_id,
        )
        if error.error_class is ErrorClass.ACCOUNT_WIDE:
            self.pauses.start(error.code, error.message, by_query=True)
        if error.error_class in (ErrorClass.ACCOUNT_WIDE, ErrorClass.THROTTLED):
            self.budget.stopped = True
        with suppress(StaleRecord, RecordUnreadable):
            task = self.records.find_task(submission_id)
            if task is not None:
                failed = tasks.query_failed(task, now, retry_policy.query_delay_after(error))
                if tasks.is_delayed_by_queries(failed, now):
                    for job in self._waiting_jobs(task).values():
                        self._stall(job, failed.query_failing_since or now, error.code)
                    failed = tasks.delay_reported(failed)
                self.records.save_task(failed)


def _loses_result(known: FileOutcome | None, outcome: FileOutcome) -> bool:
    """Whether an earlier reply had a result for the file and this one has none. The result was paid for."""
    return known is not None and known.transcription_url is not None and outcome.transcription_url is None
