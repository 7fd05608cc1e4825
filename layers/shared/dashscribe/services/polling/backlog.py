"""The backlog: jobs whose model's rate is used up, released oldest first when there are slots.

80 % of the rate serves the backlog, 20 % new uploads. So a backlog of thousands does not delay a new upload, as long as
fewer arrive than the 20 %. Beyond that, new uploads join the backlog too.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.recognition.options import Options
from dashscribe.observability import logger
from dashscribe.services.ports import JobRecords, RateLimiter, VendorFacts
from dashscribe.services.rate_limits import files_per_task, submit_rate, submit_rate_key

ENTRIES_READ = 5000
"""How many entries of the backlog one pass reads, of all models together: a model's backlog of thousands must not hide
the other models. Only the index is read, about 100 bytes an entry."""
MAX_RELEASED_PER_MODEL = 200
"""Jobs of one model that one pass releases. It is more than the backlog's share of any rate at one file a task."""
RESERVED_AHEAD = timedelta(seconds=3)
"""How far ahead slots are given to the backlog: about the time until the next pass can give more."""
BACKLOG_SHARE = 0.8
"""Of the rate. The rest serves new uploads: 2 files a second of fun-asr's 10 at one file a task."""


@dataclass
class Release:
    """The `jobs` to release now, and of how many `models` jobs wait. `failures` counts models that raised an error."""

    jobs: list[Job] = field(default_factory=list)
    models: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Backlog:
    """Selects the jobs to release. The loop requeues them."""

    records: JobRecords
    facts: VendorFacts
    rate_limiter: RateLimiter
    max_files_per_task: int
    submit_requests_per_second: float = 0

    def release(self, now: datetime, paused_models: Container[str]) -> Release:
        """The jobs to release now, of each model the oldest first. An error affects the jobs of its model only."""
        found = Release()
        for model, job_ids in self.records.rate_limited_jobs(ENTRIES_READ).items():
            if model in paused_models:
                continue
            found.models += 1
            try:
                found.jobs += self._due_jobs_of(model, job_ids, now)
            except Exception:
                logger.exception("backlog not released", model=model)
                found.failures += 1
        return found

    def _due_jobs_of(self, model: str, job_ids: list[str], now: datetime) -> list[Job]:
        free = RESERVED_AHEAD - self.rate_limiter.reserved_ahead(submit_rate_key(model), now)
        if free <= timedelta(0):
            return []
        found = self.records.find_many(job_ids[:MAX_RELEASED_PER_MODEL])
        waiting = [job for job_id in job_ids if (job := found.get(job_id)) and job.due_kind is Due.RATE_LIMITED]
        options = next((job.options for job in waiting if job.options is not None and job.options.is_known), None)
        if options is None:
            return waiting  # the submit function fixes the options of a job that has none, or fails the job
        share = self._files_per_second(options, now) * BACKLOG_SHARE * free.total_seconds()
        return waiting[: max(1, int(share))]  # at a slow rate the share is less than one file, and a slot is free

    def _files_per_second(self, options: Options, now: datetime) -> float:
        files = files_per_task(options, self.max_files_per_task, self.facts, now)
        return submit_rate(options, self.submit_requests_per_second) * files
