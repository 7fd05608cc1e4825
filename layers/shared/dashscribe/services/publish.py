"""Publishing events, in an order that never loses one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.job_files import failure_file
from dashscribe.errors import PublishFailed, StaleRecord
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.ports import Clock, EventPublisher, JobRecords, ResultStore


def publish_start(accepted: Sequence[Job], events: EventPublisher, clock: Clock) -> None:
    """Publish `Transcription Submitted` at a job's first submission. Raises `PublishFailed`.

    The record is written afterwards: a crash in between repeats the event and does not lose it.
    """
    first_time = [job for job in accepted if job.attempts == 1]
    if first_time:
        events.publish(first_time, clock())


@dataclass(frozen=True)
class EndPublisher:
    """Publishes the terminal events of jobs, and writes that they are published.

    `concurrent_writes`: how many records are written at the same time.
    """

    records: JobRecords
    results: ResultStore
    events: EventPublisher
    clock: Clock
    results_bucket: str
    concurrent_writes: int = 1

    def publish(self, ended: Sequence[Job]) -> list[Job]:
        """Publish the events of these jobs together. For a failed job, store its job.json with the reason first.

        Returns the jobs whose event is published, as their records are now. Every other job stays due, and the loop
        publishes its event later. A crash before a record is written repeats the event, which subscribers must expect.
        """
        failed = [job for job in ended if job.failure is not None]
        list(map_concurrently(self._store_reason, failed, self.concurrent_writes))
        now = self.clock()
        accepted = [jobs.published(job, now) for job in self._accepted(ended, now)]
        written = map_concurrently(self._write, accepted, self.concurrent_writes)
        return [job for job in written if job is not None]

    def _accepted(self, ended: Sequence[Job], now: datetime) -> list[Job]:
        """The jobs whose event is on the bus now."""
        try:
            self.events.publish(ended, now)
        except PublishFailed as error:
            logger.exception("event not published; the loop publishes it", job_ids=sorted(error.job_ids))
            return [job for job in ended if job.job_id not in error.job_ids]
        return list(ended)

    def _write(self, published: Job) -> Job | None:
        try:
            return self.records.save(published)
        except StaleRecord:
            logger.info("the loop published this event too", job_id=published.job_id)
        except Exception:
            # The event is on the bus. The loop publishes it again, because the record does not say so.
            logger.exception("publication not recorded", job_id=published.job_id)
        return None

    def _store_reason(self, job: Job) -> None:
        """The event has the reason too, so a results bucket that cannot be written must not stop it."""
        try:
            self.results.store([failure_file(job, self.results_bucket)])
        except Exception:
            logger.exception("job.json not stored", job_id=job.job_id)
