"""Where jobs wait, or end, on their way to the vendor: the same for those that make a task and those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.pause import Pause
from dashscribe.errors import ErrorClass, MalformedMessage, ProfilesUnreadable, PublishFailed, StaleRecord, VendorError
from dashscribe.observability import logger
from dashscribe.services.messages import RequeuedJob
from dashscribe.services.ports import (
    Clock,
    DeadLetterQueue,
    EventPublisher,
    JobStore,
    Message,
    PauseStore,
    ProfilesSource,
)
from dashscribe.services.publish import publish_end
from dashscribe.services.submission.reconcile import Reconciliation

THROTTLED_LIKE = 3
"""A refusal for speed pauses a file like a third failure, 8 to 16 seconds: a limit recovers within a minute."""


@dataclass
class SubmitReport:
    """What one run did, to be counted."""

    failed_message_ids: list[str] = field(default_factory=list)
    dead_lettered: int = 0
    submitted: list[Job] = field(default_factory=list)
    succeeded: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    waiting: list[Job] = field(default_factory=list)
    handed_over: list[Job] = field(default_factory=list)
    broken_batches: int = 0
    ambiguous: int = 0
    throttled: int = 0
    pause_reason: str | None = None
    reconciliations: dict[str, Reconciliation] = field(default_factory=dict)
    reconcile_until: datetime | None = None

    @property
    def changed_anything(self) -> bool:
        """Whether the poll loop has something to look at."""
        return bool(self.submitted or self.failed or self.waiting or self.broken_batches)


@dataclass(frozen=True)
class WaitingRoom:
    """Every change of a job that is not on its way yet, or comes back. Whoever was faster wins; the loser lets go."""

    store: JobStore
    pauses: PauseStore
    api_key: Callable[[], str]
    profiles: ProfilesSource
    events: EventPublisher
    dead_letter_queue: DeadLetterQueue
    clock: Clock

    def handled(self, message: Message, handle: Callable[[str], None], report: SubmitReport) -> bool:
        """Whether a message is done with, after `handle` had its body; else it comes back.

        Whatever breaks breaks this message single_file_task: the others of its batch must not wait for it.
        """
        try:
            handle(message.body)
        except MalformedMessage as error:
            return self._dead_letter(message, str(error), report)
        except StaleRecord:
            logger.info("somebody else is handling this job", message_id=message.message_id)
        except Exception:
            logger.exception("message failed", message_id=message.message_id)
            self._comes_back(message, report)
            return False
        return True

    def job_of(self, message: RequeuedJob) -> Job:
        job = self.store.find(message.job_id)
        if job is None:
            raise MalformedMessage(f"The message names the job {message.job_id!r}, which does not exist.")
        return job

    def _comes_back(self, message: Message, report: SubmitReport) -> None:
        """Lambda must be told of what it handed over; what we took ourselves comes back when it is not deleted."""
        if message.receipt is None:
            report.failed_message_ids.append(message.message_id)

    def _dead_letter(self, message: Message, reason: str, report: SubmitReport) -> bool:
        """To the dead-letter queue at once. False when it refuses, and the message must come back."""
        logger.error("broken message", reason=reason, message_id=message.message_id)
        try:
            self.dead_letter_queue.send(message.body, reason)
        except Exception:
            logger.exception("dead-letter queue refused a message", message_id=message.message_id)
            self._comes_back(message, report)
            return False
        report.dead_lettered += 1
        return True

    # ends and waits

    def fail(self, job: Job, code: str, message: str, report: SubmitReport) -> None:
        self._publish_failure(self.store.save(jobs.fail(job, jobs.failure(code, message), self.clock())), report)

    def each(self, batch: Iterable[Job], report: SubmitReport, change: Callable[[Job], Job]) -> None:
        """Write the next record of every job, and count it by where it is then."""
        for job in batch:
            try:
                changed = self.store.save(change(job))
            except StaleRecord:
                logger.info("somebody else is handling this job", job_id=job.job_id)
                continue
            if changed.is_terminal:
                self._publish_failure(changed, report)
            elif changed.status is Status.SUBMITTED:
                report.submitted.append(changed)
            else:
                report.waiting.append(changed)

    def _publish_failure(self, ended: Job, report: SubmitReport) -> None:
        logger.warning("transcription failed", code=ended.failure.code if ended.failure else None)
        report.failed.append(ended)
        try:
            publish_end(ended, self.store, self.events, self.clock)
        except PublishFailed:
            logger.exception("the event waits for the poll loop", job_id=ended.job_id)
        except StaleRecord:
            logger.info("the poll loop published this end too", job_id=ended.job_id)

    def join_backlog(self, batch: Iterable[Job], report: SubmitReport) -> None:
        """It is not their turn yet: the loop calls them up as the rate allows."""
        self.each(batch, report, jobs.rate_limited)

    def refused(self, claimed: Iterable[Job], error: VendorError, now: datetime, report: SubmitReport) -> None:
        """The vendor said no to a submission, for certain: nothing was accepted."""
        if error.error_class is ErrorClass.ACCOUNT_WIDE:
            self.park(claimed, error.code, error.message, report)
        elif error.error_class is ErrorClass.THROTTLED:
            report.throttled += 1
            pause = jobs.retry_delay(THROTTLED_LIKE)
            self.each(claimed, report, lambda job: jobs.defer(job, error.code, now, delay=pause, counts=False))
        elif error.error_class is ErrorClass.PERMANENT:
            self.each(claimed, report, lambda job: jobs.fail(job, jobs.failure(error.code, error.message), now))
        else:
            self.each(claimed, report, lambda job: deferred_or_failed(job, error, now))

    # the gate

    def park(self, waiting: Iterable[Job], reason: str, message: str, report: SubmitReport) -> None:
        """Close the gate (again), and let the jobs wait behind it."""
        report.pause_reason = reason
        self.pauses.save_pause(pauses.start_pause(reason, message, self.clock(), self.pauses.current_pause()))
        self.each(waiting, report, lambda job: jobs.park(job, reason))

    def hold_while_paused(self, ready: dict[str, Job], report: SubmitReport) -> dict[str, Job]:
        """Whoever may pass: everybody when the pause is open, one probe when it is time, else nobody."""
        if not ready:
            return ready
        pause = self.pauses.current_pause()
        if pause is None or pause.reason in pauses.LOCALLY_CHECKED:
            cause = self._local_cause()
            if cause is None:
                if pause is not None:
                    self._resume(pause)
                return ready
            logger.error("submissions paused", reason=cause[0], explanation=cause[1])
            self.park(ready.values(), *cause, report)
            return {}
        probes: dict[str, Job] = {}
        if pauses.probe_is_due(pause, self.clock()):
            following = pauses.start_pause(pause.reason, pause.message, self.clock(), pause)
            if self.pauses.claim_probe(pause, following):
                first = next(iter(ready.values()))
                probes = {first.job_id: first}
        report.pause_reason = pause.reason
        self.each(
            [job for job in ready.values() if job.job_id not in probes],
            report,
            lambda job: jobs.park(job, pause.reason),
        )
        return probes

    def resume(self) -> None:
        """The vendor took something: whatever was wrong with the account is over."""
        pause = self.pauses.current_pause()
        if pause is not None:
            self._resume(pause)

    def _local_cause(self) -> tuple[str, str] | None:
        try:
            self.api_key()
            self.profiles.profiles()
        except VendorError as error:
            return error.code, error.message
        except ProfilesUnreadable as error:
            return pauses.PROFILES_UNREADABLE, str(error)
        return None

    def _resume(self, pause: Pause) -> None:
        self.pauses.delete_pause()
        logger.info("submissions resumed", after=pause.reason)


def deferred_or_failed(job: Job, error: VendorError, now: datetime) -> Job:
    deferred = jobs.defer(job, error.code, now)
    if deferred.failed_attempts < jobs.max_attempts_for(error.http_status):
        return deferred
    message = f"{error.message} (given up after {deferred.failed_attempts} tries)"
    return jobs.fail(job, jobs.failure(error.code, message, ErrorClass.RETRYABLE), now)
