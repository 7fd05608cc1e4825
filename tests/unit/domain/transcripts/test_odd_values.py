"""A value of a result that is not understood is named by its JSON pointer, and costs only itself."""

from __future__ import annotations

from typing import Any

import pytest

from dashscribe.domain.transcripts.vendor_result import VendorResult

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
