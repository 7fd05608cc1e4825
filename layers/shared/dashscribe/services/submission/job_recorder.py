"""Writing the next records of jobs, and publishing the events that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.failure import failure
from dashscribe.domain.jobs.job import RESPONSE_LOST, Job, Status
from dashscribe.domain.jobs.retry_policy import MAX_LOST_RESPONSES, after_lost_response
from dashscribe.errors import PublishFailed, StaleRecord
from dashscribe.observability import logger
from dashscribe.services.delays import save_stalled
from dashscribe.services.ports import Clock, JobRecords
from dashscribe.services.publish import EndPublisher, publish_start
from dashscribe.services.submission.report import SubmitReport


@dataclass(frozen=True)
class JobRecorder:
    """Writes with optimistic locking: when another process wrote the record first, our change is dropped."""

    records: JobRecords
    publisher: EndPublisher
    clock: Clock

    def record(self, batch: Iterable[Job], change: Callable[[Job], Job]) -> SubmitReport:
        """Write the next record of each job, and report it by its new status. Publish the events of the failed ones."""
        written = [job for before in batch if (job := self._written(before, change)) is not None]
        return self._published([job for job in written if job.is_terminal]) + SubmitReport(
            submitted=[job for job in written if job.status is Status.SUBMITTED],
            waiting=[job for job in written if not job.is_terminal and job.status is not Status.SUBMITTED],
        )

    def save(self, batch: Iterable[Job]) -> SubmitReport:
        """Write these records."""
        return self.record(batch, lambda job: job)

    def record_lost_responses(self, batch: Iterable[Job], limit: int = MAX_LOST_RESPONSES) -> SubmitReport:
        """The responses are lost for good: submit each job again, at most `limit` times, else fail it."""
        now = self.clock()

        def change(job: Job) -> Job:
            decision = after_lost_response(job, now, limit)
            return jobs.apply_retry(jobs.response_lost(job), decision, RESPONSE_LOST, now)

        return self.record(batch, change)

    def fail(self, job: Job, code: str, message: str) -> SubmitReport:
        """Fail the job now. Raises `StaleRecord` when another process wrote the record first."""
        failed = self.records.save(jobs.fail(job, failure(code, message), self.clock()))
        return self._published([failed])

    def record_accepted(self, accepted: Sequence[Job]) -> SubmitReport:
        """Publish `Transcription Submitted` for the jobs of one submission, and write their records.

        A job whose event is not accepted does not change. The finalizer of its task, or reconciliation, publishes the
        event and writes the record later.
        """
        try:
            publish_start(accepted, self.publisher.events, self.clock)
        except PublishFailed as error:
            logger.exception("event not published; reconciliation publishes it", job_ids=sorted(error.job_ids))
            published = [job for job in accepted if job.job_id not in error.job_ids]
            return self.save(published) + SubmitReport(broken_batches=1)
        return self.save(accepted)

    def _written(self, job: Job, change: Callable[[Job], Job]) -> Job | None:
        """The written job. None when another process wrote the record first."""
        try:
            following = delays.after_change(change(job), self.clock())
            return save_stalled(self.records, following, was_stalled=job.stalled_since is not None)
        except StaleRecord:
            logger.info("another process is handling this job", job_id=job.job_id)
            return None

    def _published(self, failed: list[Job]) -> SubmitReport:
        for job in failed:
            logger.warning("transcription failed", job_id=job.job_id, code=job.failure.code if job.failure else None)
        if failed:
            self.publisher.publish(failed)
        return SubmitReport(failed=failed)
