from __future__ import annotations

import json
from datetime import datetime, timedelta

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import request_ids
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job, Usage, WarningDetail
from dashscribe.domain.jobs.job_report import JobReport, job_report
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.result_files import result_folder


def test_the_report_has_the_options_times_attempts_and_cost(job: Job, now: datetime) -> None:
    options = Options(profile="calls", model="fun-asr", parameters={"channel_id": [0]}, outputs=("txt", "vtt"))
    sent = jobs.submitted(jobs.with_options(job, options), "t-1", now + timedelta(seconds=1))
    done = jobs.succeed(
        jobs.submitted(jobs.retry(sent, "FILE_403_FORBIDDEN", now), "t-2", now + timedelta(seconds=2)),
        result_folder("results", job.media.key, job.job_id),
        AudioFacts(duration_ms=None, speech_ms=0, channels=[]),
        Usage(billed_seconds=0, estimated_cost_usd=0.0),
        ["ASR_RESPONSE_HAVE_NO_WORDS"],
        now + timedelta(seconds=3),
        now + timedelta(seconds=4),
    )
    assert json.loads(job_report(done, {"reading_speed": 2}).model_dump_json()) == {
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
        "options": {
            "profile": "calls",
            "model": "fun-asr",
            "family": "",
            "parameters": {"channel_id": [0]},
            "endpoint": None,
            "stream": False,
            "fallback": None,
            "warnings": [],
            "warning_messages": [],
            "outputs": ["txt", "vtt"],
            "subtitles": None,
            "send": "url",
        },
        "task_id": "t-2",
        "vocabulary_id": None,
        "request_id": None,
        "request_ids": {"submission": None, "query": None, "error": None},
        "attempts": 2,
        "audio": {"duration_ms": None, "speech_ms": 0, "channels": [], "format": None, "sample_rate": None},
        "usage": {"billed_seconds": 0, "estimated_cost_usd": 0.0, "tokens": None},
        "warnings": ["ASR_RESPONSE_HAVE_NO_WORDS"],
        "subtitle_warnings": {"reading_speed": 2},
        "error": None,
        "warning_details": [],
        "timing": {
            "uploaded_at": "2026-01-01T12:00:00.123Z",
            "received_at": "2026-01-01T12:00:00.123Z",
            "submitted_at": "2026-01-01T12:00:02.123Z",
            "scheduled_at": None,
            "completed_at": "2026-01-01T12:00:03.123Z",
        },
        "renderings": [],
    }


def test_the_report_of_a_failure_has_its_reason_its_requests_and_when_the_vendor_began(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s-1", now, vocabulary_id="vocab-1")
    sent = jobs.scheduled(jobs.submitted(claimed, "t-1", now, "r-1"), now + timedelta(seconds=1))
    refused = request_ids.refused_by(request_ids.ended_by(sent, "r-2"), "r-3")
    failed = jobs.fail(refused, Failure(code="FILE_TOO_LARGE", message="too large", category="permanent"), now)
    report = json.loads(job_report(failed).model_dump_json())
    assert (report["status"], report["vocabulary_id"]) == ("FAILED", "vocab-1")
    assert report["error"] == {"code": "FILE_TOO_LARGE", "message": "too large", "category": "permanent"}
    assert (report["request_id"], report["request_ids"]) == (
        "r-3",
        {"submission": "r-1", "query": "r-2", "error": "r-3"},
    )
    assert report["timing"]["scheduled_at"] == "2026-01-01T12:00:01.123Z"


def test_the_report_says_which_values_were_not_understood(job: Job) -> None:
    odd = WarningDetail(code="RESULT_PARTLY_UNDERSTOOD", pointers=["/transcripts/0/text"])
    report = json.loads(job_report(job.model_copy(update={"warning_details": [odd]})).model_dump_json())
    assert report["warning_details"] == [{"code": "RESULT_PARTLY_UNDERSTOOD", "pointers": ["/transcripts/0/text"]}]


def test_the_report_has_the_whole_media_key_when_the_result_keys_are_cut(job: Job) -> None:
    long = job.media.model_copy(update={"key": "中" * 341})
    assert job_report(job.model_copy(update={"media": long})).media.key == "中" * 341


def test_a_stored_report_is_read_back_unchanged(job: Job) -> None:
    report = job_report(job)
    assert JobReport.model_validate_json(report.model_dump_json()) == report
