"""Schemas, samples and pages: as the code has them, and true."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dashscribe.domain.jobs.events import DETAIL_TYPES
from dashscribe.domain.jobs.job import Status
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.backfill import BackfillBatch
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.upload_events import parse_message
from local.documents import SAMPLES, SCHEMAS, documents
from local.event_documents import sample_event
from local.stack import ROOT
from tests.support.world import World

EVENTS = ROOT / "events"


def schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return document


@pytest.mark.parametrize(("path", "text"), list(documents()), ids=lambda value: getattr(value, "name", ""))
def test_a_generated_file_is_as_the_code_would_write_it(path: Path, text: str) -> None:
    assert path.read_text() == text, "run: .venv/bin/python -m local.documents"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_each_sample_event_fits_its_schema_and_no_other(sample: Path) -> None:
    event = json.loads(sample.read_text())
    for name in [path.stem for path in SAMPLES.glob("*.json")]:
        validator = jsonschema.Draft202012Validator(schema(name), format_checker=jsonschema.FormatChecker())
        assert validator.is_valid(event) == (name == sample.stem)


def test_real_events_and_files_fit_the_schemas() -> None:
    world = World()
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    world.vendor.file_outcomes["quiet.wav"] = ["SUCCESS_WITH_NO_VALID_FRAGMENT"]
    for key in ("a.wav", "bad.wav", "quiet.wav", "notes.txt"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("late.wav")
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 12
    world.run_until_quiet()
    envelope = sample_event(Status.SUBMITTED, DETAIL_TYPES[Status.SUBMITTED])
    for kind, detail in world.bus.events:
        event = {**envelope, "detail-type": kind, "detail": detail.model_dump(mode="json")}
        jsonschema.validate(event, schema(kind.lower().replace(" ", "_")))
    for key, body in world.results.files.items():
        for name in ("transcript", "job"):
            if key.endswith(f"/{name}.json"):
                jsonschema.validate(json.loads(body), schema(name))
    assert len(world.bus.events) == 10


def test_real_events_about_pauses_fit_the_schemas() -> None:
    world = World()
    for model in (None, "fun-asr"):
        world.pause(model=model)
    world.poll_pass()
    world.now += timedelta(minutes=10)
    world.poll_pass()
    world.poll_pass()
    envelope = sample_event(*next(iter(DETAIL_TYPES.items())))
    for kind, detail in world.bus.pauses:
        event = {**envelope, "detail-type": kind, "detail": detail.model_dump(mode="json")}
        jsonschema.validate(event, schema(kind.lower().replace(" ", "_")))
    assert [kind for kind, _ in world.bus.pauses][:2] == ["Submissions Paused"] * 2
    assert "Submissions Resumed" in [kind for kind, _ in world.bus.pauses]


@pytest.mark.parametrize("path", sorted(EVENTS.glob("submit_transcription/*.json")), ids=lambda path: path.stem)
def test_each_sample_for_the_submit_function_is_what_its_name_says(path: Path) -> None:
    records = json.loads(path.read_text())["Records"]
    world = World()
    world.media.objects = {"calls/morning-walk.wav": {}, "calls/one.wav": {}, "calls/two.wav": {}}
    world.media.objects["会议/\"Q1 + Q2\" 100% 'final' 🎙.wav"] = {}
    world.queue = [record["body"] for record in records]
    report = world.deliver()
    if path.stem in ("broken_message", "requeued_job"):  # a wake-up of a job that is not there is as broken
        assert report.dead_lettered == 1
    elif path.stem in ("unsupported_format", "empty_file"):
        assert len(report.failed) == 1
    elif path.stem == "folder_marker":
        assert (report.failed, report.submitted, report.dead_lettered) == ([], [], 0)
    else:
        assert len(report.submitted) == len(records)
        assert all(parse_message(record["body"]) for record in records)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("finalize_transcription/*.json")), ids=lambda path: path.stem)
def test_each_sample_for_the_finalizer_is_a_request_that_it_understands(path: Path) -> None:
    assert FinalizeRequest.model_validate(json.loads(path.read_text())).job_ids


@pytest.mark.parametrize("path", sorted(EVENTS.glob("backfill_uploads/*.json")), ids=lambda path: path.stem)
def test_each_sample_for_the_backfill_is_a_batch_that_it_understands(path: Path) -> None:
    assert BackfillBatch.model_validate(json.loads(path.read_text())).items


def test_every_function_has_samples() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert functions == {path.parent.name for path in EVENTS.glob("*_*/*.json")}
