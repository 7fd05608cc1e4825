"""Pausing and resuming the submissions of the account (a circuit breaker; rules in `domain.jobs.pause`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.pause import Pause
from dashscribe.domain.jobs.request_ids import refused_by
from dashscribe.errors import ErrorClass, ProfilesUnreadable, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, PauseStore, ProfilesSource
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.report import NOTHING, SubmitReport


@dataclass(frozen=True)
class Admission:
    """The jobs that may be submitted now, by id."""

    admitted: dict[str, Job]
    report: SubmitReport = NOTHING


@dataclass(frozen=True)
class SubmissionPause:
    """Decides which jobs may be submitted, and starts and ends the pause."""

    store: PauseStore
    api_key: Callable[[], str]
    profiles: ProfilesSource
    recorder: JobRecorder
    clock: Clock

    def admit(self, ready: dict[str, Job]) -> Admission:
        """All jobs when nothing is paused, one probe when a probe is due, else none. The others become paused."""
        if not ready:
            return Admission(ready)
        pause = self.store.current_pause()
        if pause is None or pause.reason in pauses.LOCALLY_CHECKED:
            cause = self._local_cause()
            if cause is None:
                if pause is not None:
                    self._end(pause)
                return Admission(ready)
            reason, message = cause
            logger.error("submissions paused", reason=reason, explanation=message)
            return Admission({}, self.start(ready.values(), reason, message))
        probes = self._probe(pause, ready)
        held = [job for job in ready.values() if job.job_id not in probes]
        report = self.recorder.record(held, lambda job: jobs.pause(job, pause.reason))
        return Admission(probes, replace(report, pause_reason=pause.reason))

    def start(self, waiting: Iterable[Job], reason: str, message: str) -> SubmitReport:
        """Start or continue the pause. These jobs wait for its end."""
        self._save_pause(reason, message)
        report = self.recorder.record(waiting, lambda job: jobs.pause(job, reason))
        return replace(report, pause_reason=reason)

    def end(self) -> None:
        """The vendor accepted a submission: whatever was wrong with the account is over."""
        pause = self.store.current_pause()
        if pause is not None:
            self._end(pause)

    def record_refusal(self, claimed: list[Job], error: VendorError) -> SubmitReport:
        """Apply the retry policy to jobs whose submission the vendor refused: it accepted nothing."""
        now, files = self.clock(), len(claimed)
        decisions = [retry_policy.after_refusal(job, error, files, now) for job in claimed]
        pauses_submissions = any(decision.pauses_submissions for decision in decisions)
        if pauses_submissions:
            self._save_pause(error.code, error.message)
        report = self.recorder.save(
            jobs.apply_retry(refused_by(job, error.request_id), decision, error.code, now)
            for job, decision in zip(claimed, decisions, strict=True)
        )
        return replace(
            report,
            throttled=int(error.error_class is ErrorClass.THROTTLED),
            pause_reason=error.code if pauses_submissions else None,
        )

    def _save_pause(self, reason: str, message: str) -> None:
        self.store.save_pause(pauses.start_pause(reason, message, self.clock(), self.store.current_pause()))

    def _probe(self, pause: Pause, ready: dict[str, Job]) -> dict[str, Job]:
        """One job to submit as a probe, if a probe is due and no other process claims it."""
        now = self.clock()
        if not pauses.probe_is_due(pause, now):
            return {}
        following = pauses.start_pause(pause.reason, pause.message, now, pause)
        if not self.store.claim_probe(pause, following):
            return {}
        first = next(iter(ready.values()))
        return {first.job_id: first}

    def _local_cause(self) -> tuple[str, str] | None:
        """Reason and message of a cause that shows without a call to the vendor."""
        try:
            self.api_key()
            self.profiles.profiles()
        except VendorError as error:
            return error.code, error.message
        except ProfilesUnreadable as error:
            return pauses.PROFILES_UNREADABLE, str(error)
        return None

    def _end(self, pause: Pause) -> None:
        self.store.delete_pause()
        logger.info("submissions resumed", after=pause.reason)
