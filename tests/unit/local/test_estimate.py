"""The price of a backfill, extrapolated from a sample."""

from __future__ import annotations

import pytest

from local.estimate import Measured, extrapolate


def test_the_sample_s_averages_are_multiplied_by_the_number_of_files() -> None:
    found = extrapolate([Measured(1800, 0.063), Measured(5400, 0.189), Measured(None, None)], files=1000)
    assert [found.hours, found.usd] == pytest.approx([1000, 126])
    assert "about 1,000.0 hours of audio, about 126.00 USD" in str(found)
    assert "from 2 of 1,000 files; 1 more could not be read" in str(found)


def test_files_that_are_billed_by_tokens_are_named_and_not_priced() -> None:
    found = extrapolate([Measured(3600, None), Measured(3600, 0.126)], files=2)
    assert [found.hours, found.usd] == pytest.approx([2, 0.126])
    assert "1 use a model without a price per second" in str(found)


def test_an_empty_sample_is_no_error() -> None:
    assert extrapolate([], files=0).hours == 0
