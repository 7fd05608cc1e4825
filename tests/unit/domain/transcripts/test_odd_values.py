"""A value of a result that is not understood is named by its JSON pointer, and costs only itself."""

from __future__ import annotations

from typing import Any

import pytest

from dashscribe.domain.transcripts.transcript import Sentence
from dashscribe.domain.transcripts.vendor_result import VendorResult, with_text_between

SENTENCE = "/transcripts/0/sentences/0/"
WORD = f"{SENTENCE}words/0/"


def sentence(**fields: object) -> dict[str, Any]:
    return {"transcripts": [{"text": "Hi", "sentences": [fields]}]}


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ([], [""]),
        ({}, ["/transcripts"]),
        ({"transcripts": "none"}, ["/transcripts"]),
        ({"properties": 7, "audio_info": 7, "transcripts": []}, ["/properties", "/audio_info"]),
        (
            {
                "properties": {
                    "original_duration_in_milliseconds": "x",
                    "audio_format": 7,
                    "original_sampling_rate": "x",
                },
                "transcripts": [7],
            },
            [
                "/properties/original_duration_in_milliseconds",
                "/transcripts/0",
                "/properties/audio_format",
                "/properties/original_sampling_rate",
            ],
        ),
        (
            {"audio_info": {"format": 7, "sample_rate": "x"}, "transcripts": []},
            ["/audio_info/format", "/audio_info/sample_rate"],
        ),
        (
            {
                "transcripts": [
                    {"channel_id": "x", "text": 7, "content_duration_in_milliseconds": "x", "sentences": [{}, 3]}
                ]
            },
            [
                "/transcripts/0/channel_id",
                "/transcripts/0/text",
                "/transcripts/0/content_duration_in_milliseconds",
                "/transcripts/0/sentences/1",
            ],
        ),
        (
            sentence(begin_time="x", end_time="x", text=7, words=7),
            [f"{SENTENCE}{name}" for name in ("begin_time", "end_time", "text", "words")],
        ),
        (
            sentence(sentence_id="x", speaker_id="x", language=7, emotion=7, text="Hi"),
            [f"{SENTENCE}{name}" for name in ("sentence_id", "speaker_id", "language", "emotion")],
        ),
        (
            sentence(begin_time=0, end_time=9, text="Hi", words=[{"text": 7, "punctuation": 7}, 7]),
            [f"{WORD}text", f"{WORD}punctuation", f"{WORD}begin_time", f"{SENTENCE}words/1"],
        ),
        (
            sentence(begin_time=0, end_time=9, text="Hi", words=[{"text": "Hi", "begin_time": 0, "end_time": "x"}]),
            [f"{WORD}end_time"],
        ),
        ({"transcripts": {"text": "Hi."}}, ["/transcripts"]),
        ({"transcripts": [{"sentences": {"0": {"text": "a/b"}, "1": 7}}]}, [f"{SENTENCE[:-3]}", f"{SENTENCE[:-2]}1"]),
        ({"transcripts": [*range(11)]}, [f"/transcripts/{number}" for number in range(10)]),
        ({"transcripts": [{"text": "Bye", "sentences": [{"text": "Hi"}]}]}, ["/transcripts/0/text"]),
    ],
)
def test_each_odd_value_is_named(document: object, pointers: list[str]) -> None:
    assert VendorResult.model_validate(document).odd_values.pointers == pointers


@pytest.mark.parametrize(
    ("document", "is_unreadable"),
    [
        ([], True),
        ({}, True),
        ({"transcripts": []}, False),
        ({"transcripts": [{"text": ""}]}, False),
        ({"transcripts": [{"text": 7}]}, True),
        ({"transcripts": [{"sentences": 7}]}, True),
        (sentence(text=7), False),
        ({"transcripts": [{"sentences": [{"text": 7}]}]}, True),
        ({"transcripts": [{"sentences": [{"text": "", "words": 7}]}]}, True),
        ({"transcripts": [{"sentences": [{"text": "", "words": [{"text": 7}]}]}]}, True),
        ({"transcripts": [{"text": "", "channel_id": "x"}], "properties": 7}, False),
    ],
)
def test_a_result_is_unreadable_only_if_something_odd_may_be_all_of_its_text(
    document: object, is_unreadable: bool
) -> None:
    assert VendorResult.model_validate(document).is_unreadable is is_unreadable


