from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.events import (
    DETAIL_TYPES,
    Detail,
    delay_detail_of,
    detail_of,
    pause_detail,
    pause_detail_type,
)
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job, Status, Usage
from dashscribe.domain.jobs.pause import Pauses, end_pauses, start_pause
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.vendor_usage import Tokens
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.result_files import result_folder


@pytest.fixture
def submitted(job: Job, now: datetime) -> Job:
    options = Options(profile="calls", model="fun-asr", parameters={})
    return jobs.submitted(jobs.with_options(job, options), "t-1", now + timedelta(seconds=1))


@pytest.fixture
def succeeded(submitted: Job, now: datetime) -> Job:
    return jobs.succeed(
        jobs.scheduled(submitted, now + timedelta(seconds=1.5)),
        result_folder("results", submitted.media.key, submitted.job_id),
        AudioFacts(duration_ms=3834, speech_ms=2480, channels=[0], format="pcm_s16le", sample_rate=16000),
        Usage(billed_seconds=4, estimated_cost_usd=0.00014, tokens=Tokens(input=42, output=12, total=54, audio=42)),
        [],
        now + timedelta(seconds=2),
        now + timedelta(seconds=3),
    )


def test_each_event_has_its_own_detail_type() -> None:
    assert {status.value: detail_type for status, detail_type in DETAIL_TYPES.items()} == {
        "SUBMITTED": "Transcription Submitted",
        "SUCCEEDED": "Transcription Succeeded",
        "FAILED": "Transcription Failed",
    }


def test_the_event_of_a_success_has_the_documented_shape(succeeded: Job, now: datetime) -> None:
    prefix = f"calls/a b+c%20'é中😀.wav/{'0' * 32}/"
    assert json.loads(detail_of(succeeded, now + timedelta(seconds=4)).model_dump_json()) == {
        "schema_version": "1.0",
        "job_id": "0" * 32,
        "status": "SUCCEEDED",
        "media": {
            "bucket": "media",
            "key": "calls/a b+c%20'é中😀.wav",
            "version_id": "v1",
            "etag": "e1",
            "size_bytes": 123,
        },
        "model": "fun-asr",
        "profile": "calls",
        "task_id": "t-1",
        "request_id": None,
        "request_ids": {"submission": None, "query": None, "error": None},
        "attempts": 1,
        "result": {
            "bucket": "results",
            "prefix": prefix,
            "files": {
                "result": f"{prefix}result.json",
                "transcript": f"{prefix}transcript.json",
                "text": f"{prefix}transcript.txt",
                "srt": f"{prefix}transcript.srt",
                "vtt": f"{prefix}transcript.vtt",
                "html": f"{prefix}transcript.html",
                "job": f"{prefix}job.json",
            },
        },
        "audio": {
            "duration_ms": 3834,
            "speech_ms": 2480,
            "channels": [0],
            "format": "pcm_s16le",
            "sample_rate": 16000,
        },
        "usage": {
            "billed_seconds": 4,
            "estimated_cost_usd": 0.00014,
            "tokens": {"input": 42, "output": 12, "total": 54, "audio": 42},
        },
        "warnings": [],
        "warning_details": [],
        "timing": {
            "uploaded_at": "2026-01-01T12:00:00.123Z",
            "submitted_at": "2026-01-01T12:00:01.123Z",
            "scheduled_at": "2026-01-01T12:00:01.623Z",
            "completed_at": "2026-01-01T12:00:02.123Z",
            "published_at": "2026-01-01T12:00:04.123Z",
        },
        "error": None,
        "delay": None,
    }


def test_the_event_of_a_delay_has_its_reason_and_no_error(job: Job, now: datetime) -> None:
    paused = delays.after_change(jobs.pause(job, "Arrearage"), now)
    detail = delay_detail_of(paused, now + timedelta(minutes=15)).model_dump(mode="json")
    assert (detail["status"], detail["error"], detail["result"]) == ("RECEIVED", None, None)
    assert detail["delay"] == {
        "code": "Arrearage",
        "message": "Submissions are paused (Arrearage). The file is submitted when the cause is over.",
        "since": "2026-01-01T12:00:00.123Z",
    }


def test_a_job_that_makes_progress_has_no_delay(job: Job, now: datetime) -> None:
    with pytest.raises(ValueError, match="not stalled"):
        delay_detail_of(job, now)


def test_the_event_of_a_failure_has_a_reason_and_no_result(submitted: Job, now: datetime) -> None:
    failed = jobs.fail(submitted, Failure(code="FILE_TOO_LARGE", message="too large", category="permanent"), now)
    detail = detail_of(failed, now).model_dump(mode="json")
    assert (detail["status"], detail["result"], detail["audio"], detail["usage"]) == ("FAILED", None, None, None)
    assert detail["error"] == {"code": "FILE_TOO_LARGE", "message": "too large", "category": "permanent"}


def test_a_failure_before_the_options_were_read_has_no_model_and_no_task(job: Job, now: datetime) -> None:
    failed = jobs.fail(job, Failure(code="INVALID_OPTIONS", message="bad", category="permanent"), now)
    detail = detail_of(failed, now)
    assert (detail.model, detail.profile, detail.task_id, detail.attempts) == (None, "default", None, 0)
    assert (detail.timing.submitted_at, detail.timing.completed_at) == (None, None)


def test_the_event_of_a_submission_has_no_outcome(submitted: Job, now: datetime) -> None:
    detail = detail_of(submitted, now)
    assert (detail.status, detail.task_id, detail.attempts) == (Status.SUBMITTED, "t-1", 1)
    assert (detail.result, detail.error, detail.timing.completed_at) == (None, None, None)


def test_silent_audio_has_the_vendors_code_as_a_warning(succeeded: Job, now: datetime) -> None:
    silent = succeeded.model_copy(update={"warnings": ["SUCCESS_WITH_NO_VALID_FRAGMENT"]})
    assert detail_of(silent, now).warnings == ["SUCCESS_WITH_NO_VALID_FRAGMENT"]


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.SUBMITTING])
def test_a_waiting_job_has_no_event(job: Job, now: datetime, status: Status) -> None:
    with pytest.raises(ValueError, match=status.value):
        detail_of(job.model_copy(update={"status": status}), now)


def test_an_event_is_read_back_unchanged(succeeded: Job, now: datetime) -> None:
    detail = detail_of(succeeded, now)
    assert Detail.model_validate_json(detail.model_dump_json()) == detail


@pytest.mark.parametrize(("model", "scope"), [(None, "account"), ("fun-asr", "model")])
def test_the_events_of_a_pause_say_what_is_paused_why_and_until_when(
    now: datetime, model: str | None, scope: str
) -> None:
    pauses = start_pause(Pauses(), "Arrearage", "Pay the bill.", now, model=model)
    started, ended = end_pauses(pauses, [model], now + timedelta(minutes=5)).announcements
    detail = {
        "schema_version": "1.0",
        "scope": scope,
        "model": model,
        "reason": "Arrearage",
        "message": "Pay the bill.",
        "paused_at": "2026-01-01T12:00:00.123Z",
        "resumed_at": None,
    }
    assert json.loads(pause_detail(started).model_dump_json()) == detail
    assert json.loads(pause_detail(ended).model_dump_json()) == detail | {"resumed_at": "2026-01-01T12:05:00.123Z"}
    assert (pause_detail_type(started), pause_detail_type(ended)) == ("Submissions Paused", "Submissions Resumed")
