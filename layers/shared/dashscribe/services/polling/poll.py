"""One pass of the loop: poll the tasks, requeue the due jobs, release the backlog, resume paused jobs, and report
delayed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.domain.jobs.task import MAX_WAIT, TaskPhase
from dashscribe.domain.jobs.timeouts import PUBLISH_AGAIN_AFTER, TASK_SAFETY_NET
from dashscribe.errors import RecordUnreadable, StaleRecord
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.delays import save_stalled
from dashscribe.services.finalize_requests import FILES_PER_FINALIZER, FinalizeRequest
from dashscribe.services.pauses import PauseKeeper
from dashscribe.services.polling.backlog import Backlog
from dashscribe.services.polling.dead_letters import DeadLetterRedriver
from dashscribe.services.polling.paused_jobs import PausedJobs
from dashscribe.services.polling.task_poller import FinalizeWork, TaskPoller, TaskPollReport
from dashscribe.services.ports import Clock, EventPublisher, JobQueue, JobRecords

JOBS_PER_PASS = 100
"""Keeps the output of a pass far below the 256 KB that Step Functions allows."""
DUE_JOBS_READ = 500
"""How many due jobs a pass reads. The submitted jobs of a burst are due together, and must not hide the others."""
CONCURRENT_REQUEUES = 8
"""A requeue is two writes, and the files of ended tasks wait until the last requeue of the pass is done."""
NEAR_FUTURE = timedelta(seconds=60)
"""The loop waits for a job that is due within this time. A later one is left to the next scheduled start."""

OLD_AFTER = timedelta(minutes=15)
"""The age of younger jobs is not reported: CloudWatch bills a metric for each hour in which it is emitted."""


class PassResult(BaseModel):
    """The output for the state machine: ids and numbers only, because executions store it.

    With `poll_meanwhile` the next pass polls after `wait_seconds`, while these files are finalized. Without it the next
    pass waits for the finalizers.
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
    """What one pass did. `pauses` is None when they could not be read; no waiting job is released then.

    `near_jobs`: when the jobs of the near future are due; None if the pass has handled some and must read them again.
    """

    pauses: Pauses | None = None
    has_backlog: bool = False
    near_jobs: list[datetime] | None = None
    redriven: int = 0
    requeued: int = 0
    longest_overdue_seconds: float = 0
    oldest_job_seconds: float = 0
    result: PassResult = field(default_factory=lambda: PassResult(finalize=[], wait_seconds=1, work_left=False))


@dataclass
class OnceAMinute:
    """What need not be read in every pass, which may come every second. The time is kept by the process only."""

    next_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        if self.next_at is not None and now < self.next_at:
            return False
        self.next_at = now + timedelta(minutes=1)
        return True


