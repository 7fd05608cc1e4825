"""Pausing submissions while the account or one model cannot be used: pure rules.

This is a circuit breaker. A pause has a scope: the account, or one model. While it is in force, one job at a time
probes the vendor; the first accepted submission ends the pause. Jobs wait in the table meanwhile, and none fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.timestamps import Timestamp

PROBE_EVERY = timedelta(seconds=30)
"""How often one paused job is submitted to find out whether the cause of the pause is over."""
UNUSED_AFTER = timedelta(minutes=5)
"""A pause that no job waits for ends when its probe has been due for this long. It is longer than a requeued probe
takes."""
CONFIGURATION_KEPT_SECONDS = 50
"""How long a function keeps the API key and the profiles that it read. A change applies within a minute
(docs/architecture.md#exact-meanings)."""
MAX_ANNOUNCEMENTS = 50
"""Starts and ends that wait to be published. More of them means that the bus has refused events for hours."""

KEY_MISSING = "API_KEY_MISSING"
KEY_UNREADABLE = "API_KEY_UNREADABLE"
PROFILES_UNREADABLE = "PROFILES_UNREADABLE"
LOCALLY_CHECKED = frozenset({KEY_MISSING, KEY_UNREADABLE, PROFILES_UNREADABLE})
"""Causes that our own configuration shows. Whether they are over is checked without a call to the vendor."""


class Pause(BaseModel):
    """Why submissions are paused. `model` is None for the whole account.

    `refused_at` is the time of the last refusal. `by_query`: no submission was refused, only queries were.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=(), defer_build=True)

    model: str | None = None
    reason: str
    message: str
    paused_at: Timestamp
    refused_at: Timestamp
    probe_at: Timestamp
    by_query: bool = False

    def probe_is_due(self, now: datetime) -> bool:
        return self.probe_at <= now

    def is_older_than_configuration(self, now: datetime) -> bool:
        """Whether a function that read its configuration before this refusal has read it again since."""
        return now - self.refused_at > timedelta(seconds=CONFIGURATION_KEPT_SECONDS)

    def is_unused(self, now: datetime) -> bool:
        """Whether the pause can end if no job waits for it."""
        return now - max(self.probe_at, self.refused_at) >= UNUSED_AFTER


class Announcement(BaseModel):
    """The start of a pause, or its end at `resumed_at`, that is to be published."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    pause: Pause
    resumed_at: Timestamp | None = None


class Pauses(BaseModel):
    """One record of the jobs table (`pk` = `PAUSE`): the pauses in force, and what is to be published about pauses.

    `version` identifies the record that was read.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    version: str = ""
    pauses: list[Pause] = Field(default_factory=list)
    announcements: list[Announcement] = Field(default_factory=list)

    def find(self, model: str | None) -> Pause | None:
        """The pause of this model; with None the pause of the account."""
        return next((pause for pause in self.pauses if pause.model == model), None)

    @property
    def account(self) -> Pause | None:
        return self.find(None)

    @property
    def of_models(self) -> dict[str, Pause]:
        return {pause.model: pause for pause in self.pauses if pause.model is not None}


def start_pause(
    pauses: Pauses, reason: str, message: str, now: datetime, *, model: str | None = None, by_query: bool = False
) -> Pauses:
    """Start the pause of this model or of the account, or record another refusal during it.

    A next probe in the future does not change. A refused query never postpones it.
    """
    before = pauses.find(model)
    keeps_probe = before is not None and (by_query or before.probe_at > now)
    pause = Pause(
        model=model,
        reason=reason,
        message=message,
        paused_at=before.paused_at if before else now,
        refused_at=now,
        probe_at=before.probe_at if before and keeps_probe else now + PROBE_EVERY,
        by_query=by_query and (before is None or before.by_query),
    )
    others = [other for other in pauses.pauses if other.model != model]
    new = [] if before else [Announcement(pause=pause)]
    return _changed(pauses, [*others, pause], new)


def claim_probes(pauses: Pauses, models: Iterable[str | None], now: datetime) -> Pauses:
    """One job probes these pauses now. The next probe comes later."""
    claimed = set(models)
    changed = [
        pause.model_copy(update={"probe_at": now + PROBE_EVERY}) if pause.model in claimed else pause
        for pause in pauses.pauses
    ]
    return _changed(pauses, changed, [])


def end_pauses(pauses: Pauses, models: Iterable[str | None], now: datetime) -> Pauses:
    ended = set(models)
    left = [pause for pause in pauses.pauses if pause.model not in ended]
    new = [Announcement(pause=pause, resumed_at=now) for pause in pauses.pauses if pause.model in ended]
    return _changed(pauses, left, new)


def announced(pauses: Pauses, published: Iterable[Announcement]) -> Pauses:
    done = list(published)
    return pauses.model_copy(update={"announcements": [each for each in pauses.announcements if each not in done]})


def _changed(pauses: Pauses, left: list[Pause], new: list[Announcement]) -> Pauses:
    announcements = [*pauses.announcements, *new][-MAX_ANNOUNCEMENTS:]
    return Pauses(version=pauses.version, pauses=left, announcements=announcements)
