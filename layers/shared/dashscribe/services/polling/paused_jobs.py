"""Which of the jobs that wait for the end of a pause are requeued: all that no pause holds, and the probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.services.pauses import PauseKeeper
from dashscribe.services.ports import Clock, DueRecord, JobRecords

RELEASED_PER_PASS = 100
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
        if pauses.account is not None:
            chosen = self._probes(pauses, [None], waiting, now)
        else:
            paused = pauses.of_models
            chosen = [entry for entry in waiting if entry.model not in paused][:RELEASED_PER_PASS]
            chosen += self._probes(pauses, list(paused), waiting, now)
        found = self.records.find_many([entry.record_id for entry in chosen])
        return [job for job in found.values() if job.due_kind in (Due.PAUSED, Due.RATE_LIMITED)]

    def _probes(
        self, pauses: Pauses, scopes: Sequence[str | None], waiting: Sequence[DueRecord], now: datetime
    ) -> list[DueRecord]:
        """One job for each of these pauses whose probe is due.

        A pause may have begun while all of its jobs were in the backlog: then one of them probes.
        """
        due = [pause for scope in scopes if (pause := pauses.find(scope)) is not None and pause.probe_is_due(now)]
        probes: list[DueRecord] = []
        backlog: list[DueRecord] | None = None
        for pause in due:
            probe = _first(waiting, pause.model, pauses, now)
            if probe is None:
                backlog = self.records.due(Due.RATE_LIMITED, now, ENTRIES_READ) if backlog is None else backlog
                probe = _first(backlog, pause.model, pauses, now)
            if probe is not None:
                probes.append(probe)
            elif pause.is_unused(now):
                self.keeper.end([pause.model])
        return probes


def _first(entries: Sequence[DueRecord], model: str | None, pauses: Pauses, now: datetime) -> DueRecord | None:
    """The first job that can probe. A job of a paused model can probe the account only when both probes are due."""
    if model is not None:
        return next((entry for entry in entries if entry.model == model), None)
    held = {name for name, pause in pauses.of_models.items() if not pause.probe_is_due(now)}
    return next((entry for entry in entries if entry.model not in held), None)
