"""A reply of a synchronous model becomes a complete transcript or a known error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.synchronous_replies import read_recognition, read_usage
from dashscribe.domain.recognition.task_replies import FRAMES
from dashscribe.domain.transcripts.cues import subtitles
from dashscribe.domain.transcripts.plain_text import plain_text
from dashscribe.domain.transcripts.subtitle_files import srt, vtt
from dashscribe.domain.transcripts.transcript import Transcript, neutral
from dashscribe.errors import ErrorClass, ResponseLost, VendorError

Json = dict[str, Any]


def read(document: Json) -> Transcript:
    return neutral(read_recognition(document), job_id="j", model="m", media="s3://media/a.wav")


def chunk(text: object, finish_reason: object = None, **more: object) -> Json:
    """A frame of an OpenAI-compatible stream."""
    return {"choices": [{"delta": {"content": text, "role": None, **more}, "finish_reason": finish_reason, "index": 0}]}


def native(text: object, finish_reason: object = "null", **more: object) -> Json:
    """A reply, or a frame, of DashScope's own endpoint."""
    message = {"role": "assistant", "content": [{"text": text}], **more}
    return {"output": {"choices": [{"message": message, "finish_reason": finish_reason}]}, "request_id": "r"}


def frames(*pieces: Json) -> Json:
    return {FRAMES: list(pieces)}


def note(language: object = "zh", emotion: object = "neutral") -> Json:
    return {"annotations": [{"type": "audio_info", "language": language, "emotion": emotion}]}


def flash(text: str | None, sentence: Json | None = None, *, ends: bool = True, usage: Json | None = None) -> Json:
    """A reply, or a frame, of fun-asr-flash: the text so far, and the current sentence."""
    current = None if sentence is None else {"sentence_end": ends, **sentence}
    return {"output": {"text": text, "sentence": current}, "usage": usage}


def sentence(text: str, begin_ms: int, number: int = 1) -> Json:
    return {"sentence_id": number, "begin_time": begin_ms, "end_time": begin_ms + 900, "text": text, "words": []}


def times(transcript: Transcript) -> list[tuple[int | None, str]]:
    return [(part.begin_ms, part.text) for channel in transcript.channels for part in channel.sentences]


# text of the OpenAI-compatible and of DashScope's own endpoint


def test_the_pieces_of_a_stream_are_joined_with_their_blanks() -> None:
    answer = frames(chunk(""), chunk("Welcome"), chunk(" to "), chunk("Alibaba", **note()), chunk(None, "stop"))
    assert read(answer).text == "Welcome to Alibaba"


@pytest.mark.parametrize("pieces", [["好", "好的"], ["1", "12", "123"], ["ha", "ha"], ["no", "no no", "no no no"]])
def test_the_pieces_of_an_openai_stream_are_always_new_parts(pieces: list[str]) -> None:
    assert read(frames(*map(chunk, pieces), chunk("", "stop"))).text == "".join(pieces)


def test_dashscopes_own_stream_may_repeat_the_text_so_far() -> None:
    answer = frames(native("Welcome"), native("Welcome to"), native("Welcome to Alibaba.", "stop"))
    assert read(answer).text == "Welcome to Alibaba."


def test_dashscopes_own_stream_may_have_new_parts() -> None:
    answer = frames(native("Welcome"), native(" to"), native(" Alibaba."), native("", "stop"))
    assert read(answer).text == "Welcome to Alibaba."


def test_the_text_so_far_may_be_repeated_unchanged_at_the_end() -> None:
    answer = frames(native("Welcome"), native("Welcome to"), native("Welcome to", "stop"))
    assert read(answer).text == "Welcome to"


def test_the_usage_frame_after_the_end_is_read() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 42, "seconds": 7, "total_tokens": 54}}
    answer = frames(chunk("Hello."), chunk(None, "stop"), usage)
    assert read(answer).text == "Hello."
    assert read_usage(answer).billed_seconds == 7


