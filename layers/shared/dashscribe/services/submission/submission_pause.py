"""Which jobs may be submitted while submissions are paused (a circuit breaker; rules in `domain.jobs.pause`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs.job import Job, model_of
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.domain.jobs.request_ids import refused_by
from dashscribe.errors import ErrorClass, ProfilesUnreadable, VendorError
from dashscribe.observability import logger
from dashscribe.services.pauses import PauseKeeper
from dashscribe.services.ports import ProfilesSource
from dashscribe.services.submission.job_recorder import JobRecorder
from dashscribe.services.submission.report import NOTHING, SubmitReport


@dataclass(frozen=True)
class Admission:
    """The jobs that may be submitted now, by id."""

    admitted: dict[str, Job]
    report: SubmitReport = NOTHING


@dataclass(frozen=True)
class SubmissionPause:
    """Decides which jobs may be submitted, and starts and ends pauses."""

    keeper: PauseKeeper
    api_key: Callable[[], str]
    profiles: ProfilesSource
    recorder: JobRecorder

    def admit(self, ready: dict[str, Job]) -> Admission:
        """The jobs that no pause holds, and one probe of each pause whose probe is due. The others become paused."""
        if not ready:
            return Admission(ready)
        seen = self.keeper.current()
        account = seen.account
        if account is None or account.reason in pauses.LOCALLY_CHECKED:
            cause = self._local_cause()
            if cause is not None:
                return Admission({}, self.start(ready.values(), *cause))
            # Another function may have read a newer key, so an older one here proves nothing. A probe finds out.
            if account is not None and account.is_older_than_configuration(self.recorder.clock()):
                self.keeper.end([None])
                seen = self.keeper.current()
        probes = self._probes(seen, ready.values())
        admitted, report = dict[str, Job](), NOTHING
        for job in ready.values():
            pause = seen.account or seen.find(model_of(job))
            if pause is None or job.job_id in probes:
                admitted[job.job_id] = job
            else:
                report += self._held(job, pause.reason)
        return Admission(admitted, report)

    def start(self, waiting: Iterable[Job], reason: str, message: str) -> SubmitReport:
        """Start or continue the pause of the account. These jobs wait for its end."""
        self.keeper.start(reason, message)
        return self.recorder.record(waiting, lambda job: jobs.pause(job, reason))

    def end(self, model: str) -> None:
        """The vendor accepted a submission: whatever was wrong with the account, or with this model, is over."""
        self.keeper.end([None, model])

    def record_refusal(self, claimed: list[Job], error: VendorError) -> SubmitReport:
        """Apply the retry policy to jobs whose submission the vendor refused: it accepted nothing."""
        now, files = self.recorder.clock(), len(claimed)
        model = model_of(claimed[0]) if error.error_class is ErrorClass.MODEL_WIDE else None
        is_pausing = error.error_class in (ErrorClass.ACCOUNT_WIDE, ErrorClass.MODEL_WIDE)
        is_probe = is_pausing and self.keeper.current().find(model) is not None
        decisions = [retry_policy.after_refusal(job, error, files, now, is_probe=is_probe) for job in claimed]
        if any(decision.pauses_submissions for decision in decisions):
            self.keeper.start(error.code, error.message, model=model)
        report = self.recorder.save(
            jobs.apply_retry(refused_by(job, error.request_id), decision, error.code, now)
            for job, decision in zip(claimed, decisions, strict=True)
        )
        return replace(report, throttled=int(error.error_class is ErrorClass.THROTTLED))

    def _held(self, job: Job, reason: str) -> SubmitReport:
        """A record that cannot be written must not stop the others: the job stays due, and the loop brings it back."""
        try:
            return self.recorder.save([jobs.pause(job, reason)])
        except Exception:
            logger.exception("job not paused", job_id=job.job_id)
            return SubmitReport(broken_batches=1)

    def _probes(self, seen: Pauses, ready: Iterable[Job]) -> set[str]:
        """The jobs to submit as probes: one for each paused model whose probe is due, or one for the account.

        Another process that claims a probe at the same time gets all of them.
        """
        now = self.recorder.clock()
        models = seen.of_models
        candidates: dict[str | None, Job] = {}
        for job in ready:
            model = model_of(job)
            if model not in models or models[model].probe_is_due(now):
                candidates.setdefault(model, job)
        chosen: list[str | None] = [model for model in candidates if model in models]
        scopes = chosen
        if seen.account is not None:
            chosen = list(candidates)[: int(seen.account.probe_is_due(now))]
            scopes = [None, *chosen]
        if not chosen or not self.keeper.claim_probes(seen, scopes):
            return set()
        return {candidates[model].job_id for model in chosen}

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
