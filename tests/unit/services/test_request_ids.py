"""The vendor's request ids, which its support needs to find a request."""

from __future__ import annotations

import json

import pytest

from dashscribe.domain.jobs.job_files import job_result_folder
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.task_replies import read_request_id
from dashscribe.errors import ErrorClass, VendorError
from tests.support.constants import RESULTS_BUCKET
from tests.support.world import World


def job_json(world: World, key: str) -> JsonObject:
    job = world.job_of(key)
    found: JsonObject = json.loads(world.results.files[job_result_folder(RESULTS_BUCKET, job).files.job])
    return found


def test_the_event_and_job_json_have_the_ids_of_the_submission_and_of_the_last_query() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    submitted, succeeded = (detail for _, detail in world.bus.events)
    assert (submitted.request_id, submitted.request_ids.submission) == ("request-task-0", "request-task-0")
    query = f"query-{world.vendor.queries}"
    assert succeeded.request_id == query
    assert succeeded.request_ids.model_dump() == {"submission": "request-task-0", "query": query, "error": None}
    assert job_json(world, "a.wav")["request_ids"] == succeeded.request_ids.model_dump()
    assert job_json(world, "a.wav")["request_id"] == query
    [task] = world.records.tasks.values()
    assert task.request_id == "request-task-0"


def test_a_refused_upload_has_the_id_of_the_request_that_was_refused() -> None:
    world = World()
    world.vendor.refusals = [VendorError("DataInspectionFailed", "no", ErrorClass.PERMANENT, 400, "request-refused")]
    world.upload("a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("a.wav")
    assert (end.request_id, end.request_ids.error) == ("request-refused", "request-refused")
    assert job_json(world, "a.wav")["request_id"] == "request-refused"


def test_an_accepted_submission_replaces_the_id_of_an_earlier_refusal() -> None:
    world = World()
    world.vendor.refusals = [VendorError("SystemError", "oops", ErrorClass.RETRYABLE, 500, "request-refused")]
    world.upload("a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.request_ids.error is None
    assert end.request_ids.submission == "request-task-0"


@pytest.mark.parametrize(
    ("reply", "request_id"),
    [
        ({"request_id": "r-1", "output": {}}, "r-1"),
        ({"id": "chatcmpl-1", "choices": []}, "chatcmpl-1"),
        ({"frames": [{"output": {}}, {"request_id": "r-2"}]}, "r-2"),
        ({"frames": ["odd", None]}, None),
        ({"request_id": ["odd"]}, None),
        ({"request_id": "r" * 1000}, "r" * 100),
        ({}, None),
    ],
)
def test_the_request_id_is_read_from_every_kind_of_reply(reply: JsonObject, request_id: str | None) -> None:
    assert read_request_id(reply) == request_id


def test_the_call_of_a_synchronous_model_has_its_request_id() -> None:
    world = World(profiles='{"profiles": {"default": {"model": "qwen3-asr-flash"}}}')
    world.upload("a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.request_ids.submission == end.request_id == "request-call-1"