def test_language_and_emotion_are_the_last_ones_given() -> None:
    answer = frames(chunk("a", **note("en", "neutral")), chunk("b", **note("zh", None)), chunk("", "stop"))
    [spoken] = read(answer).channels[0].sentences
    assert (spoken.language, spoken.emotion) == ("zh", "neutral")


def test_a_text_in_several_parts_is_joined() -> None:
    reply = native("")
    reply["output"]["choices"][0]["message"]["content"] = [{"text": "Hello"}, {"text": None}, {}, {"text": " world."}]
    assert read(reply).text == "Hello world."


@pytest.mark.parametrize(
    "answer",
    [native("Half a", "length"), frames(chunk("Half a"), chunk(" tran", "length")), native("x", "content_filter")],
)
def test_a_truncated_text_is_an_error_that_says_what_to_do(answer: Json) -> None:
    with pytest.raises(VendorError, match="asynchronous model") as refused:
        read_recognition(answer)
    assert (refused.value.code, refused.value.error_class) == ("TRANSCRIPT_CUT_OFF", ErrorClass.PERMANENT)
    assert type(refused.value) is VendorError


@pytest.mark.parametrize(
    "answer",
    [
        frames(chunk("Half a")),
        frames(chunk("Half a", "")),
        frames(chunk("Half a", "null")),
        frames(native("Half"), native("Half a")),
        frames(chunk("Half a"), {"choices": [], "usage": {"seconds": 3}}),
    ],
)
def test_a_stream_that_ends_before_its_text_is_a_lost_response(answer: Json) -> None:
    with pytest.raises(ResponseLost, match="before its text was complete"):
        read_recognition(answer)


@pytest.mark.parametrize("reason", [None, "null", "", "stop"])
def test_a_reply_without_a_stream_needs_no_finish_reason(reason: str | None) -> None:
    assert read(native("Hello.", reason)).text == "Hello."


