"""Which of the jobs that wait for the end of a pause are requeued: all that no pause holds, and the probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.services.pauses import PauseKeeper
from dashscribe.services.ports import Clock, DueRecord, JobRecords

RELEASED_PER_PASS = 100
PROBE_CANDIDATES = 100
"""How many jobs are read, at most, to find one that can be read and can probe."""
ENTRIES_READ = 5000
"""How many entries of the due list a pass reads during a pause: the jobs of a paused model must not hide the others."""


@dataclass(frozen=True)
class PausedJobs:
    """Selects the jobs. The loop requeues them; the submit function claims the probe when the job arrives."""

    records: JobRecords
    keeper: PauseKeeper
    clock: Clock

    def due_jobs(self, pauses: Pauses) -> list[Job]:
        """The jobs to requeue now. A pause that no job waits for ends."""
        now = self.clock()
        waiting = self.records.due(Due.PAUSED, now, ENTRIES_READ if pauses.pauses else RELEASED_PER_PASS)
        free: list[DueRecord] = []
        scopes: list[str | None] = [None]
        if pauses.account is None:
            paused = pauses.of_models
            free = [entry for entry in waiting if entry.model not in paused][:RELEASED_PER_PASS]
            scopes = list(paused)
        candidates = self._probe_candidates(pauses, scopes, waiting, now)
        probes = (self._first_waiting(entries) for entries in candidates)
        return [*self._waiting(free), *(job for job in probes if job is not None)]

    def _first_waiting(self, entries: Sequence[DueRecord]) -> Job | None:
        """The first of these jobs that can be read. The others are read only if the first cannot be."""
        for few in (entries[:1], entries[1:]):
            if waiting := self._waiting(few):
                return waiting[0]
        return None

    def _waiting(self, entries: Sequence[DueRecord]) -> list[Job]:
        found = self.records.find_many([entry.record_id for entry in entries]) if entries else {}
        return [job for job in found.values() if job.due_kind in (Due.PAUSED, Due.RATE_LIMITED)]

    def _probe_candidates(
        self, pauses: Pauses, scopes: Sequence[str | None], waiting: Sequence[DueRecord], now: datetime
    ) -> list[list[DueRecord]]:
        """The jobs that can probe, for each of these pauses whose probe is due.

        A pause may have begun while all of its jobs were in the backlog: then one of them probes.
        """
        due = [pause for scope in scopes if (pause := pauses.find(scope)) is not None and pause.probe_is_due(now)]
        candidates: list[list[DueRecord]] = []
        backlog: list[DueRecord] | None = None
        for pause in due:
            able = _first(waiting, pause.model, pauses, now)
            if not able:
                backlog = self.records.due(Due.RATE_LIMITED, now, ENTRIES_READ) if backlog is None else backlog
                able = _first(backlog, pause.model, pauses, now)
            if able:
                candidates.append(able)
            elif pause.is_unused(now):
                self.keeper.end([pause.model])
        return candidates


def _first(entries: Sequence[DueRecord], model: str | None, pauses: Pauses, now: datetime) -> list[DueRecord]:
    """The first jobs that can probe. A job of a paused model can probe the account only when both probes are due."""
    held = {name for name, pause in pauses.of_models.items() if not pause.probe_is_due(now)}
    able = (entry for entry in entries if (entry.model not in held if model is None else entry.model == model))
    return list(islice(able, PROBE_CANDIDATES))
