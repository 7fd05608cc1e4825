"""The last step of every job: tell the subscribers, then let the record rest."""

from __future__ import annotations

from dashscribe.domain import job as jobs
from dashscribe.domain.job import Job
from dashscribe.services.ports import Clock, EventPublisher, JobStore


def publish_end(job: Job, store: JobStore, events: EventPublisher, clock: Clock) -> Job:
    """Publish a terminal job's event and mark it told.

    In this order: a crash in between repeats the event, which subscribers must expect, and never loses it.
    Raises `PublishFailed`; the record then stays due, and the poll loop brings it back.
    """
    now = clock()
    events.publish([job], now)
    return store.save(jobs.published(job, now))
