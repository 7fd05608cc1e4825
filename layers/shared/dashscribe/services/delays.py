"""Saving a job that stopped making progress, so that the loop publishes `Transcription Delayed` in time."""

from __future__ import annotations

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs.job import Job
from dashscribe.services.ports import JobRecords


def save_stalled(records: JobRecords, job: Job, *, was_stalled: bool) -> Job:
    """Save a job. If it is stalled now and `was_stalled` is false, watch it first.

    A watch without a stalled job does no harm: the loop takes it off the list. A stalled job without a watch would have
    no event.
    """
    due = delays.delayed_from(job)
    if due is not None and not was_stalled:
        records.watch_delay(job.job_id, due)
    return records.save(job)
