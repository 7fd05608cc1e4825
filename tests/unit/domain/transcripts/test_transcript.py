from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.plain_text import plain_text
from dashscribe.domain.transcripts.transcript import Transcript, empty, neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult

Sample = Callable[[str], dict[str, Any]]


def read(document: object) -> Transcript:
    return neutral(VendorResult.model_validate(document), job_id="j", model="m", media="s3://media/a b+%.wav")


def track(channel_id: int, text: str, speech_ms: int | None = 1) -> dict[str, Any]:
    return {"channel_id": channel_id, "text": text, "content_duration_in_milliseconds": speech_ms, "sentences": []}


def test_a_fun_asr_result_keeps_its_times_and_spaces(sample: Sample) -> None:
    transcript = read(sample("fun_asr_result"))
    assert (transcript.duration_ms, transcript.speech_ms) == (3280, 3000)
    assert transcript.text == "Hello world, this is Alibaba Speech Lab."
    sentence = transcript.channels[0].sentences[0]
    assert (sentence.sentence_id, sentence.begin_ms, sentence.end_ms) == (1, 240, 3240)
    assert sentence.words is not None
    assert "".join(word.text + word.punctuation for word in sentence.words) == sentence.text
    assert (sentence.words[1].begin_ms, sentence.words[1].end_ms, sentence.words[1].text) == (640, 960, " world")


def test_a_paraformer_result_keeps_entries_of_several_words(sample: Sample) -> None:
    transcript = read(sample("paraformer_result"))
    assert (transcript.duration_ms, transcript.speech_ms) == (4726, 3800)
    words = transcript.channels[0].sentences[0].words
    assert words is not None
    assert [word.text + word.punctuation for word in words][:3] == ["Hello", " World, ", "this is"]


def test_a_filetrans_result_has_language_and_emotion_and_no_durations(sample: Sample) -> None:
    transcript = read(sample("qwen_filetrans_result"))
    assert (transcript.duration_ms, transcript.speech_ms) == (None, None)
    sentence = transcript.channels[0].sentences[0]
    assert (sentence.sentence_id, sentence.language, sentence.emotion, sentence.speaker) == (0, "en", "happy", None)


@pytest.mark.parametrize("name", ["fun_asr_result", "paraformer_result", "qwen_filetrans_result"])
def test_a_transcript_names_the_recording_and_never_the_presigned_url(sample: Sample, name: str) -> None:
    written = read(sample(name)).model_dump_json()
    assert '"s3://media/a b+%.wav"' in written
    assert "https://" not in written


@pytest.mark.parametrize("name", ["fun_asr_result", "paraformer_result", "qwen_filetrans_result"])
def test_a_written_transcript_is_read_back_the_same(sample: Sample, name: str) -> None:
    transcript = read(sample(name))
    assert Transcript.model_validate_json(transcript.model_dump_json()) == transcript


def test_fields_that_the_vendor_may_add_are_ignored(sample: Sample) -> None:
    document = sample("fun_asr_result")
    plain = read(document)
    document["new"] = document["properties"]["new"] = document["transcripts"][0]["new"] = {"x": 1}
    document["transcripts"][0]["sentences"][0]["words"][0]["new"] = None
    assert read(document) == plain


def test_channels_stay_separate_and_their_speech_is_added_up() -> None:
    transcript = read({"transcripts": [track(0, "Hello. ", 1000), track(1, " 你好。", 500)]})
    assert transcript.text == "Hello.\n你好。"
    assert transcript.facts == AudioFacts(duration_ms=None, speech_ms=1500, channels=[0, 1])


def test_the_speech_duration_is_unknown_when_that_of_one_channel_is() -> None:
    assert read({"transcripts": [track(0, "a", 1000), track(1, "b", None)]}).speech_ms is None


def test_a_silent_channel_adds_no_empty_line() -> None:
    assert read({"transcripts": [track(0, " "), track(1, "b")]}).text == "b"


def test_a_channel_without_text_has_the_text_of_its_sentences() -> None:
    sentences = [{"begin_time": 0, "end_time": 1, "text": text} for text in ("Hello. ", "World.")]
    assert read({"transcripts": [{"sentences": sentences}]}).text == "Hello. World."


def test_sentences_without_a_number_are_numbered_from_one() -> None:
    sentences = [{"begin_time": 0, "end_time": 1, "text": "a"}] * 2
    assert [part.sentence_id for part in read({"transcripts": [{"sentences": sentences}]}).channels[0].sentences] == [
        1,
        2,
    ]


def test_speakers_are_kept() -> None:
    sentences = [{"begin_time": 0, "end_time": 1, "text": "a", "speaker_id": 3}]
    assert read({"transcripts": [{"sentences": sentences}]}).channels[0].sentences[0].speaker == 3


@pytest.mark.parametrize("speaker_id", [-1, None, "unknown", 10**30])
def test_an_unknown_speaker_has_no_number(speaker_id: object) -> None:
    sentences = [{"begin_time": 0, "end_time": 1, "text": "a", "speaker_id": speaker_id}]
    assert read({"transcripts": [{"sentences": sentences}]}).channels[0].sentences[0].speaker is None


def test_a_channel_with_a_text_only_is_in_the_text_with_speakers() -> None:
    sentences = [
        {"begin_time": 0, "end_time": 1000, "text": "Hello.", "speaker_id": 0},
        {"begin_time": 1000, "end_time": 2000, "text": "Hi.", "speaker_id": 1},
    ]
    tracks = [
        {"channel_id": 0, "text": "Hello. Hi.", "sentences": sentences},
        {"channel_id": 1, "text": "Third voice."},
    ]
    assert "Third voice." in plain_text(read({"transcripts": tracks}))