@pytest.mark.parametrize(
    "answer",
    [
        native(None, "stop"),
        native("", "stop"),
        native(" \n", "stop"),
        {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": []}, "finish_reason": "stop"}]},
        {"choices": [{"message": None, "finish_reason": "stop"}]},
        {"choices": [{"finish_reason": "stop"}]},
        frames(chunk(None), chunk(None, "stop")),
        {"output": {"text": ""}},
        {"output": {"text": "", "sentence": None}},
        {"output": {"text": "", "sentence": {}}},
        frames({"output": {"text": "", "sentence": {}}, "usage": {"duration": 0}}),
    ],
)
def test_a_reply_without_a_word_is_an_empty_transcript(answer: Json) -> None:
    transcript = read(answer)
    assert (transcript.text, transcript.timing, times(transcript)) == ("", "none", [])
    assert (plain_text(transcript), srt(subtitles(transcript).cues), vtt(subtitles(transcript).cues)) == (
        "",
        "",
        "WEBVTT\n",
    )


# text with timed sentences (fun-asr-flash)


def test_a_reply_with_every_sentence_keeps_their_times() -> None:
    reply = {"output": {"text": "One. Two.", "sentences": [sentence("One. ", 0), sentence("Two.", 2_000, 2)]}}
    assert times(read(reply)) == [(0, "One. "), (2_000, "Two.")]


def test_a_stream_keeps_the_times_of_every_sentence() -> None:
    answer = frames(
        flash("One", sentence("One", 0), ends=False),
        flash("One. ", sentence("One. ", 0), usage={"duration": 1}),
        flash("One. Tw", sentence("Tw", 2_000, 2), ends=False),
        flash("One. Two.", sentence("Two.", 2_000, 2), usage={"duration": 3}),
    )
    transcript = read(answer)
    assert (transcript.text, transcript.timing) == ("One. Two.", "sentences")
    assert times(transcript) == [(0, "One. "), (2_000, "Two.")]
    assert read_usage(answer).billed_seconds == 3


def test_the_last_revision_of_a_text_is_used() -> None:
    answer = frames(
        flash("Hello word", sentence("Hello word", 0), ends=False),
        flash("Hello word.", sentence("Hello word.", 0)),
        flash("Hello world, good", sentence("good", 2_000, 2), ends=False),
        flash("Hello world.", sentence("Hello world.", 0), usage={"duration": 3}),
    )
    transcript = read(answer)
    assert transcript.text == "Hello world."
    assert times(transcript) == [(0, "Hello world.")]


def test_a_sentence_revised_after_its_end_has_no_times() -> None:
    answer = frames(
        flash("Hello word. ", sentence("Hello word. ", 0)),
        flash("Hello world. Yes.", sentence("Yes.", 2_000, 2), usage={"duration": 3}),
    )
    transcript = read(answer)
    assert (transcript.text, transcript.timing) == ("Hello world. Yes.", "none")
    assert times(transcript) == [(None, "Hello world. Yes.")]


def test_sentences_missing_from_the_reply_have_no_times_but_keep_their_text() -> None:
    """Without a stream, the reply has the last sentence only (docs/vendor-api.md#fun-asr-flash-reply)."""
    transcript = read(flash("One. Two. Three.", sentence("Three.", 4_000, 3), usage={"duration": 6}))
    assert times(transcript) == [(None, "One. Two. Three.")]
    assert transcript.timing == "none"
    assert (plain_text(transcript), srt(subtitles(transcript).cues)) == ("One. Two. Three.\n", "")


def test_different_blanks_between_sentences_do_not_remove_the_times() -> None:
    answer = frames(
        flash("One.", sentence("One.", 0)),
        flash("One. Two.\n", sentence(" Two. ", 2_000, 2), usage={"duration": 3}),
    )
    assert times(read(answer)) == [(0, "One."), (2_000, " Two. ")]


@pytest.mark.parametrize(
    "last",
    [
        flash("One. Tw", sentence("Tw", 2_000, 2), ends=False),
        flash("One. Tw"),
    ],
)
def test_a_stream_that_ends_inside_a_sentence_is_a_lost_response(last: Json) -> None:
    with pytest.raises(ResponseLost, match="middle of a sentence"):
        read_recognition(frames(flash("One. ", sentence("One. ", 0), usage={"duration": 1}), last))


# unexpected shapes


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"output": None},
        {"output": {}},
        {"output": {"choices": []}},
        {"choices": []},
        {"choices": None, "output": {"text": None}},
        {"output": {"choices": "x"}},
        {"choices": [[]]},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"content": [{"text": 7}]}}]},
        {"output": "text"},
        {FRAMES: []},
        {FRAMES: None},
        {FRAMES: 7},
        {FRAMES: ["x"]},
        {FRAMES: [None]},
        {"request_id": "r", "usage": {"seconds": 3}},
    ],
)
def test_a_reply_of_an_unknown_shape_is_a_lost_response(answer: Json) -> None:
    with pytest.raises(ResponseLost):
        read_recognition(answer)


@pytest.mark.parametrize(
    "extra",
    [
        {"annotations": None},
        {"annotations": []},
        {"annotations": [{}]},
        {"annotations": [None]},
        {"annotations": [{"type": "audio_info", "language": None, "emotion": 7}]},
        {"annotations": {"language": "zh"}},
        {"annotations": "zh"},
        {"reasoning_content": "…", "audio": {"data": ""}, "tool_calls": None},
    ],
)
def test_a_text_is_kept_with_invalid_or_new_fields_around_it(extra: Json) -> None:
    for answer in (native("Hello.", "stop", **extra), frames(chunk("Hello.", **extra), chunk("", "stop", **extra))):
        [spoken] = read(answer).channels[0].sentences
        assert (spoken.text, spoken.language, spoken.emotion) == ("Hello.", None, None)


@pytest.mark.parametrize(
    ("usage", "billed"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ("3", None),
        ({"prompt_tokens": 42, "completion_tokens": 12, "total_tokens": 54}, None),
        ({"input_tokens_details": {"text_tokens": 0}, "seconds": 1}, 1),
        ({"duration": 4}, 4),
        ({"seconds": 4.2}, 5),
        ({"seconds": None, "duration": 2}, 2),
        ({"seconds": "7"}, None),
        ({"seconds": -1}, None),
        ({"seconds": float("inf")}, None),
        ({"seconds": float("nan")}, None),
        ({"seconds": {"audio": 3}}, None),
        ({"seconds": True}, None),
    ],
)
def test_invalid_usage_is_unknown_and_the_text_is_kept(usage: object, billed: int | None) -> None:
    reply = native("Hello.", "stop") | {"usage": usage}
    assert read(reply).text == "Hello."
    assert read_usage(reply).billed_seconds == billed