def test_the_format_and_the_sample_rate_are_read_from_either_place() -> None:
    wave = {"properties": {"audio_format": "pcm", "original_sampling_rate": 16000}, "transcripts": []}
    info = {"audio_info": {"format": "m" * 101, "sample_rate": 0}, "transcripts": []}
    first, second = VendorResult.model_validate(wave), VendorResult.model_validate(info)
    assert (first.audio_format, first.sample_rate) == ("pcm", 16000)
    assert (second.audio_format, second.sample_rate) == ("m" * 100, None)


def timed(text: str, begin: int | None, end: int | None) -> dict[str, Any]:
    return {"text": text, "begin_time": begin, "end_time": end}


@pytest.mark.parametrize(
    ("words", "times"),
    [
        ([timed("a", 0, 200), timed("b", None, 400), timed("c", 500, 900)], [(0, 200), (200, 400), (500, 900)]),
        ([timed("a", 0, 200), timed("b", 300, None), timed("c", 500, 900)], [(0, 200), (300, 500), (500, 900)]),
        ([timed("a", None, None), timed("b", 300, 400), timed("c", None, None)], [(0, 300), (300, 400), (400, 1000)]),
        ([timed("a", 0, 200), timed("", 250, 300), timed("c", 500, 900)], [(0, 200), (500, 900)]),
    ],
)
def test_a_word_without_a_time_gets_that_of_its_neighbours_or_of_its_sentence(
    words: list[dict[str, Any]], times: list[tuple[int, int]]
) -> None:
    [channel] = VendorResult.model_validate(sentence(begin_time=0, end_time=1000, text="a b c", words=words)).channels
    assert [(word.begin_ms, word.end_ms) for word in channel.sentences[0].words or []] == times


def test_a_sentence_without_times_gets_those_of_its_words() -> None:
    words = [timed("a", 100, 200), timed("b", 500, 900)]
    [channel] = VendorResult.model_validate(sentence(text="a b", words=words)).channels
    assert (channel.sentences[0].begin_ms, channel.sentences[0].end_ms) == (100, 900)
    without_any = [timed("a", None, None), timed("b", None, None)]
    [channel] = VendorResult.model_validate(sentence(text="a b", words=without_any)).channels
    assert (channel.sentences[0].begin_ms, channel.sentences[0].words) == (None, [])


@pytest.mark.parametrize(
    ("given", "duration_ms", "times"),
    [
        ([(0, 1000), (None, None), (5000, 6000)], None, [(0, 1000), (1000, 1860), (5000, 6000)]),
        ([(0, 1000), (None, 1500), (5000, None)], None, [(0, 1000), (1000, 1500), (5000, 5860)]),
        ([(0, 1000), (None, 9000), (9000, None)], 9100, [(0, 1000), (8140, 9000), (9000, 9100)]),
        ([(0, 1000), (1000, None), (1200, None)], 1300, [(0, 1000), (1000, 1200), (1200, 1300)]),
        ([(None, None), (None, None)], 9000, [(None, None), (None, None)]),
    ],
)
def test_a_sentence_without_a_time_lasts_to_its_neighbours_or_as_long_as_slow_speech(
    given: list[tuple[int | None, int | None]], duration_ms: int | None, times: list[tuple[int | None, int | None]]
) -> None:
    """Slow speech of three characters takes 860 ms."""
    document = {
        "properties": {"original_duration_in_milliseconds": duration_ms},
        "transcripts": [{"text": "abc", "sentences": [timed("abc", *each) for each in given]}],
    }
    [channel] = VendorResult.model_validate(document).channels
    assert [(each.begin_ms, each.end_ms) for each in channel.sentences] == times


def test_each_part_of_the_text_that_no_sentence_has_becomes_a_sentence_once() -> None:
    sentences = [
        Sentence(sentence_id=number, begin_ms=None, end_ms=None, text=text) for number, text in [(1, "b."), (2, "d.")]
    ]
    found = with_text_between("a. b. c. d. e.", sentences)
    assert found is not None
    assert [sentence.text for sentence in found] == ["a.", "b.", "c.", "d.", "e."]


def test_the_text_of_a_lost_sentence_is_kept() -> None:
    times = [{"begin_time": number * 1000, "end_time": number * 1000 + 900} for number in range(3)]
    said = [{**times[0], "text": "One."}, {**times[1], "text": 7}, {**times[2], "text": "Three."}]
    [channel] = VendorResult.model_validate({"transcripts": [{"text": "One. Two. Three.", "sentences": said}]}).channels
    assert [sentence.text for sentence in channel.sentences if sentence.text] == ["One.", "Two.", "Three."]
