"""What subscribers are told, and what the record says of it."""

from __future__ import annotations

from collections.abc import Iterable

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.job import Job
from dashscribe.services.ports import Clock, EventPublisher, JobStore


def publish_start(accepted: Iterable[Job], events: EventPublisher, clock: Clock) -> None:
    """`Transcription Submitted`, at a job's first submission: before the record says so, so that it is not lost."""
    first_time = [job for job in accepted if job.attempts == 1]
    if first_time:
        events.publish(first_time, clock())


def publish_end(job: Job, store: JobStore, events: EventPublisher, clock: Clock) -> Job:
    """Publish a terminal job's event and mark it told.

    In this order: a crash in between repeats the event, which subscribers must expect, and never loses it.
    Raises `PublishFailed`; the record then stays due, and the poll loop brings it back.
    """
    now = clock()
    events.publish([job], now)
    return store.save(jobs.published(job, now))
