"""Timestamps. Ours are UTC with a `Z` and milliseconds; the vendor's are UTC+8 without a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

VENDOR_ZONE = timezone(timedelta(hours=8))
"""UTC+8 in every region (docs/vendor-api.md#time-zones)."""


def to_iso(moment: datetime) -> str:
    """Format as `2026-01-01T00:00:00.000Z`. The alphabetical order of such texts is their order in time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_vendor_time(text: str | None) -> datetime | None:
    """Parse a time such as `2025-02-13 17:31:20.681` as UTC+8, unless it names a time zone. The fraction is optional.

    Returns None if the text is absent or not a time.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=VENDOR_ZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC and moment.microsecond % 1000 == 0:
        return moment  # most are of this form, because a record is validated again with each change
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time out of range") from error
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Timestamp = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(to_iso, return_type=str, when_used="json")]
"""An aware UTC time with millisecond precision, so that a stored time equals the computed one."""
