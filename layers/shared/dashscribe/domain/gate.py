"""The account-wide gate: closed while key, money or quota are missing, so that no file fails for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.timestamps import Timestamp

PROBE_EVERY = timedelta(seconds=30)
"""How often one waiting file is tried, to see whether the account works again."""

KEY_MISSING = "API_KEY_MISSING"
KEY_UNREADABLE = "API_KEY_UNREADABLE"
PROFILES_BROKEN = "PROFILES_UNREADABLE"
VISIBLE = frozenset({KEY_MISSING, KEY_UNREADABLE, PROFILES_BROKEN})
"""Reasons that show, and are seen to be over, without asking the vendor."""


class Gate(BaseModel):
    """One record of the jobs table (`pk` = `GATE`). Absent means open."""

    model_config = ConfigDict(frozen=True)

    reason: str
    message: str
    closed_at: Timestamp
    probe_at: Timestamp


def close(reason: str, message: str, now: datetime, since: Gate | None = None) -> Gate:
    return Gate(reason=reason, message=message, closed_at=since.closed_at if since else now, probe_at=now + PROBE_EVERY)


def probe_is_due(gate: Gate, now: datetime) -> bool:
    return gate.probe_at <= now
