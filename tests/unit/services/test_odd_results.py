"""A result with odd values is stored as received, and understood as far as possible, in one run of the finalizer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from dashscribe.domain.jobs.job import RESULT_PARTLY_UNDERSTOOD, Job, Status
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.received_results import parse_result
from dashscribe.domain.recognition.vendor_codes import NO_WORDS
from dashscribe.errors import ResultUnreadable
from dashscribe.services.finalize import MAX_UNREADABLE_BYTES
from tests.support.world import World

Json = dict[str, Any]


def word(begin: Any, end: Any, text: Any, punctuation: Any = "") -> Json:
    return {"begin_time": begin, "end_time": end, "text": text, "punctuation": punctuation}


def sentence(begin: Any, end: Any, text: Any, **more: Any) -> Json:
    return {"begin_time": begin, "end_time": end, "text": text, **more}


def result(*sentences: object, text: object = "Hello there.", speech_ms: object = 1000) -> Json:
    track = {"channel_id": 0, "content_duration_in_milliseconds": speech_ms, "text": text, "sentences": list(sentences)}
    return {"file_url": "u", "properties": {"original_duration_in_milliseconds": 60000}, "transcripts": [track]}


def finalized(document: object, *, faults: bool = False) -> tuple[World, Job, dict[str, str]]:
    """The job after its result was downloaded, and its files by name. `document` is an object, or JSON. With `faults`
    it is downloaded several times."""
    world = World()
    text = document if isinstance(document, str) else document if isinstance(document, bytes) else json.dumps(document)
    received = text if isinstance(text, bytes) else text.encode()

    def download(url: str, *, small_only: bool = False) -> JsonObject:
        return parse_result(received)

    world.vendor.download = download  # type: ignore[method-assign]  # the same for every file
    world.upload("talk.mp3")
    began = world.now
    world.run_until_quiet(faults=faults)
    assert world.now - began < timedelta(minutes=10), "the job ended late"
    files = {key.rpartition("/")[2]: body.decode(errors="replace") for key, body in world.results.files.items()}
    return world, world.job_of("talk.mp3"), files


HELLO = sentence(0, 1000, "Hello there.")


@pytest.mark.parametrize(
    "document",
    [
        result(sentence(0, 1000.5, "Hello there.", words=[word(0, 400.25, "Hello"), word(500, 1000.5, " there", ".")])),
        result(sentence("0", "1000", "Hello there.")),
        result(sentence(-5, 1000, "Hello there.")),
        result(sentence(0, 10**40, "Hello there.")),
        result(sentence(0, None, "Hello there.")),
        result(sentence(None, 1000, "Hello there.")),
        result(sentence(None, None, "Hello there.", words=[word(0, 400, "Hello"), word(500, 900, " there", ".")])),
        result(sentence(0, 1000, None, words=[word(0, 400, "Hello"), word(500, 900, " there", ".")]), text=None),
        result(sentence(0, 1000, "Hello there.", sentence_id="first", speaker_id="Anna", language=7, emotion=[])),
        result(sentence(0, 1000, "Hello there.", words=[None, 7, word("soon", {}, "Hello")])),
        result(sentence(0, 1000, "Hello there.", words="none")),
        result(HELLO, None, 7, "x"),
        result(HELLO, text=7),
        result(HELLO, speech_ms=-90_000),
        result(HELLO, speech_ms=10**30),
        result(HELLO) | {"properties": 7},
        result(HELLO) | {"properties": {"original_duration_in_milliseconds": 10**40}},
        result(HELLO) | {"transcripts": [None, *result(HELLO)["transcripts"], "x"]},
        result(HELLO) | {"file_url": None},
    ],
)
def test_an_odd_value_costs_neither_text_nor_subtitles(document: Json) -> None:
    _, job, files = finalized(document)
    assert job.status is Status.SUCCEEDED
    assert "Hello there." in files["transcript.txt"]
    assert "Hello there." in files["transcript.srt"]
    assert json.loads(files["transcript.json"])["text"] == "Hello there."
    assert sorted(files) == [
        "job.json",
        "result.json",
        "transcript.html",
        "transcript.json",
        "transcript.srt",
        "transcript.txt",
        "transcript.vtt",
    ]


WORDS = [word(0, 400, "Hello"), word(500, 1000, " there", ".")]


@pytest.mark.parametrize(
    "document",
    [
        result(HELLO) | {"transcripts": {"0": result(HELLO)["transcripts"][0]}},
        result(HELLO) | {"transcripts": result(HELLO)["transcripts"][0]},
        result(HELLO) | {"transcripts": ["Hello there."]},
        result(text=None) | {"transcripts": [{"sentences": {"0": HELLO}}]},
        result("Hello there.", text=None),
        result(sentence(0, 1000, None, words={"1": WORDS[1], "0": WORDS[0]}), text=None),
        result(sentence(0, 1000, None, words=["Hello", " there."]), text=None),
        json.dumps(result(HELLO)).replace('"u"', "[" * 100_000 + "]" * 100_000),
        json.dumps(result(HELLO)).replace('"u"', '{"a": ' * 5000 + "1" + "}" * 5000),
        json.dumps(result(HELLO)).replace('"u"', '"\n\x01"'),
        json.dumps(result(HELLO)) + "\0\0 garbage }",
        json.dumps(result(HELLO)).encode().replace(b'"u"', b'"\xff\xfe"'),
        json.dumps(result(HELLO)).encode("utf-16"),
        json.dumps(result(HELLO)).encode("utf-8-sig") + b"\xff",
    ],
)
def test_a_list_or_a_document_of_an_odd_form_costs_no_text(document: Any) -> None:
    _, job, files = finalized(document)
    assert (job.status, job.failure) == (Status.SUCCEEDED, None)
    assert files["transcript.txt"] == "Hello there.\n"
    assert json.loads(files["transcript.json"])["text"] == "Hello there."


@pytest.mark.parametrize(
    "received", [json.dumps(result(HELLO))[:-2], json.dumps(result(HELLO)) + "\n" + json.dumps(result(HELLO))]
)
def test_a_part_of_a_result_and_two_results_are_no_transcript(received: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        parse_result(received.encode())


@pytest.mark.parametrize("time", ["00:00:01.0", "0:01", "00:01,000"])
def test_a_time_of_the_clock_is_read(time: str) -> None:
    _, job, files = finalized(result(sentence("00:00", time, "Hello there.")))
    assert "00:00:00,000 --> 00:00:01,000" in files["transcript.srt"]
    assert job.warnings == []


def test_a_warning_names_the_odd_values() -> None:
    world, job, files = finalized(result(sentence(0, "late", "Hello there.", speaker_id=[])))
    pointers = ["/transcripts/0/sentences/0/end_time", "/transcripts/0/sentences/0/speaker_id"]
    assert job.warnings == [RESULT_PARTLY_UNDERSTOOD]
    expected = [{"code": RESULT_PARTLY_UNDERSTOOD, "pointers": pointers}]
    assert json.loads(files["job.json"])["warning_details"] == expected
    assert [detail.model_dump() for detail in world.bus.terminal_events_of("talk.mp3")[0].warning_details] == expected


def test_a_warning_names_at_most_ten_odd_values() -> None:
    _, job, _ = finalized(result(HELLO, *[None] * 100))
    assert len(job.warning_details[0].pointers) == 10


@pytest.mark.parametrize("speech_ms", [-90_000, 10**30, "long", None])
def test_an_unknown_duration_of_speech_is_not_billed(speech_ms: object) -> None:
    _, job, _ = finalized(result(HELLO, speech_ms=speech_ms))
    assert job.usage is not None
    assert (job.usage.billed_seconds, job.usage.estimated_cost_usd) == (None, None)


def test_half_a_character_costs_only_itself() -> None:
    _, job, files = finalized('{"transcripts": [{"text": "Hello \\ud83d there.", "sentences": null}]}')
    assert job.status is Status.SUCCEEDED
    assert files["transcript.txt"] == "Hello \ufffd there.\n"
    assert "\\ud83d" in files["result.json"]


def test_a_result_is_stored_byte_by_byte_without_signed_urls() -> None:
    url = "https:\\/\\/b.s3.amazonaws.com\\/talk.mp3?X-Amz-Signature=5ec7e7"
    document = (
        f'{{ "file_url":"{url}",\n "n": 1.50, "n": 1e3, "other": ["{url}", "https://a/b?c=d"],\t'
        '"transcripts": [{"text": "Hello \\u0074here."}]}'
    )
    _, _, files = finalized(document)
    assert files["result.json"] == document.replace(f'"file_url":"{url}"', '"file_url":"s3://media/talk.mp3"').replace(
        f'"{url}"', '"https://b.s3.amazonaws.com/talk.mp3?[redacted]"'
    )


SECRET = "5ec7e7a1b2c3d4e5f6a7b8c9"


@pytest.mark.parametrize(
    "part",
    [
        f'"a": "https://m/b?X-Amz-Signature={SECRET}", "a": 1',
        f'"X-Amz-Signature": "{SECRET}", "X-Amz-Signature": null',
        f'"a": "\\u0053ignature={SECRET}", "a": 1',
        f'"headers": [{{"name": "X-Amz-Security-Token", "value": "{SECRET}"}}, ["x-amz-signature", "{SECRET}"]]',
        f'"request": {{"headers": {{"Authorization": "Bearer sk-{SECRET}"}}}}',
        f'"log": "Incorrect API key provided: sk-{SECRET}."',
        f'"https://m/b?Signature={SECRET}": 2',
    ],
)
def test_no_part_of_a_stored_result_has_a_secret(part: str) -> None:
    _, job, files = finalized(f'{{"transcripts": [{{"text": "Hello there."}}], {part}}}')
    assert (job.status, files["transcript.txt"]) == (Status.SUCCEEDED, "Hello there.\n")
    assert SECRET not in str(files)
    assert json.loads(files["result.json"])["transcripts"] == [{"text": "Hello there."}]


def test_a_number_with_thousands_of_digits_costs_only_itself() -> None:
    _, job, files = finalized('{"transcripts": [{"text": "Hello there.", "channel_id": ' + "9" * 5000 + "}]}")
    assert (job.status, files["transcript.txt"]) == (Status.SUCCEEDED, "Hello there.\n")


@pytest.mark.parametrize(
    "document",
    [
        {"transcripts": [None]},
        {"transcripts": [{"text": 7}]},
        {"transcripts": [{"text": "", "sentences": [None]}]},
        {"transcripts": [{"sentences": [{"words": [7]}]}]},
    ],
)
def test_a_result_without_readable_text_fails_soon_and_is_kept(document: Json) -> None:
    _, job, files = finalized(document)
    assert job.failure is not None
    assert (job.status, job.failure.code) == (Status.FAILED, "RESULT_UNREADABLE")
    assert "no readable text" in job.failure.message
    assert set(files) == {"result.json", "job.json"}
    assert f"s3://results/talk.mp3/{job.job_id}/result.json" in job.failure.message


@pytest.mark.parametrize("document", [{}, {"transcripts": None}, {"transcripts": 7}, {"transcripts": "none"}])
def test_a_result_of_another_shape_fails_after_five_downloads_and_is_kept(document: Json) -> None:
    _, job, files = finalized(document, faults=True)
    assert job.failure is not None
    assert (job.status, job.failure.code, job.unreadable_results) == (Status.FAILED, "RESULT_UNREADABLE", 4)
    assert json.loads(files["result.json"]) == document
    assert set(files) == {"result.json", "job.json"}
    assert f"s3://results/talk.mp3/{job.job_id}/result.json" in job.failure.message


def world_whose_results_are(body: bytes) -> World:
    """A world in which each download of a result is this body, which is no JSON object."""
    world = World()

    def download(url: str, *, small_only: bool = False) -> JsonObject:
        raise ResultUnreadable("The result is not a JSON object.", body)

    world.vendor.download = download  # type: ignore[method-assign]
    return world


def test_a_result_that_stays_invalid_json_fails_within_half_an_hour_and_is_kept() -> None:
    world = world_whose_results_are(b"<html>https://a/b?Signature=5ec7e7</html>")
    world.upload("talk.mp3")
    began = world.now
    world.run_until_quiet(faults=True)
    job = world.job_of("talk.mp3")
    assert job.failure is not None
    assert (job.failure.code, world.now - began < timedelta(minutes=30)) == ("RESULT_UNREADABLE", True)
    stored = world.results.files[f"talk.mp3/{job.job_id}/result.json"]
    assert b"<html>" in stored
    assert b"5ec7e7" not in stored


def test_a_job_whose_result_is_downloaded_again_shows_why() -> None:
    world = world_whose_results_are(b"<html>")
    world.upload("talk.mp3")
    for _ in range(5):
        world.step()
    assert world.job_of("talk.mp3").last_error_code == "RESULT_UNREADABLE"


def test_of_a_huge_result_that_is_no_transcript_a_part_is_kept() -> None:
    world = world_whose_results_are(b"<br>" * 2**22)
    world.upload("talk.mp3")
    world.run_until_quiet(faults=True)
    job = world.job_of("talk.mp3")
    assert len(world.results.files[f"talk.mp3/{job.job_id}/result.json"]) == MAX_UNREADABLE_BYTES


@pytest.mark.parametrize(
    "document",
    [
        {"transcripts": []},
        {"transcripts": [{"text": "", "sentences": []}]},
        {"transcripts": [{"text": " \n", "sentences": None}]},
        {"transcripts": [{"text": "\u200b\ufeff\u3164", "sentences": [sentence(0, 1, "\u200b")]}]},
        {"transcripts": [{"text": ""}], "properties": {"original_duration_in_milliseconds": -1}},
    ],
)
def test_silence_succeeds_with_the_same_warning_as_a_synchronous_call(document: Json) -> None:
    _, job, files = finalized(document)
    assert job.status is Status.SUCCEEDED
    assert NO_WORDS in job.warnings
    assert (files["transcript.txt"], files["transcript.srt"]) == ("", "")


def test_a_task_that_succeeded_with_a_code_for_silence_and_no_results_is_silence() -> None:
    world = World()
    world.vendor.endings["task-0"] = ("SUCCEEDED", NO_WORDS)
    world.upload("talk.mp3")
    world.run_until_quiet()
    job = world.job_of("talk.mp3")
    assert (job.status, job.warnings, job.attempts) == (Status.SUCCEEDED, [NO_WORDS], 1)


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
def test_a_task_whose_status_is_silence_succeeds_without_text(code: str) -> None:
    world = World()
    world.vendor.endings["task-0"] = (code, "")
    world.upload("talk.mp3")
    world.run_until_quiet()
    job = world.job_of("talk.mp3")
    assert (job.status, job.warnings, job.attempts) == (Status.SUCCEEDED, [code], 1)
    assert job.result is not None
    stored = json.loads(world.results.files[job.result.files.result])
    assert (stored["file_url"], stored["code"]) == ("s3://media/talk.mp3", code)
    assert code in stored["message"]
