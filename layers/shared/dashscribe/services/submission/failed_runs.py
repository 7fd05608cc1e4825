"""Counting the runs that failed on a job with an unexpected error, so that a job whose runs always fail ends."""

from __future__ import annotations

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.observability import logger
from dashscribe.services.ports import JobRecords


def count_failed_run(records: JobRecords, job_id: str) -> None:
    """Count a failed run on the job's stored record. An error is logged: the next run counts again."""
    try:
        job = records.find(job_id)
        if job is not None and not job.is_terminal:
            records.save(jobs.run_failed(job))
    except Exception:
        logger.exception("failed run not counted", job_id=job_id)
