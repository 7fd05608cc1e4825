from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dashscribe.domain.timestamps import Timestamp, parse_vendor_time, to_iso

TIMESTAMP: TypeAdapter[datetime] = TypeAdapter(Timestamp)
MOMENTS = st.builds(
    lambda seconds, micros, zone: datetime.fromtimestamp(seconds, zone) + timedelta(microseconds=micros),
    st.integers(0, 32_503_680_000),  # the years 1970 to 2999
    st.integers(0, 999_999),
    st.sampled_from([UTC, timezone(timedelta(hours=-5.5))]),
)


def test_our_times_are_utc_with_a_z_and_milliseconds() -> None:
    assert to_iso(datetime(2026, 1, 1, 8, 0, tzinfo=timezone(timedelta(hours=8)))) == "2026-01-01T00:00:00.000Z"


@given(MOMENTS, MOMENTS)
def test_our_times_sort_as_text_in_their_order_in_time(one: datetime, other: datetime) -> None:
    one, other = TIMESTAMP.validate_python(one), TIMESTAMP.validate_python(other)
    assert (to_iso(one) < to_iso(other)) == (one < other)


@given(MOMENTS)
def test_a_stored_time_is_equal_to_the_one_that_was_computed(moment: datetime) -> None:
    kept = TIMESTAMP.validate_python(moment)
    assert timedelta(0) <= moment - kept < timedelta(milliseconds=1)
    assert TIMESTAMP.validate_json(TIMESTAMP.dump_json(kept)) == kept


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "2026-01-01 00:00:00.000"])
def test_a_time_without_a_time_zone_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="without a time zone"):
        TIMESTAMP.validate_python(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2025-02-13 17:31:20.681", "2025-02-13T09:31:20.681Z"),
        ("2025-02-13 17:31:20", "2025-02-13T09:31:20.000Z"),
        ("2025-01-01 07:59:59.999", "2024-12-31T23:59:59.999Z"),
        ("2025-02-13T17:31:20.681", "2025-02-13T09:31:20.681Z"),
        ("2025-02-13T17:31:20Z", "2025-02-13T17:31:20.000Z"),
        ("2025-02-13 17:31:20+01:00", "2025-02-13T16:31:20.000Z"),
    ],
)
def test_the_vendors_times_are_utc_plus_8_unless_they_name_a_time_zone(text: str, utc: str) -> None:
    moment = parse_vendor_time(text)
    assert moment is not None
    assert to_iso(moment) == utc


@pytest.mark.parametrize("text", [None, "", "-", "soon", "1745568293253", "2025-02-30 00:00:00", "2025-02-13 25:00:00"])
def test_an_invalid_vendor_time_is_none(text: str | None) -> None:
    assert parse_vendor_time(text) is None


@given(st.text())
def test_any_vendor_text_is_a_utc_time_or_none(text: str) -> None:
    moment = parse_vendor_time(text)
    assert moment is None or moment.utcoffset() == timedelta(0)
