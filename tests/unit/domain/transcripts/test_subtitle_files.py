from __future__ import annotations

import html
import io
import re

import av
import pysubs2
import pytest
import webvtt
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.cues import Cue
from dashscribe.domain.transcripts.subtitle_files import srt, vtt

HOSTILE = [
    "MyValue<String> is a type",
    "a < b and b > c",
    "<i>not italic</i>",
    "< b >",
    "</b>",
    "{\\an8}top",
    "{curly} braces",
    "{y:i}",
    "a & b &amp; c",
    "--> 00:00:01,000 --> 00:00:02,000",
    "42",
    "WEBVTT",
    "NOTE this",
    "a <00:00:01.000> b <v Bob> c",
    "C:\\new\\home\\Nina",
    "\\N",
    "a \\{x\\} b",
    "{ {x} }",
    "{a} and {b",
    "}{ } {",
    "<!-- c -->",
]


def cue(*lines: str, speakers: tuple[str, ...] = ()) -> Cue:
    return Cue(1000, 2500, lines, speakers)


def plain(text: str) -> str:
    """The text as a reader sees it: invisible characters do not count, full-width braces are braces."""
    return re.sub("[\u2060\u202b\u202c]", "", text).replace("｛", "{").replace("｝", "}")


def ffmpeg_texts(document: str) -> list[str]:
    """What FFmpeg's SubRip decoder makes of each cue, which is what mpv and libass show."""
    with av.open(io.BytesIO(document.encode()), mode="r", format="srt") as container:
        packets = [packet for packet in container.demux() if packet.size]
        found = [subtitle.ass for packet in packets for subtitle in packet.decode()]  # type: ignore[union-attr]
    texts = [text.decode().split(",", 8)[8] for text in found]
    shown = [re.sub(r"\{[^}]*\}", "", text).replace("\\N", "\n") for text in texts]
    return [text.replace("\\n", " ").replace("\\h", "\u00a0") for text in shown]


def test_srt_is_numbered_from_one_and_ends_in_a_line_break() -> None:
    two = [Cue(0, 1500, ("Hello", "world")), Cue(3_723_004, 3_724_000, ("再见",))]
    assert srt(two) == "1\n00:00:00,000 --> 00:00:01,500\nHello\nworld\n\n2\n01:02:03,004 --> 01:02:04,000\n再见\n"


def test_vtt_has_identifiers_and_a_language() -> None:
    assert vtt([cue("Hello", "world")], "en") == (
        "WEBVTT\nKind: captions\nLanguage: en\n\n1\n00:00:01.000 --> 00:00:02.500\nHello\nworld\n"
    )
    assert vtt([cue("Hello")]).startswith("WEBVTT\n\n1\n")


def test_without_cues_both_files_are_valid() -> None:
    assert srt([]) == ""
    assert list(pysubs2.SSAFile.from_string(srt([]), format_="srt")) == []
    assert vtt([]) == "WEBVTT\n"
    assert webvtt.from_string(vtt([], "en")).captions == []


@pytest.mark.parametrize("text", HOSTILE)
def test_players_of_srt_show_what_was_said(text: str) -> None:
    document = srt([cue("before", text), Cue(3000, 4000, ("after",))])
    first, second = pysubs2.SSAFile.from_string(document, format_="srt")
    assert (plain(first.plaintext), second.plaintext) == (f"before\n{text}", "after")
    assert [plain(shown) for shown in ffmpeg_texts(document)] == [f"before\n{text}", "after"]


@pytest.mark.parametrize("text", HOSTILE)
def test_players_of_vtt_show_what_was_said(text: str) -> None:
    document = vtt([cue(text, "second"), Cue(3000, 4000, ("after",))])
    first, second = webvtt.from_string(document).captions
    assert (html.unescape(first.raw_text), second.raw_text) == (f"{text}\nsecond", "after")
    assert "<" not in first.raw_text
    assert "-->" not in first.raw_text


def test_right_to_left_lines_of_srt_are_embedded() -> None:
    lines = ("\u200fNEOM أعلنت عن مشروع.", "Speaker 1: שלום", "שלום.")
    assert srt([cue(*lines)]).split("\n")[2:5] == [f"\u202b{lines[0]}\u202c", lines[1], f"\u202b{lines[2]}\u202c"]


def test_control_characters_are_left_out() -> None:
    cues = [cue("a\x00b\x07\x1b", "\x85c"), Cue(3000, 4000, ("after",))]
    assert ffmpeg_texts(srt(cues)) == ["ab\nc", "after"]
    assert "\nab\nc\n" in vtt(cues)


@pytest.mark.parametrize("text", ["a &lt;b&gt; c", "&amp;", "&#60;"])
def test_a_player_that_knows_entities_shows_them_as_said(text: str) -> None:
    shown = html.unescape(srt([cue(text)]))
    assert plain(shown) == plain(srt([cue(text)]))
    assert f"\n{text}\n" in plain(shown)


def test_ordinary_signs_stay_as_they_are_in_srt() -> None:
    assert "1 < 2, a <3 you, and {" in srt([cue("1 < 2, a <3 you, and {")])


def test_the_voice_of_a_cue_or_of_each_line_is_told_in_vtt() -> None:
    assert "<v Anna>Hello\nworld\n" in vtt([cue("Hello", "world", speakers=("Anna", "Anna"))])
    assert "<v Anna>- Hello</v>\n<v Bob>- Hi</v>\n" in vtt([cue("- Hello", "- Hi", speakers=("Anna", "Bob"))])
    assert "<v" not in vtt([cue("Hello", speakers=("",))])


def test_a_hostile_name_is_text() -> None:
    document = vtt([cue("Hello", speakers=("<b>A</b> > & B",))])
    assert "<v &lt;b&gt;A&lt;/b&gt; &gt; &amp; B>Hello" in document


@pytest.mark.parametrize(
    ("ms", "written"), [(59_999, "00:00:59.999"), (3_600_000, "01:00:00.000"), (-5, "00:00:00.000")]
)
def test_minutes_and_hours_are_carried(ms: int, written: str) -> None:
    assert f"\n{written} --> " in vtt([Cue(ms, 36_000_000, ("x",))])
    assert f"\n{written.replace('.', ',')} --> 10:00:00,000" in srt([Cue(ms, 36_000_000, ("x",))])


WORDS = st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=8), min_size=1, max_size=4)
LINES = st.lists(WORDS.map(" ".join), min_size=1, max_size=2).map(tuple)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=4))
@example([("{a}{b", "c}")])
@example([("<", "b>")])
@example([("\\n", "{\\h}")])
def test_both_files_are_read_back_with_their_text(texts: list[tuple[str, ...]]) -> None:
    found = [Cue(number * 2000, number * 2000 + 1500, lines) for number, lines in enumerate(texts)]
    read = pysubs2.SSAFile.from_string(srt(found), format_="srt")
    expected = [plain("\n".join(lines)) for lines in texts]
    assert [plain(event.plaintext) for event in read] == expected
    captions = webvtt.from_string(vtt(found)).captions
    assert [html.unescape(caption.raw_text) for caption in captions] == ["\n".join(lines) for lines in texts]
