"""A terminal event is published once its files are stored; a failed job leaves its reason where its files would be."""

from __future__ import annotations

import json

from dashscribe.domain.transcripts.result_files import result_folder
from tests.support.constants import RESULTS_BUCKET
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
