from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.cue_times import SHORTEST_MS, Span, shown
from dashscribe.domain.transcripts.script_rules import GAP_MS, SYNC_MS, SubtitleOptions

OPTIONS = SubtitleOptions()


def times(*spans: tuple[int, int, int], duration_ms: int | None = None) -> list[tuple[int, int]]:
    return shown([Span(*span) for span in spans], OPTIONS, duration_ms)


def test_a_cue_that_is_read_in_its_time_is_shown_for_it() -> None:
    assert times((1000, 3000, 1500)) == [(1000, 3000)]


def test_a_cue_stays_into_the_silence_to_be_read_but_not_for_long() -> None:
    assert times((0, 1000, 1300)) == [(0, 1300)]
    assert times((0, 1000, 5000)) == [(0, 1500)]


def test_a_short_cue_stays_for_the_minimum() -> None:
    assert times((500, 600, 100)) == [(500, 1333)]


def test_two_frames_are_between_cues_of_continuous_speech() -> None:
    assert times((0, 2000, 500), (2000, 4000, 500))[0] == (0, 2000 - GAP_MS)


def test_a_short_gap_is_closed_and_a_long_one_stays() -> None:
    assert times((0, 2000, 500), (2400, 4000, 500))[0] == (0, 2400 - GAP_MS)
    assert times((0, 2000, 500), (2600, 4000, 500))[0] == (0, 2000)


def test_a_gap_that_is_a_little_too_long_to_be_closed_is_closed_by_an_earlier_begin() -> None:
    found = times((0, 2000, 2500), (2680, 5000, 500))
    assert found == [(0, 2500), (2500 + GAP_MS, 5000)]


def test_a_gap_that_is_a_little_too_short_becomes_a_pause_by_a_later_begin() -> None:
    found = times((0, 2000, 2500), (2900, 5000, 500))
    assert found == [(0, 2500), (3000, 5000)]


def test_a_cue_begins_a_little_later_where_the_one_before_lacks_the_time() -> None:
    found = times((0, 1000, 1000), (1000, 4000, 1000))
    assert found == [(0, 1000), (1000 + GAP_MS, 4000)]


def test_a_cue_begins_a_little_earlier_where_it_lacks_the_time() -> None:
    assert times((0, 1000, 500), (2000, 3000, 5000))[1] == (2000 - SYNC_MS, 3500)


def test_overlapping_speech_is_cut_in_order() -> None:
    found = times((0, 4000, 1000), (2000, 5000, 1000))
    assert found == [(0, 2000 - GAP_MS), (2000, 5000)]


def test_the_last_cue_ends_with_the_recording() -> None:
    assert times((0, 1000, 2000), duration_ms=1200) == [(0, 1200)]


def test_no_cue_is_shown_for_longer_than_the_maximum() -> None:
    assert times((0, 9000, 500)) == [(0, 7000)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 8000), st.integers(0, 9000)), max_size=20))
def test_cues_are_in_order_and_apart(steps: list[tuple[int, int, int]]) -> None:
    at, spans = 0, []
    for step, length, reading in steps:
        at += step
        spans.append((at, at + length, reading))
    found = times(*spans)
    assert all(SHORTEST_MS <= end - begin <= OPTIONS.maximum_ms for begin, end in found)
    assert all(one[1] + GAP_MS <= other[0] for one, other in pairwise(found))
