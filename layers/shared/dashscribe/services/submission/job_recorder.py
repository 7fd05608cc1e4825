"""Writing the next record of a job, and publishing the terminal event of a job that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from dashscribe.services.publish import EndPublisher
from dashscribe.services.submission.report import SubmitReport, total


@dataclass(frozen=True)
class JobRecorder:
    """Writes with optimistic locking: when another process wrote the record first, our change is dropped."""

    records: JobRecords
    publisher: EndPublisher
    clock: Clock

    def record(self, batch: Iterable[Job], change: Callable[[Job], Job]) -> SubmitReport:
        """Write the next record of each job, and report it by its new status."""
        return total(self._record(job, change) for job in batch)

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
        return self._published(failed)

    def _record(self, job: Job, change: Callable[[Job], Job]) -> SubmitReport:
        try:
            following = delays.after_change(change(job), self.clock())
            changed = save_stalled(self.records, following, was_stalled=job.stalled_since is not None)
        except StaleRecord:
            logger.info("another process is handling this job", job_id=job.job_id)
            return SubmitReport()
        if changed.is_terminal:
            return self._published(changed)
        if changed.status is Status.SUBMITTED:
            return SubmitReport(submitted=[changed])
        return SubmitReport(waiting=[changed])

    def _published(self, failed: Job) -> SubmitReport:
        logger.warning("transcription failed", code=failed.failure.code if failed.failure else None)
        try:
            self.publisher.publish(failed)
        except PublishFailed:
            logger.exception("event not published; the loop publishes it", job_id=failed.job_id)
        except StaleRecord:
            logger.info("the loop published this event too", job_id=failed.job_id)
        return SubmitReport(failed=[failed])
