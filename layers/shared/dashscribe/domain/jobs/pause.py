"""Pauses all submissions while the account cannot pay, or its key or the profiles document is missing.

This is a circuit breaker: while a pause is in force, one job at a time probes the vendor; the first accepted submission
ends the pause. Jobs wait in the table meanwhile, and none fails.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.timestamps import Timestamp

PROBE_EVERY = timedelta(seconds=30)
"""How often one paused job is submitted to find out whether the account works again."""

KEY_MISSING = "API_KEY_MISSING"
KEY_UNREADABLE = "API_KEY_UNREADABLE"
PROFILES_UNREADABLE = "PROFILES_UNREADABLE"
LOCALLY_CHECKED = frozenset({KEY_MISSING, KEY_UNREADABLE, PROFILES_UNREADABLE})
"""Causes that our own configuration shows. Whether they are over is checked without a call to the vendor."""


class Pause(BaseModel):
    """One record of the jobs table (`pk` = `PAUSE`). No record: submissions are not paused."""

    model_config = ConfigDict(frozen=True)

    reason: str
    message: str
    paused_at: Timestamp
    probe_at: Timestamp


def start_pause(reason: str, message: str, now: datetime, since: Pause | None = None) -> Pause:
    return Pause(
        reason=reason, message=message, paused_at=since.paused_at if since else now, probe_at=now + PROBE_EVERY
    )


def probe_is_due(pause: Pause, now: datetime) -> bool:
    return pause.probe_at <= now