@dataclass(frozen=True)
class PollService:
    """Runs under the loop's lease. A second pass at the same time does no harm, because every write is conditional."""

    task_poller: TaskPoller
    records: JobRecords
    pauses: PauseKeeper
    paused_jobs: PausedJobs
    queue: JobQueue
    backlog: Backlog
    events: Callable[[], EventPublisher]
    dead_letters: DeadLetterRedriver
    clock: Clock
    concurrent_requeues: int = CONCURRENT_REQUEUES
    age_check: OnceAMinute = field(default_factory=OnceAMinute)
    delay_check: OnceAMinute = field(default_factory=OnceAMinute)

    def run(self, being_finalized: Sequence[FinalizeRequest] = ()) -> PassReport:
        """Run a pass. It leaves out what is `being_finalized`: the tasks and their jobs."""
        began, report, work = self.clock(), PassReport(), FinalizeWork(being_finalized)
        for step in (
            self.task_poller.poll,
            self._requeue_due_jobs,
            self._follow_pauses,
            self._release_backlog,
            self._resume_paused_jobs,
            self._report_delays,
            self._redrive_dead_letters,
        ):
            try:
                step(work, report)
            except Exception:
                # A failed step must not discard what the others found: ended tasks still go to finalizers.
                logger.exception("step of the pass failed", step=step.__name__)
                report.failed_steps += 1
        report.result = self._next_pass(work.requests, report, began)
        return report

    # steps

    def _requeue_due_jobs(self, work: FinalizeWork, report: PassReport) -> None:
        """Requeue the waiting jobs that are due, and have the events of terminal jobs published.

        A submitted job whose task still runs is due at its safety net from now on.
        """
        now = self.clock()
        near = self.records.due(Due.JOB, now + NEAR_FUTURE, DUE_JOBS_READ)
        due = [record for record in near if record.due_at <= now]
        if due:
            report.longest_overdue_seconds = (now - due[0].due_at).total_seconds()
        report.near_jobs = None if due else [record.due_at for record in near]
        report.oldest_job_seconds = self._old_job_seconds(now)
        submitted: list[Job] = []
        others: list[Job] = []
        for job in self.records.find_many([record.record_id for record in due]).values():
            if job.is_finished or job.due_at is None or job.due_at > now or work.has_job(job.job_id):
                continue
            is_early = job.status is Status.SUBMITTED and now < jobs.safety_net(job)
            (submitted if is_early else others).append(job)
        to_requeue: list[Job] = []
        for job in others[:JOBS_PER_PASS]:
            try:
                if self._is_requeued(job, now, work):
                    to_requeue.append(job)
            except Exception:
                logger.exception("due job not handled", job_id=job.job_id)  # the other jobs continue
                report.failed_steps += 1
        self._requeue(to_requeue, report)
        self._change_each(lambda job: self._save(jobs.check_again(job, jobs.safety_net(job))), submitted, report)

    def _old_job_seconds(self, now: datetime) -> float:
        """The age of the oldest unfinished job. 0 if it is not old, or was read within the last minute."""
        received = self.records.oldest_received() if self.age_check.is_due(now) else None
        return 0 if received is None or now - received < OLD_AFTER else (now - received).total_seconds()

    def _is_requeued(self, job: Job, now: datetime, work: FinalizeWork) -> bool:
        """Whether this due job is requeued. Any other is handled here."""
        if job.is_terminal:
            # Postponed first: events that cannot be published must not take the place of other due jobs.
            publishes = self._save(jobs.check_again(job, now + PUBLISH_AGAIN_AFTER))
        elif job.status is Status.SUBMITTED:
            self._save(self._checked(job, now))
            return False
        elif retry_policy.has_failed_too_often(job):
            publishes = self._save(jobs.fail(job, retry_policy.internal_error(job), now))
        else:
            return True
        if publishes:
            work.requests.append(FinalizeRequest(submission_id=None, job_ids=[job.job_id]))
        return False

    def _checked(self, job: Job, now: datetime) -> Job:
        """A submitted job at its safety net: its task makes progress, or the job is submitted again."""
        try:
            task = self.records.find_task(job.submission_id or "")
        except RecordUnreadable:
            task = None
        if task is not None and task.phase in (TaskPhase.IN_FLIGHT, TaskPhase.ENDED):
            return jobs.check_again(job, now + TASK_SAFETY_NET)
        return jobs.apply_retry(job, retry_policy.after_lost_task(job, now), "TASK_LOST", now)

    def _follow_pauses(self, _: FinalizeWork, report: PassReport) -> None:
        """Read the pauses, and publish what changed. An answered query ends a pause that only queries have started."""
        report.pauses = self.pauses.current()
        account = report.pauses.account
        if account is not None and account.by_query and report.answered_queries:
            self.pauses.end([None])
            report.pauses = self.pauses.current()
        if report.pauses.announcements:
            self.pauses.announce(report.pauses, self.events())

    def _release_backlog(self, _: FinalizeWork, report: PassReport) -> None:
        """During a pause no job is released: it would only become paused."""
        if report.pauses is None or report.pauses.account is not None:
            return
        release = self.backlog.release(self.clock(), report.pauses.of_models)
        report.failed_steps += release.failures
        report.has_backlog = release.models > 0
        self._requeue(release.jobs, report)

    def _resume_paused_jobs(self, _: FinalizeWork, report: PassReport) -> None:
        """Requeue the jobs that no pause holds, in the order of receipt, and one probe at a time for each pause."""
        if report.pauses is not None:
            self._requeue(self.paused_jobs.due_jobs(report.pauses), report)

    def _redrive_dead_letters(self, _: FinalizeWork, report: PassReport) -> None:
        report.redriven = self.dead_letters.run()

    def _report_delays(self, work: FinalizeWork, _: PassReport) -> None:
        """Have `Transcription Delayed` published for the stalled jobs that are on the due list DELAY."""
        now = self.clock()
        if not self.delay_check.is_due(now):
            return
        watched = [record.record_id for record in self.records.due(Due.DELAY, now, JOBS_PER_PASS)]
        found = self.records.find_many(watched)
        delayed: list[str] = []
        for job_id in watched:
            due = delays.delayed_from(found[job_id]) if job_id in found else None
            if due is None:
                self.records.end_delay_watch(job_id, now)
            elif due > now:
                self.records.watch_delay(job_id, due)
            elif not work.has_job(job_id):
                # Postponed first: an event that cannot be published must not take the place of others.
                self.records.watch_delay(job_id, now + PUBLISH_AGAIN_AFTER)
                delayed.append(job_id)
        for start in range(0, len(delayed), FILES_PER_FINALIZER):
            job_ids = delayed[start : start + FILES_PER_FINALIZER]
            work.requests.append(FinalizeRequest(submission_id=None, job_ids=job_ids))

    def _requeue(self, waiting: Sequence[Job], report: PassReport) -> None:
        """Write each record before its message is sent: the receiver must find a record that does not change under it.

        After a crash in between, the message is lost, and the record's new due time brings the job back.
        """

        def requeue(job: Job) -> bool:
            following = jobs.requeued(job, self.clock())
            if job.due_kind is Due.JOB:
                following = delays.stalled(following, delays.unanswered_since(job))
            if not self._save(following, was_stalled=job.stalled_since is not None):
                return False
            self.queue.requeue(job.job_id)
            return True

        report.requeued += self._change_each(requeue, waiting, report)

    def _change_each(self, change: Callable[[Job], bool], waiting: Sequence[Job], report: PassReport) -> int:
        """Change these jobs concurrently, and return how many were changed. An error affects its job only."""

        def attempt(job: Job) -> tuple[int, int]:
            try:
                return int(change(job)), 0
            except Exception:
                logger.exception("due job not handled", job_id=job.job_id)
                return 0, 1

        changed = list(map_concurrently(attempt, waiting, self.concurrent_requeues))
        report.failed_steps += sum(failed for _, failed in changed)
        return sum(done for done, _ in changed)

    def _save(self, job: Job, *, was_stalled: bool = True) -> bool:
        try:
            save_stalled(self.records, job, was_stalled=was_stalled)
        except StaleRecord:
            return False
        return True

    # the next pass

    def _next_pass(self, requests: list[FinalizeRequest], report: PassReport, began: datetime) -> PassResult:
        now = self.clock()
        has_backlog = report.has_backlog and self.records.next_due(Due.RATE_LIMITED) is not None
        backlog_at = now if has_backlog else None
        if requests:
            # With nothing to poll meanwhile, the next pass waits for the finalizers and then closes their tasks.
            next_at = _earliest(report.next_query_at, backlog_at)
            meanwhile = next_at is not None and next_at <= now + MAX_WAIT
            wait = _seconds(now, next_at) if meanwhile else 0
            return PassResult(finalize=requests, wait_seconds=wait, work_left=True, poll_meanwhile=meanwhile)
        next_job_at = self.records.next_due(Due.JOB) if report.near_jobs is None else _earliest(*report.near_jobs)
        next_at = _earliest(report.next_task_at, next_job_at, backlog_at)
        is_near = next_at is not None and next_at <= now + NEAR_FUTURE
        # A record that was due before this pass, and could not be handled in it, must not be retried at once.
        is_stuck = next_at is not None and next_at <= began
        self._sleep_fraction(now, next_at)
        wait = max(int(is_stuck), _seconds(now, next_at)) if is_near else _seconds(now, None)
        return PassResult(finalize=[], wait_seconds=wait, work_left=is_near or report.next_task_at is not None)

    def _sleep_fraction(self, now: datetime, moment: datetime | None) -> None:
        """Step Functions waits in whole seconds. Less than half a second is slept here."""
        seconds = 0 if moment is None else (moment - now).total_seconds()
        if 0 < seconds < 0.5:
            self.task_poller.vendor.sleep(seconds)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _seconds(now: datetime, moment: datetime | None) -> int:
    """How long to wait for this moment, in whole seconds, as Step Functions waits."""
    wait = MAX_WAIT if moment is None else min(MAX_WAIT, moment - now)
    return max(0, round(wait.total_seconds()))
