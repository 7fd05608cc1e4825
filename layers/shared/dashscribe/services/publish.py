"""Publishing events, in an order that never loses one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.job_files import failure_file
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, EventPublisher, JobRecords, ResultStore


def publish_start(accepted: Iterable[Job], events: EventPublisher, clock: Clock) -> None:
    """Publish `Transcription Submitted` at a job's first submission.

    The record is written afterwards: a crash in between repeats the event and does not lose it.
    """
    first_time = [job for job in accepted if job.attempts == 1]
    if first_time:
        events.publish(first_time, clock())


@dataclass(frozen=True)
class EndPublisher:
    """Publishes the terminal event of a job, and writes that it is published."""

    records: JobRecords
    results: ResultStore
    events: EventPublisher
    clock: Clock
    results_bucket: str

    def publish(self, job: Job) -> Job:
        """Publish the event. For a failed job, store its job.json with the reason first.

        A crash in between repeats the event, which subscribers must expect. Raises `PublishFailed`; the record then
        stays due, and the loop publishes the event later.
        """
        if job.failure is not None:
            self._store_reason(job)
        now = self.clock()
        self.events.publish([job], now)
        return self.records.save(jobs.published(job, now))

    def _store_reason(self, job: Job) -> None:
        """The event has the reason too, so a results bucket that cannot be written must not stop it."""
        try:
            self.results.store([failure_file(job, self.results_bucket)])
        except Exception:
            logger.exception("job.json not stored", job_id=job.job_id)
