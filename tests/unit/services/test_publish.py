"""A terminal event is published once its files are stored, together with those of the other files of its task.

A failed job leaves its reason where its files would be.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.domain.transcripts.result_files import result_folder
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.finalize_requests import FinalizeRequest
from tests.support.constants import FAILED, RESULTS_BUCKET, SUBMITTED, SUCCEEDED
from tests.support.world import World


def reason_of(world: World, key: str) -> dict[str, object]:
    job = world.job_of(key)
    body = world.results.files[result_folder(RESULTS_BUCKET, key, job.job_id).files.job]
    report: dict[str, object] = json.loads(body)
    return report


def test_a_file_that_fails_before_it_is_submitted_leaves_the_reason_in_job_json() -> None:
    world = World()
    world.upload("a.wav", metadata={"dashscribe-model": "no-such-model"})
    world.run_until_quiet()
    report = reason_of(world, "a.wav")
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert (report["status"], report["error"]) == ("FAILED", error.model_dump())


def test_a_file_that_the_vendor_cannot_decode_leaves_the_reason_in_job_json() -> None:
    world = World()
    world.vendor.file_outcomes["a.wav"] = ["DECODE_ERROR"]
    world.upload("a.wav")
    world.run_until_quiet()
    report = reason_of(world, "a.wav")
    assert report["error"] == {"code": "DECODE_ERROR", "message": "DECODE_ERROR", "category": "permanent"}
    assert report["attempts"] == 1


def test_a_results_bucket_that_cannot_be_written_does_not_stop_the_event_of_a_failure() -> None:
    world = World()
    world.results.store = lambda files: 1 / 0  # type: ignore[method-assign,assignment]
    world.upload("a.wav", metadata={"dashscribe-model": "no-such-model"})
    world.deliver()
    assert len(world.bus.terminal_events_of("a.wav")) == 1


FILES = [f"{number}.wav" for number in range(5)]


@pytest.fixture
def ended() -> World:
    """A task of five files has ended. `Transcription Submitted` was published for all of them in one call."""
    world = World()
    for key in FILES:
        world.upload(key)
    world.deliver()
    assert world.bus.calls == [FILES]
    world.now += timedelta(seconds=5)
    return world


def finalize_together(world: World) -> None:
    """Poll, and finalize all files in one finalizer, as in a burst."""
    report = world.poll_pass()
    assert report is not None
    world.finalize(
        FinalizeRequest(submission_id=report.result.finalize[0].submission_id, job_ids=list(world.records.jobs))
    )


def test_the_events_of_a_finalizer_are_published_in_one_call(ended: World) -> None:
    finalize_together(ended)
    assert ended.bus.calls[1:] == [FILES]
    assert [ended.bus.events_of(key) for key in FILES] == [[SUBMITTED, SUCCEEDED]] * 5
    ended.run_until_quiet()
    assert len(ended.bus.calls) == 2


def test_an_event_that_eventbridge_refuses_is_published_later_and_delays_no_other(ended: World) -> None:
    ended.bus.refusals = {"2.wav": 2}
    finalize_together(ended)
    assert [ended.bus.events_of(key) for key in FILES if key != "2.wav"] == [[SUBMITTED, SUCCEEDED]] * 4
    assert ended.bus.events_of("2.wav") == [SUBMITTED]
    assert ended.job_of("2.wav").published_at is None
    ended.run_until_quiet(faults=True)
    assert ended.bus.events_of("2.wav") == [SUBMITTED, SUCCEEDED]
    assert sum(call.count("1.wav") for call in ended.bus.calls) == 2, "an event that was accepted was published again"
    assert ended.vendor.submissions_of("2.wav") == 1


def test_events_whose_reply_was_lost_are_repeated_and_no_file_is_submitted_again(ended: World) -> None:
    ended.bus.lost_replies = 1
    finalize_together(ended)
    ended.run_until_quiet(faults=True)
    for key in FILES:
        assert ended.bus.events_of(key) == [SUBMITTED, SUCCEEDED, SUCCEEDED]
        assert ended.vendor.submissions_of(key) == 1


def test_a_submission_whose_event_is_refused_for_one_file_records_the_other_files(ended: World) -> None:
    for key in ("a.wav", "b.wav", "c.wav"):
        ended.upload(key)
    ended.bus.refusals = {"b.wav": 1}
    report = ended.deliver()
    assert [job.media.key for job in report.submitted] == ["a.wav", "c.wav"]
    assert ended.job_of("b.wav").status is Status.SUBMITTING
    ended.run_until_quiet(faults=True)
    assert ended.bus.events_of("b.wav") == [SUBMITTED, SUCCEEDED]
    assert ended.vendor.submissions_of("b.wav") == 1


def test_the_failures_of_a_refused_batch_are_published_in_one_call() -> None:
    world = World()
    world.vendor.refused_models = {"fun-asr": VendorError("ModelNotFound", "no", ErrorClass.PERMANENT, 404)}
    for key in FILES:
        world.upload(key)
    world.deliver()
    assert world.bus.calls == [FILES]
    assert [world.bus.events_of(key) for key in FILES] == [[FAILED]] * 5


@pytest.mark.parametrize("written", range(6))
def test_a_kill_between_the_call_and_the_records_repeats_only_the_events_that_no_record_has(
    ended: World, written: int
) -> None:
    up_to_the_call = 1 + side_effects_of_finalizing().index("publish")
    ended.crashes.kill_at(up_to_the_call + written, after=True)
    finalize_together(ended)
    ended.crashes.clear()
    finished = [key for key in FILES if ended.job_of(key).is_finished]
    assert len(finished) == written
    ended.run_until_quiet(faults=True)
    for key in FILES:
        assert ended.bus.events_of(key) == [SUBMITTED, *[SUCCEEDED] * (1 if key in finished else 2)]


def side_effects_of_finalizing() -> list[str]:
    world = World()
    for key in FILES:
        world.upload(key)
    world.deliver()
    world.now += timedelta(seconds=5)
    before = len(world.crashes.names)
    finalize_together(world)
    return world.crashes.names[before:]
