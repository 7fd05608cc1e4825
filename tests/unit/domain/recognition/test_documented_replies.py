"""Every JSON document of the vendor's pages is read as the page describes.

The documents are in `documented_replies/` (sources: docs/vendor-api.md#sources). The expected values were written by
hand from the pages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashscribe.domain.recognition.file_outcomes import FileOutcome, read_outcomes
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.synchronous_replies import read_recognition, read_usage
from dashscribe.domain.recognition.task_replies import FRAMES, TaskReply
from dashscribe.domain.transcripts.cues import subtitles
from dashscribe.domain.transcripts.plain_text import plain_text
from dashscribe.domain.transcripts.subtitle_files import srt, vtt
from dashscribe.domain.transcripts.transcript import Sentence, Transcript, neutral
from dashscribe.domain.transcripts.vendor_result import VendorResult

DOCUMENTED_REPLIES = Path(__file__).parent / "documented_replies"
RECORDING = Media(bucket="media", key="calls/a.wav", size_bytes=1)
Word = tuple[int, int, str, str]


def documented(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCUMENTED_REPLIES / f"{name}.json").read_text(encoding="utf-8"))
    return document


def neutral_of(result: VendorResult) -> Transcript:
    return neutral(result, job_id="j", model="m", media=RECORDING.s3_uri)


def words_of(sentence: Sentence) -> list[Word] | None:
    if sentence.words is None:
        return None
    return [(word.begin_ms, word.end_ms, word.text, word.punctuation) for word in sentence.words]


def test_every_documented_reply_is_used_by_a_test() -> None:
    requests = {"000_fun_asr_flash_request", "004_openai_request", "004_native_request", "004_filetrans_request"}
    replies = {"004_submission_reply", "004_task_running", "004_task_succeeded", "004_task_failed"}
    answers = {"004_openai_reply", "004_native_reply", "004_openai_stream"}
    assert {file.stem for file in DOCUMENTED_REPLIES.iterdir()} == {*RESULTS} | requests | replies | answers


# result files


@dataclass(frozen=True)
class Expected:
    """The expected transcript of a result file. `cues` are start, end and text of the subtitles."""

    text: str
    sentence: str
    span: tuple[int, int]
    words: list[Word]
    cues: list[tuple[str, str, str]]
    duration_ms: int | None = None
    speech_ms: int | None = None
    sentence_id: int = 1
    language: str | None = None
    emotion: str | None = None


HELLO = "Hello world, this is Alibaba Speech Lab."
HELLO_LOUD = "Hello World, this is Alibaba Speech Lab."
MISHEARD = "Hello word, this is Alibaba Speech Lab."

FEMALE = Expected(
    duration_ms=3834,
    speech_ms=2480,
    text=HELLO_LOUD,
    sentence=HELLO_LOUD,
    span=(760, 3240),
    words=[
        (760, 1000, "Hello", ""),
        (1000, 1120, " World", ", "),
        (1400, 1920, "this is", ""),
        (1920, 2520, "Alibaba", ""),
        (2520, 2840, "Speech", ""),
        (2840, 3240, "Lab", "."),
    ],
    cues=[("00:00:00,760", "00:00:03,240", HELLO_LOUD)],
)
MALE = Expected(
    duration_ms=4726,
    speech_ms=3800,
    text=HELLO_LOUD,
    sentence=HELLO_LOUD,
    span=(680, 4480),
    words=[
        (680, 960, "Hello", ""),
        (960, 1080, " World", ", "),
        (1480, 2160, "this is", ""),
        (2160, 3080, "Alibaba", ""),
        (3080, 3520, "Speech", ""),
        (3520, 4480, "Lab", "."),
    ],
    cues=[("00:00:00,680", "00:00:04,480", HELLO_LOUD)],
)
RESULTS = {
    "000_fun_asr_first_result": Expected(
        duration_ms=3280,
        speech_ms=3000,
        text=HELLO,
        sentence=HELLO + " ",
        span=(240, 3240),
        words=[
            (240, 640, "Hello", ""),
            (640, 960, " world", ","),
            (1280, 1480, " this", ""),
            (1480, 1840, " is", ""),
            (1840, 2520, " Alibaba", ""),
            (2520, 2920, " Speech", ""),
            (2920, 3240, " Lab", ". "),
        ],
        cues=[("00:00:00,240", "00:00:03,240", HELLO)],
    ),
    "000_fun_asr_second_result": Expected(
        duration_ms=4000,
        speech_ms=3160,
        text=HELLO,
        sentence=HELLO + " ",
        span=(800, 3960),
        words=[
            (800, 1200, "Hello", ""),
            (1200, 1640, " world", ","),
            (1880, 2120, " this", ""),
            (2120, 2560, " is", ""),
            (2560, 3360, " Alibaba", ""),
            (3360, 3720, " Speech", ""),
            (3720, 3960, " Lab", ". "),
        ],
        cues=[("00:00:00,800", "00:00:03,960", HELLO)],
    ),
    "001_fun_asr_first_result": FEMALE,
    "001_fun_asr_second_result": MALE,
    "002_fun_asr_first_result": FEMALE,
    "002_fun_asr_second_result": MALE,
    "002_paraformer_first_result": Expected(
        duration_ms=4726,
        speech_ms=4720,
        text=HELLO,
        sentence=HELLO,
        span=(0, 4720),
        words=[
            (0, 629, "Hello ", ""),
            (629, 944, "world", ", "),
            (944, 1888, "this is", ""),
            (1888, 3146, "Alibaba", ""),
            (3146, 3776, "Speech", ""),
            (3776, 4720, "Lab", "."),
        ],
        cues=[("00:00:00,000", "00:00:04,720", HELLO)],
    ),
    "002_paraformer_second_result": Expected(
        duration_ms=3834,
        speech_ms=3720,
        text=MISHEARD,
        sentence=MISHEARD,
        span=(100, 3820),
        words=[
            (100, 596, "Hello ", ""),
            (596, 844, "word", ", "),
            (844, 1588, "this is", ""),
            (1588, 2580, "Alibaba", ""),
            (2580, 3076, "Speech", ""),
            (3076, 3820, "Lab", "."),
        ],
        cues=[("00:00:00,100", "00:00:03,820", MISHEARD)],
    ),
    # The page shortens this document: the text has two sentences, but one is listed, with two of its words.
    # So the words after "staff," share the rest of the sentence's time by their width.
    "004_filetrans_result": Expected(
        text="Senior staff, Principal Doris Jackson, Wakefield faculty, and of course my fellow classmates. I am "
        "honored to have been chosen to speak before my classmates along with the students across America today.",
        sentence="Senior staff, Principal Doris Jackson, Wakefield faculty, and of course my fellow classmates.",
        sentence_id=0,
        language="en",
        emotion="happy",
        span=(240, 6720),
        words=[(240, 1120, "Senior ", ""), (1120, 1200, "staff", ",")],
        cues=[
            ("00:00:00,240", "00:00:02,863", "Senior staff, Principal Doris Jackson,"),
            ("00:00:02,946", "00:00:06,720", "Wakefield faculty,\nand of course my fellow classmates."),
        ],
    ),
}


@pytest.fixture(params=RESULTS)
def result(request: pytest.FixtureRequest) -> tuple[Transcript, Expected]:
    name: str = request.param
    return neutral_of(VendorResult.model_validate(documented(name))), RESULTS[name]


def test_a_result_becomes_the_expected_transcript(result: tuple[Transcript, Expected]) -> None:
    transcript, expected = result
    assert (transcript.duration_ms, transcript.speech_ms) == (expected.duration_ms, expected.speech_ms)
    assert (transcript.text, transcript.timing) == (expected.text, "words")
    [channel] = transcript.channels
    assert (channel.channel_id, channel.speech_ms) == (0, expected.speech_ms)
    [sentence] = channel.sentences
    assert (sentence.sentence_id, sentence.text) == (expected.sentence_id, expected.sentence)
    assert (sentence.begin_ms, sentence.end_ms) == expected.span
    assert (sentence.speaker, sentence.language, sentence.emotion) == (None, expected.language, expected.emotion)
    assert words_of(sentence) == expected.words


def test_a_result_becomes_plain_text(result: tuple[Transcript, Expected]) -> None:
    transcript, expected = result
    assert plain_text(transcript) == expected.text + "\n"


def test_a_result_becomes_subrip(result: tuple[Transcript, Expected]) -> None:
    transcript, expected = result
    assert srt(subtitles(transcript).cues) == "\n".join(
        f"{number}\n{begin} --> {end}\n{text}\n" for number, (begin, end, text) in enumerate(expected.cues, start=1)
    )


def test_a_result_becomes_webvtt(result: tuple[Transcript, Expected]) -> None:
    transcript, expected = result
    blocks = [
        f"{number}\n{begin.replace(',', '.')} --> {end.replace(',', '.')}\n{text}\n"
        for number, (begin, end, text) in enumerate(expected.cues, start=1)
    ]
    assert vtt(subtitles(transcript).cues) == "\n".join(["WEBVTT\n", *blocks])


@pytest.mark.parametrize("name", [name for name in RESULTS if name.startswith("000")])
def test_the_words_of_fun_asr_joined_are_the_sentence(name: str) -> None:
    [channel] = neutral_of(VendorResult.model_validate(documented(name))).channels
    [sentence] = channel.sentences
    assert "".join(word.text + word.punctuation for word in sentence.words or []) == sentence.text


# synchronous replies


def stream() -> dict[str, Any]:
    """The frames as the adapter stores them. The page prints no blank lines between the events."""
    lines = (DOCUMENTED_REPLIES / "004_openai_stream.txt").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "data: [DONE]"
    return {FRAMES: [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]}


@pytest.mark.parametrize(
    ("answer", "billed"),
    [(documented("004_openai_reply"), 1), (documented("004_native_reply"), 1), (stream(), None)],
    ids=["openai", "native", "openai stream"],
)
def test_a_synchronous_reply_becomes_a_text_without_times(answer: dict[str, Any], billed: int | None) -> None:
    transcript = neutral_of(read_recognition(answer))
    assert transcript.text == "Welcome to Alibaba Cloud."
    assert (transcript.timing, transcript.duration_ms, transcript.speech_ms) == ("none", None, None)
    [channel] = transcript.channels
    assert channel.sentences == [
        Sentence(
            sentence_id=1,
            begin_ms=None,
            end_ms=None,
            text="Welcome to Alibaba Cloud.",
            language="zh",
            emotion="neutral",
        )
    ]
    assert plain_text(transcript) == "Welcome to Alibaba Cloud.\n"
    assert srt(subtitles(transcript).cues) == ""
    assert vtt(subtitles(transcript).cues) == "WEBVTT\n"
    assert read_usage(answer).billed_seconds == billed


# tasks


def test_the_reply_to_a_submission_is_a_pending_task() -> None:
    output = TaskReply.model_validate(documented("004_submission_reply")).output
    assert (output.task_id, output.task_status) == ("8fab76d0-0eed-4d20-************", "PENDING")
    assert not output.is_over


def test_a_running_task_has_not_ended_and_has_no_results() -> None:
    reply = TaskReply.model_validate(documented("004_task_running"))
    assert (reply.output.task_status, reply.output.is_over, reply.output.ended_at) == ("RUNNING", False, None)
    assert (reply.output.result, reply.output.results, reply.usage) == (None, [], None)


def outcome_of(name: str) -> FileOutcome:
    reply = TaskReply.model_validate(documented(name))
    assert reply.output.is_over
    return read_outcomes(reply.output, {"job": RECORDING}, usage=reply.usage)["job"]


def test_a_succeeded_task_has_its_result_its_times_and_its_billed_seconds() -> None:
    assert outcome_of("004_task_succeeded") == FileOutcome(
        status="SUCCEEDED",
        transcription_url="http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/...",
        completed_at=datetime(2025, 10, 27, 5, 57, 47, 79_000, tzinfo=UTC),
        scheduled_at=datetime(2025, 10, 27, 5, 57, 46, 18_000, tzinfo=UTC),
        billed_seconds=3,
    )


def test_a_failed_task_has_its_error_code() -> None:
    assert outcome_of("004_task_failed") == FileOutcome(
        status="FAILED",
        code="FILE_403_FORBIDDEN",
        message="FILE_403_FORBIDDEN",
        completed_at=datetime(2025, 10, 27, 7, 6, 7, 584_000, tzinfo=UTC),
        scheduled_at=datetime(2025, 10, 27, 7, 6, 6, 967_000, tzinfo=UTC),
    )


# documented shapes without a complete sample (docs/vendor-api.md#result-file, docs/vendor-api.md#fun-asr-flash-reply)


def test_speakers_are_labelled_in_text_and_subtitles() -> None:
    words = [{"begin_time": 760, "end_time": 1000, "text": "Hello", "punctuation": "."}]
    turns = [
        {"begin_time": 760, "end_time": 1000, "text": "Hello.", "sentence_id": 1, "speaker_id": 0, "words": words},
        {"begin_time": 1200, "end_time": 3240, "text": "Good day.", "sentence_id": 2, "speaker_id": 1, "words": []},
    ]
    track = {
        "channel_id": 0,
        "content_duration_in_milliseconds": 2480,
        "text": "Hello.Good day.",
        "sentences": turns,
    }
    properties = {"audio_format": "pcm_s16le", "channels": [0], "original_duration_in_milliseconds": 3834}
    transcript = neutral_of(
        VendorResult.model_validate({"file_url": "…", "properties": properties, "transcripts": [track]})
    )
    assert plain_text(transcript) == "[00:00:00] Speaker 1\nHello.\n\n[00:00:01] Speaker 2\nGood day.\n"
    assert srt(subtitles(transcript).cues) == (
        "1\n00:00:00,760 --> 00:00:03,000\n- Speaker 1: Hello.\n- Speaker 2: Good day.\n"
    )


def test_a_filetrans_result_without_words_has_the_times_of_its_sentences() -> None:
    document = documented("004_filetrans_result")
    del document["transcripts"][0]["sentences"][0]["words"]
    transcript = neutral_of(VendorResult.model_validate(document))
    assert transcript.timing == "sentences"
    assert transcript.channels[0].sentences[0].words is None
    assert [(cue.begin_ms, cue.end_ms) for cue in subtitles(transcript).cues] == [(240, 2874), (2957, 6720)]


FLASH_WORDS = [
    {"begin_time": 760, "end_time": 1040, "text": "Hello", "punctuation": "", "fixed": True},
    {"begin_time": 1040, "end_time": 1400, "text": " world", "punctuation": ".", "fixed": True},
]
FLASH_SENTENCE = {
    "sentence_id": 1,
    "sentence_end": True,
    "begin_time": 760,
    "end_time": 3800,
    "channel_id": 0,
    "text": "Hello world.",
    "words": FLASH_WORDS,
}


@pytest.mark.parametrize(
    "output",
    [
        {"text": "Hello world.", "sentence": FLASH_SENTENCE},
        {"text": "Hello world.", "output": {"sentence": FLASH_SENTENCE}},
    ],
    ids=["next to the text", "one level deeper"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_fun_asr_flash_reply_keeps_its_times(output: dict[str, Any], streamed: bool) -> None:
    reply = {"output": output, "usage": {"duration": 4}, "request_id": "r"}
    answer = {FRAMES: [reply]} if streamed else reply
    transcript = neutral_of(read_recognition(answer))
    [channel] = transcript.channels
    [sentence] = channel.sentences
    assert (transcript.text, transcript.timing) == ("Hello world.", "words")
    assert (sentence.sentence_id, sentence.begin_ms, sentence.end_ms) == (1, 760, 3800)
    assert words_of(sentence) == [(760, 1040, "Hello", ""), (1040, 1400, " world", ".")]
    assert srt(subtitles(transcript).cues) == "1\n00:00:00,760 --> 00:00:01,593\nHello world.\n"
    assert read_usage(answer).billed_seconds == 4
