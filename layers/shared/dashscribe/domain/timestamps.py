"""Points in time: ours are UTC with a `Z` and milliseconds, the vendor's are UTC+8 without a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

VENDOR_ZONE = timezone(timedelta(hours=8))
"""docs/vendor-api.md#time-zones: every piece of evidence says UTC+8, whatever the region."""


def to_iso(moment: datetime) -> str:
    """`2026-01-01T00:00:00.000Z`. Sorts as text in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_vendor_time(text: str | None) -> datetime | None:
    """Read `2025-02-13 17:31:20.681` (with or without the fraction) as UTC+8; None where there is none or it is odd."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=VENDOR_ZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time beyond the calendar") from error
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Timestamp = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(to_iso, return_type=str, when_used="json")]
"""An aware UTC time of millisecond precision, so that what is stored is equal to what was computed."""
