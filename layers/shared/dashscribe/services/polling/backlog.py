"""The line of the jobs whose model's rate is used up: whose turn comes, in the order of arrival.

A share of the rate goes to the line, the rest to uploads that arrive just now. So a backlog of thousands keeps nobody
who comes now waiting behind it, as long as less arrives than that rest; beyond it, newcomers stand in line too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.recognition.options import Options
from dashscribe.services.ports import DueStore, JobStore, RateLimiter, TaskLimits
from dashscribe.services.rate_limits import files_per_task, submit_rate, submit_rate_key

ENTRIES_READ = 5000
"""How far into the lines one pass looks. The index alone is read, some 100 bytes an entry: one model's backlog of
thousands must not hide another model's line."""
MAX_RELEASED_PER_MODEL = 200
"""Of one model, in one pass: more than its share of any rate at one file a task."""
AHEAD = timedelta(seconds=3)
"""How far ahead turns are given to the line: about as long as it takes until the next pass can give more."""
SHARE = 0.8
"""Of the rate, for the line. The rest is for who arrives now: 2 files a second of fun-asr's 10 at one file a task."""


@dataclass(frozen=True)
class Backlog:
    """Reads only; whoever is called up is requeued by the poll loop."""

    due: DueStore
    store: JobStore
    limits: TaskLimits
    rate_limiter: RateLimiter
    max_files_per_task: int
    submit_requests_per_second: float = 0

    def due_jobs(self, now: datetime) -> list[Job]:
        """The jobs to requeue, of each model the oldest first."""
        return [
            job
            for model, ids in self.due.rate_limited_jobs(ENTRIES_READ).items()
            for job in self._jobs_with_a_slot(model, ids, now)
        ]

    def _jobs_with_a_slot(self, model: str, job_ids: list[str], now: datetime) -> list[Job]:
        room = AHEAD - self.rate_limiter.reserved_ahead(submit_rate_key(model), now)
        if room <= timedelta(0):
            return []
        found = self.store.find_many(job_ids[:MAX_RELEASED_PER_MODEL])
        waiting = [job for job_id in job_ids if (job := found.get(job_id)) and job.due_kind is Due.RATE_LIMITED]
        if not waiting or waiting[0].options is None:
            return waiting  # what has lost its options gets new ones from the submit function
        return waiting[: int(self._files_a_second(waiting[0].options, now) * SHARE * room.total_seconds())]

    def _files_a_second(self, options: Options, now: datetime) -> float:
        files = files_per_task(options, self.max_files_per_task, self.limits, now)
        return submit_rate(options, self.submit_requests_per_second) * files
