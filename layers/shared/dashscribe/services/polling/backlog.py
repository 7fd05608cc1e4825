"""The backlog: jobs whose model's rate is used up, released oldest first when there are slots.

80 % of the rate serves the backlog, 20 % new uploads. So a backlog of thousands does not delay a new upload, as long as
fewer arrive than the 20 %. Beyond that, new uploads join the backlog too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.recognition.options import Options
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


@dataclass(frozen=True)
class Backlog:
    """Selects the jobs to release. The loop requeues them."""

    records: JobRecords
    facts: VendorFacts
    rate_limiter: RateLimiter
    max_files_per_task: int
    submit_requests_per_second: float = 0

    def due_jobs(self, now: datetime) -> list[Job]:
        """The jobs to release now, of each model the oldest first."""
        waiting = self.records.rate_limited_jobs(ENTRIES_READ)
        return [job for model, job_ids in waiting.items() for job in self._due_jobs_of(model, job_ids, now)]

    def _due_jobs_of(self, model: str, job_ids: list[str], now: datetime) -> list[Job]:
        free = RESERVED_AHEAD - self.rate_limiter.reserved_ahead(submit_rate_key(model), now)
        if free <= timedelta(0):
            return []
        found = self.records.find_many(job_ids[:MAX_RELEASED_PER_MODEL])
        waiting = [job for job_id in job_ids if (job := found.get(job_id)) and job.due_kind is Due.RATE_LIMITED]
        if not waiting or waiting[0].options is None:
            return waiting  # the submit function fixes the options of a job that has none
        return waiting[: int(self._files_per_second(waiting[0].options, now) * BACKLOG_SHARE * free.total_seconds())]

    def _files_per_second(self, options: Options, now: datetime) -> float:
        files = files_per_task(options, self.max_files_per_task, self.facts, now)
        return submit_rate(options, self.submit_requests_per_second) * files
