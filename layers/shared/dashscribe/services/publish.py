"""Publishing events, in an order that never loses one."""

from __future__ import annotations

from collections.abc import Iterable

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.job import Job
from dashscribe.services.ports import Clock, EventPublisher, JobRecords


def publish_start(accepted: Iterable[Job], events: EventPublisher, clock: Clock) -> None:
    """Publish `Transcription Submitted` at a job's first submission.

    The record is written afterwards: a crash in between repeats the event and does not lose it.
    """
    first_time = [job for job in accepted if job.attempts == 1]
    if first_time:
        events.publish(first_time, clock())


def publish_end(job: Job, records: JobRecords, events: EventPublisher, clock: Clock) -> Job:
    """Publish a job's terminal event and write that it is published.

    A crash in between repeats the event, which subscribers must expect. Raises `PublishFailed`; the record then stays
    due, and the loop publishes the event later.
    """
    now = clock()
    events.publish([job], now)
    return records.save(jobs.published(job, now))