def test_a_sentence_without_an_end_ends_when_the_next_one_begins() -> None:
    sentences = [
        {"begin_time": 0, "end_time": None, "text": "Hello there."},
        {"begin_time": 1000, "end_time": 3000, "text": "Good."},
    ]
    first, _ = read({"transcripts": [{"sentences": sentences}]}).channels[0].sentences
    assert (first.begin_ms, first.end_ms) == (0, 1000)


def test_silent_audio_has_an_empty_transcript_and_no_speech() -> None:
    transcript = empty(job_id="j", model="m", media="s3://media/a.wav")
    assert (transcript.text, transcript.channels) == ("", [])
    assert transcript.facts == AudioFacts(duration_ms=None, speech_ms=0, channels=[])


@pytest.mark.parametrize(
    ("sentences", "timing"),
    [
        ([], "none"),
        ([{"text": "a"}], "none"),
        ([{"text": "a", "words": []}], "none"),
        ([{"text": "a", "begin_time": 0, "end_time": 1}], "sentences"),
        ([{"text": "a", "begin_time": 0, "end_time": 1, "words": None}], "sentences"),
        ([{"text": "a", "begin_time": 0, "end_time": 1, "words": []}], "sentences"),
        (
            [{"text": "a", "begin_time": 0, "end_time": 1, "words": [{"begin_time": 0, "end_time": 1, "text": "a"}]}],
            "words",
        ),
    ],
)
def test_a_transcript_has_the_finest_unit_with_times(sentences: list[dict[str, Any]], timing: str) -> None:
    transcript = read({"transcripts": [{"sentences": sentences}]})
    assert transcript.timing == timing
    assert transcript.model_dump(mode="json")["timing"] == timing


def test_values_that_a_model_does_not_give_are_null() -> None:
    written = read({"transcripts": [{"text": "Hello.", "sentences": [{"text": "Hello."}]}]}).model_dump(mode="json")
    assert (written["duration_ms"], written["speech_ms"], written["timing"]) == (None, None, "none")
    [channel] = written["channels"]
    assert channel["speech_ms"] is None
    assert channel["sentences"] == [
        {
            "sentence_id": 1,
            "begin_ms": None,
            "end_ms": None,
            "text": "Hello.",
            "speaker": None,
            "language": None,
            "emotion": None,
            "words": None,
        }
    ]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
TIMED = {"begin_time": st.integers() | JSON, "end_time": st.integers() | JSON, "text": st.text(max_size=9) | JSON}
WORD = st.fixed_dictionaries(TIMED, optional={"punctuation": JSON})
SENTENCE = st.fixed_dictionaries(
    TIMED,
    optional={"sentence_id": JSON, "speaker_id": JSON, "words": st.none() | st.lists(WORD, max_size=2) | JSON},
)
TRACK = st.fixed_dictionaries(
    {},
    optional={
        "channel_id": st.integers() | JSON,
        "text": st.none() | st.text(max_size=9) | JSON,
        "content_duration_in_milliseconds": JSON,
        "sentences": st.none() | st.lists(SENTENCE, max_size=2) | JSON,
    },
)
RESULT = st.fixed_dictionaries(
    {"transcripts": st.lists(TRACK, max_size=2) | JSON}, optional={"properties": JSON, "file_url": JSON}
)


@settings(max_examples=200, deadline=None)
@given(JSON | RESULT)
def test_any_document_becomes_a_transcript_of_its_tracks(document: object) -> None:
    result = VendorResult.model_validate(document)
    transcript = neutral(result, job_id="j", model="m", media="s3://media/a.wav")
    assert transcript.facts.channels == [channel.channel_id for channel in result.channels]
    assert Transcript.model_validate_json(transcript.model_dump_json()) == transcript


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"properties": {"audio_format": "pcm_s16le", "original_sampling_rate": 24000}}, ("pcm_s16le", 24000)),
        ({"audio_info": {"format": "wav", "sample_rate": 16000}}, ("wav", 16000)),
        ({"properties": {"audio_format": 7, "original_sampling_rate": "fast"}}, (None, None)),
        ({"audio_info": "wav"}, (None, None)),
        ({"properties": {"audio_format": "x" * 500, "original_sampling_rate": 0}}, ("x" * 100, None)),
        ({}, (None, None)),
    ],
)
def test_the_format_and_the_sample_rate_of_the_audio_are_kept(
    facts: dict[str, object], expected: tuple[str | None, int | None]
) -> None:
    result = VendorResult.model_validate({**facts, "transcripts": [{"channel_id": 0, "text": "Hi."}]})
    found = neutral(result, job_id="j", model="m", media="s3://media/a.wav").facts
    assert (found.format, found.sample_rate) == expected


@pytest.mark.parametrize("sample_name", ["fun_asr_result", "paraformer_result", "qwen_filetrans_result"])
def test_a_document_that_is_consumed_gives_the_same_transcript_and_holds_no_words(
    sample: Sample, sample_name: str
) -> None:
    document = sample(sample_name)
    kept = VendorResult.model_validate(document)
    assert VendorResult.model_validate(document, consume=True) == kept
    assert all(sentence == {} for track in document["transcripts"] for sentence in track["sentences"])
