from __future__ import annotations

import json
from datetime import datetime, timedelta

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Job, Usage
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


def test_the_report_has_the_whole_media_key_when_the_result_keys_are_cut(job: Job) -> None:
    long = job.media.model_copy(update={"key": "中" * 341})
    assert job_report(job.model_copy(update={"media": long})).media.key == "中" * 341


def test_a_stored_report_is_read_back_unchanged(job: Job) -> None:
    report = job_report(job)
    assert JobReport.model_validate_json(report.model_dump_json()) == report
