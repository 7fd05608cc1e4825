"""`job.json`: the options of a job, its times, its attempts and its cost."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.jobs.job import Job, Usage, WarningDetail
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.timestamps import Timestamp
from dashscribe.domain.transcripts.transcript import AudioFacts

SCHEMA_VERSION = "1.0"


class JobTiming(BaseModel):
    """When each step of the job happened, in UTC.

    The time of publication is only in the event, because this file is stored before it.
    """

    model_config = ConfigDict(frozen=True)

    uploaded_at: Timestamp
    received_at: Timestamp
    submitted_at: Timestamp | None
    completed_at: Timestamp | None


class JobReport(BaseModel):
    """The content of `job.json`. `options` are the effective ones; null if they could not be read."""

    model_config = ConfigDict(frozen=True)

    schema_version: str = SCHEMA_VERSION
    job_id: str
    media: Media
    options: Options | None
    task_id: str | None
    attempts: int
    audio: AudioFacts | None
    usage: Usage | None
    warnings: list[str]
    warning_details: list[WarningDetail]
    timing: JobTiming


def job_report(job: Job) -> JobReport:
    """The report of a job as its record is now."""
    return JobReport(
        job_id=job.job_id,
        media=job.media,
        options=job.options,
        task_id=job.task_id,
        attempts=job.attempts,
        audio=job.audio,
        usage=job.usage,
        warnings=job.warnings,
        warning_details=job.warning_details,
        timing=JobTiming(
            uploaded_at=job.uploaded_at,
            received_at=job.received_at,
            submitted_at=job.submitted_at,
            completed_at=job.completed_at,
        ),
    )
