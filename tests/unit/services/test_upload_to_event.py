"""From an upload to its files and its events, through the three services in virtual time."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Status
from tests.support.constants import FAILED, SUBMITTED, SUCCEEDED
from tests.support.world import World


def test_an_upload_becomes_six_files_and_two_events() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    detail = world.bus.terminal_events_of("a.wav")[0]
    assert detail.result is not None
    assert set(detail.result.files.keys) == set(world.results.files)
    assert world.results.files[detail.result.files["text"]] == b"said a.wav.\n"
    assert (detail.attempts, detail.error, detail.warnings) == (1, None, [])


def test_no_file_and_no_event_contains_a_signature() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    published = " ".join(detail.model_dump_json() for _, detail in world.bus.events)
    stored = b" ".join(world.results.files.values()).decode()
    assert "secret" not in published + stored
    assert json.loads(world.results.files[next(k for k in world.results.files if k.endswith("result.json"))])[
        "file_url"
    ] == ("s3://media/a.wav")


def test_a_hundred_files_are_submitted_as_one_task_and_need_few_queries() -> None:
    world = World()
    for number in range(100):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert len(world.vendor.tasks) == 1
    assert world.vendor.queries + 1 <= 10
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 100


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_repeated_event_makes_one_job_and_one_submission(repeats: int) -> None:
    world = World()
    body = world.upload("a.wav")
    world.queue += [body] * repeats
    world.run_until_quiet()
    world.queue.append(body)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_new_upload_under_an_old_key_is_a_new_job() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert len(world.records.jobs) == 2


@pytest.mark.parametrize(
    "code", ["FILE_403_FORBIDDEN", "InvalidFile.DownloadFailed", "InternalError", "A_NEW_CODE", "missing"]
)
def test_a_file_with_a_retryable_error_is_submitted_again_with_a_new_url(code: str) -> None:
    world = World()
    world.vendor.file_outcomes["a.wav"] = [code, code, "ok"]
    world.upload("a.wav")
    world.upload("b.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.terminal_events_of("a.wav")[0].attempts == 3
    assert world.bus.terminal_events_of("b.wav")[0].attempts == 1
    assert world.vendor.submissions_of("b.wav") == 1
    assert world.media.signed >= 4


@pytest.mark.parametrize(
    ("outcome", "code"), [("FILE_403_FORBIDDEN", "FILE_403_FORBIDDEN"), ("missing", "MISSING_FROM_RESULTS")]
)
def test_a_file_fails_after_three_resubmissions(outcome: str, code: str) -> None:
    world = World()
    world.vendor.file_outcomes["a.wav"] = [outcome]
    world.upload("a.wav")
    world.run_until_quiet()
    detail = world.bus.terminal_events_of("a.wav")[0]
    assert detail.attempts == 4
    assert detail.error is not None
    assert detail.error.code == code
    assert world.vendor.submissions_of("a.wav") == 4


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
def test_silent_audio_succeeds_with_an_empty_transcript_and_a_warning(code: str) -> None:
    world = World()
    world.vendor.file_outcomes["quiet.wav"] = [code]
    world.upload("quiet.wav")
    world.run_until_quiet()
    detail = world.bus.terminal_events_of("quiet.wav")[0]
    assert (detail.status, detail.warnings, detail.error) == ("SUCCEEDED", [code], None)
    assert detail.result is not None
    assert world.results.files[detail.result.files["text"]] == b""
    assert json.loads(world.results.files[detail.result.files.job])["warnings"] == [code]


def test_an_undecodable_file_fails_and_the_other_file_of_its_task_succeeds() -> None:
    world = World()
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    world.upload("good.wav")
    world.upload("bad.wav")
    world.run_until_quiet()
    assert world.bus.events_of("good.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.events_of("bad.wav") == [SUBMITTED, FAILED]
    assert len(world.vendor.tasks) == 1


def test_the_event_warns_about_diarization_of_more_than_two_hours() -> None:
    world = World()
    world.vendor.audio_ms = 2 * 3600 * 1000 + 1
    world.upload("a.wav", metadata={"dashscribe-parameters": '{"diarization_enabled": true}'})
    world.upload("b.wav")
    world.run_until_quiet()
    assert [world.bus.terminal_events_of(key)[0].warnings for key in ("a.wav", "b.wav")] == [
        ["DIARIZATION_OVER_TWO_HOURS"],
        [],
    ]


def test_a_mixed_bucket_with_watched_suffixes_has_no_failed_jobs() -> None:
    world = World(submit_environ={"MEDIA_KEY_SUFFIXES": ".wav, .mp3", "MEDIA_KEY_PREFIXES": "calls/"})
    for key in ("calls/a.WAV", "calls/a.srt", "calls/a.json", "calls/a.txt", "calls/thumbnails/a.jpg", "other/a.wav"):
        world.upload(key)
    world.run_until_quiet()
    assert [job.media.key for job in world.records.jobs.values()] == ["calls/a.WAV"]
    assert world.bus.events_of("calls/a.WAV") == [SUBMITTED, SUCCEEDED]
    assert len(world.bus.events) == 2
    assert world.dead_lettered == []


def test_the_event_warns_about_options_about_which_the_vendors_pages_disagree() -> None:
    world = World()
    world.vendor.file_outcomes["quiet.wav"] = ["SUCCESS_WITH_NO_VALID_FRAGMENT"]
    for key in ("a.wav", "quiet.wav"):
        world.upload(key, metadata={"dashscribe-parameters": '{"disfluency_removal_enabled": true}'})
    world.run_until_quiet()
    assert world.bus.terminal_events_of("a.wav")[0].warnings == ["VENDOR_PAGES_DISAGREE"]
    assert world.bus.terminal_events_of("quiet.wav")[0].warnings == [
        "VENDOR_PAGES_DISAGREE",
        "SUCCESS_WITH_NO_VALID_FRAGMENT",
    ]
    report = json.loads(world.results.files[f"a.wav/{world.job_of('a.wav').job_id}/job.json"])
    [message] = report["options"]["warning_messages"]
    assert "disagree that fun-asr takes disfluency_removal_enabled" in message


def test_a_terminal_event_that_was_not_published_is_published_within_a_minute() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=4)
    world.bus.failures = 1
    world.loop_pass()
    assert world.job_of("a.wav").status is Status.SUCCEEDED
    assert not world.bus.terminal_events_of("a.wav")
    ended = world.now
    while not world.bus.terminal_events_of("a.wav"):
        world.step()
    assert world.now - ended <= timedelta(minutes=1)
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_job_stays_succeeded_when_its_event_cannot_be_published_for_days() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.bus.failures = 10_000
    for _ in range(600):
        world.step()
        world.now += timedelta(minutes=5)
    world.bus.failures = 0
    world.run_until_quiet(faults=True)
    assert {end.status for end in world.bus.terminal_events_of("a.wav")} == {Status.SUCCEEDED}