def test_the_billed_seconds_of_a_stream_are_the_last_ones_given() -> None:
    frames = [{"usage": {"seconds": 1}}, {"usage": {"seconds": 4}}, {"usage": None}, {}]
    assert read_usage({FRAMES: frames}).billed_seconds == 4


@pytest.mark.parametrize(
    "invalid",
    [
        "Hello.",
        [],
        {"text": None, "sentence_end": True},
        {"text": "Hello.", "begin_time": "soon"},
    ],
)
def test_a_sentence_of_an_unknown_shape_loses_its_times_but_not_the_text(invalid: object) -> None:
    transcript = read({"output": {"text": "Hello.", "sentence": invalid}, "usage": {"duration": 1}})
    assert (transcript.text, times(transcript)) == ("Hello.", [(None, "Hello.")])


def test_words_without_times_do_not_cost_the_times_of_their_sentence() -> None:
    spoken = {"text": "Hello.", "begin_time": 0, "end_time": 900, "words": [{"text": "Hello"}]}
    transcript = read({"output": {"text": "Hello.", "sentence": spoken}, "usage": {"duration": 1}})
    assert (transcript.text, times(transcript)) == ("Hello.", [(0, "Hello.")])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
TEXT = st.none() | st.text(max_size=6) | JSON
USAGE = st.fixed_dictionaries({}, optional={"seconds": JSON, "duration": JSON}) | JSON
NOTES = st.lists(st.fixed_dictionaries({}, optional={"language": TEXT, "emotion": TEXT}), max_size=2) | JSON
MESSAGE = st.fixed_dictionaries(
    {}, optional={"content": TEXT | st.lists(st.fixed_dictionaries({"text": TEXT}), max_size=2), "annotations": NOTES}
)
CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "message": MESSAGE | JSON,
        "delta": MESSAGE | JSON,
        "finish_reason": st.sampled_from(["stop", "length", "null", None]) | JSON,
    },
)
SPOKEN: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT,
        "sentence_id": st.integers(0, 2) | JSON,
        "sentence_end": st.booleans() | JSON,
        "begin_time": st.integers() | JSON,
        "end_time": st.integers() | JSON,
        "words": st.none() | st.just([]) | JSON,
    },
)
OUTPUT = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE, max_size=2) | JSON, "text": TEXT, "sentence": SPOKEN | JSON}
)
REPLY = st.fixed_dictionaries(
    {}, optional={"output": OUTPUT | JSON, "choices": st.lists(CHOICE, max_size=1) | JSON, "usage": USAGE}
)
ANSWER = REPLY | st.fixed_dictionaries({FRAMES: st.lists(REPLY, max_size=3) | JSON})


@settings(max_examples=300, deadline=None)
@given(ANSWER)
@example(native("a", "stop") | {"usage": {"seconds": 1e999}})
@example({"output": {"text": "a", "sentence": {"text": "a", "sentence_id": [], "begin_time": {}}}})
def test_any_reply_becomes_files_or_an_error_with_a_code(document: Json) -> None:
    with suppress(VendorError):
        transcript = read(document)
        billed = read_usage(document).billed_seconds
        assert billed is None or billed >= 0
        assert srt(subtitles(transcript).cues) == "" or transcript.timing != "none"
        assert json.loads(transcript.model_dump_json())["text"] == transcript.text
        assert transcript.text.split() == plain_text(transcript).split()


def test_a_new_field_with_the_name_of_our_own_does_not_hide_the_text() -> None:
    values: tuple[object, ...] = (7, [], [{"output": {}}], None)
    for value in values:
        assert read(native("Welcome.", "stop") | {"frames": value}).text == "Welcome."
