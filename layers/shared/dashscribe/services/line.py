"""The line of the jobs whose model's rate is used up: whose turn comes, in the order of arrival.

A share of the rate goes to the line, the rest to uploads that arrive just now. So a backlog of thousands keeps nobody
who comes now waiting behind it, as long as less arrives than that rest; beyond it, newcomers stand in line too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from dashscribe.domain.job import Due, Job
from dashscribe.domain.options import Options
from dashscribe.services.ports import DueStore, JobStore, RateBudget, TaskLimits
from dashscribe.services.task_size import files_per_task, submissions_a_second

LOOKED_AT = 200
"""How far into the line one pass looks: more than a pass's share of any model's rate at one file a task."""
AHEAD = timedelta(seconds=3)
"""How far ahead turns are given to the line: about as long as it takes until the next pass can give more."""
SHARE = 0.8
"""Of the rate, for the line. The rest is for who arrives now: 2 files a second of fun-asr's 10 at one file a task."""


@dataclass(frozen=True)
class Line:
    """Reads only; whoever is called up is woken by the poll loop."""

    due: DueStore
    store: JobStore
    limits: TaskLimits
    rates: RateBudget
    max_files_per_task: int
    submit_requests_per_second: float = 0

    def called_up(self, now: datetime) -> list[Job]:
        """The jobs to wake, oldest first."""
        records = self.due.due(Due.TURN, now, LOOKED_AT)
        found = self.store.find_many([record.record_id for record in records])
        waiting = [job for record in records if (job := found.get(record.record_id)) and job.due_kind is Due.TURN]
        return sorted(self._with_a_turn(waiting, now), key=lambda job: job.received_at)

    def _with_a_turn(self, waiting: list[Job], now: datetime) -> Iterator[Job]:
        def model(job: Job) -> str:
            return job.options.model if job.options else ""

        for name, of_model in groupby(sorted(waiting, key=model), key=model):
            in_line = sorted(of_model, key=lambda job: job.received_at)
            options = in_line[0].options
            if options is None:
                yield from in_line  # it has lost its options; the submit function gives it new ones
            else:
                ahead = AHEAD - self.rates.promised_ahead(f"submit#{name}", now)
                yield from in_line[: int(self._files_a_second(options, now) * SHARE * ahead.total_seconds())]

    def _files_a_second(self, options: Options, now: datetime) -> float:
        files = files_per_task(options, self.max_files_per_task, self.limits, now)
        return submissions_a_second(options, self.submit_requests_per_second) * files
