from __future__ import annotations

import html
from itertools import accumulate

import pysubs2
import pytest
import webvtt
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.readable import Cue
from dashscribe.domain.transcripts.subtitles import srt, vtt

TWO = [Cue(0, 1500, ("Hello", "world")), Cue(3_723_004, 3_724_000, ("再见",))]


def test_srt_cues_are_numbered_from_one_and_their_times_have_commas() -> None:
    assert srt(TWO) == ("1\n00:00:00,000 --> 00:00:01,500\nHello\nworld\n\n2\n01:02:03,004 --> 01:02:04,000\n再见\n")


def test_vtt_has_a_header_and_times_with_points() -> None:
    assert vtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello\nworld\n\n01:02:03.004 --> 01:02:04.000\n再见\n"
    )


def test_both_files_are_valid_without_cues() -> None:
    assert list(pysubs2.SSAFile.from_string(srt([]), format_="srt")) == []
    assert vtt([]).startswith("WEBVTT\n")
    assert webvtt.from_string(vtt([])).captions == []


@pytest.mark.parametrize("text", ["a < b", "<i>", "a & b", "&amp;", "-->", "00:00:01.000 --> 00:00:02.000", "NOTE x"])
def test_markup_in_the_speech_is_escaped_in_vtt(text: str) -> None:
    [caption] = webvtt.from_string(vtt([Cue(0, 100, (text,))])).captions
    assert html.unescape(caption.raw_text) == text
    assert "<" not in caption.raw_text
    assert "-->" not in caption.raw_text


@pytest.mark.parametrize(
    ("ms", "written"),
    [
        (59_999, "00:00:59.999"),
        (60_000, "00:01:00.000"),
        (3_599_999, "00:59:59.999"),
        (3_600_000, "01:00:00.000"),
        (36_000_000, "10:00:00.000"),
    ],
)
def test_times_have_hours_minutes_and_seconds(ms: int, written: str) -> None:
    assert f"\n{written} --> " in vtt([Cue(ms, ms + 1, ("x",))])
    assert f"\n{written.replace('.', ',')} --> " in srt([Cue(ms, ms + 1, ("x",))])


def test_times_in_the_twelfth_hour_are_written_correctly() -> None:
    late = [Cue(43_199_000, 43_199_999, ("end",))]
    assert pysubs2.SSAFile.from_string(srt(late), format_="srt")[0].end == 43_199_999
    assert webvtt.from_string(vtt(late)).captions[0].end == "11:59:59.999"


def cues_of(line: st.SearchStrategy[str]) -> st.SearchStrategy[list[Cue]]:
    """Consecutive cues, as `readable.cues` makes them: no line begins or ends with a space."""

    def timed(parts: list[tuple[int, tuple[str, ...]]]) -> list[Cue]:
        begins = accumulate((span for span, _ in parts), initial=0)
        return [Cue(begin, begin + span, lines) for begin, (span, lines) in zip(begins, parts, strict=False)]

    lines = st.lists(line, min_size=1, max_size=2).map(tuple)
    return st.lists(st.tuples(st.integers(100, 3_000_000), lines), max_size=6).map(timed)


SPOKEN = st.characters(exclude_categories=["Z", "C"])
WORDS = st.lists(st.text(SPOKEN, min_size=1, max_size=12), min_size=1, max_size=4).map(" ".join)
UNMARKED = st.lists(
    st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="<>{}\\"), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
).map(" ".join)
NOT_A_NUMBER = UNMARKED.filter(lambda line: not line.replace(" ", "").isdecimal())
"""pysubs2 reads a last line of digits as the number of the next cue. SubRip cannot escape markup."""


@settings(max_examples=150, deadline=None)
@given(cues_of(NOT_A_NUMBER))
@example([Cue(0, 100, ("1",)), Cue(100, 200, ("2", "b"))])
def test_srt_is_read_back_with_the_same_times_and_text(cues: list[Cue]) -> None:
    found = pysubs2.SSAFile.from_string(srt(cues), format_="srt")
    assert [(event.start, event.end, event.plaintext) for event in found] == [
        (cue.begin_ms, cue.end_ms, cue.text) for cue in cues
    ]


@settings(max_examples=150, deadline=None)
@given(cues_of(WORDS))
@example([Cue(0, 100, ("1 -->",)), Cue(100, 200, ("WEBVTT", "STYLE"))])
def test_vtt_is_read_back_with_the_same_times_and_text(cues: list[Cue]) -> None:
    found = webvtt.from_string(vtt(cues)).captions
    assert [html.unescape(caption.raw_text) for caption in found] == [cue.text for cue in cues]
    assert [(caption.start_in_seconds, caption.end_in_seconds) for caption in found] == [
        (cue.begin_ms // 1000, cue.end_ms // 1000) for cue in cues
    ]
