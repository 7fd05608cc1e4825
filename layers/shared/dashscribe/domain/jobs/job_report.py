"""`job.json`: the options of a job, its times, its attempts and its cost."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job, Status, Usage, WarningDetail
from dashscribe.domain.jobs.request_ids import RequestIds
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.timestamps import Timestamp
from dashscribe.domain.transcripts.audio_facts import AudioFacts

SCHEMA_VERSION = "1.0"


class JobTiming(BaseModel):
    """When each step of the job happened, in UTC.

    The time of publication is only in the event, because this file is stored before it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    uploaded_at: Timestamp
    received_at: Timestamp
    submitted_at: Timestamp | None
    scheduled_at: Timestamp | None = None
    completed_at: Timestamp | None


class Rendering(BaseModel):
    """One later rendering of the files from `result.json`. Nothing is billed for it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    rendered_at: Timestamp
    outputs: tuple[str, ...]
    version: str = Field(description="the version of dashscribe")
    subtitle_warnings: dict[str, int]


class JobReport(BaseModel):
    """The content of `job.json`, which a failed job has too. `options` are the effective ones; null if they could not
    be read."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    schema_version: str = SCHEMA_VERSION
    job_id: str
    status: Status
    media: Media
    options: Options | None
    task_id: str | None
    request_id: str | None = Field(description="the vendor's id of the last request about this file")
    request_ids: RequestIds
    vocabulary_id: str | None = Field(description="the hotword list that was created for the profile's `vocabulary`")
    attempts: int
    audio: AudioFacts | None
    usage: Usage | None
    warnings: list[str]
    warning_details: list[WarningDetail]
    subtitle_warnings: dict[str, int] = Field(
        default_factory=dict,
        description="how many cues exceed a limit, by the name of the limit (docs/subtitles.md#how-cues-are-made)",
    )
    error: Failure | None
    timing: JobTiming
    renderings: list[Rendering] = Field(
        default_factory=list, description="later renderings by `dashscribe render`, the last one at the end"
    )


def job_report(job: Job, subtitle_warnings: Mapping[str, int] | None = None) -> JobReport:
    """The report of a job as its record is now."""
    return JobReport(
        job_id=job.job_id,
        status=job.status,
        media=job.media,
        options=job.options,
        task_id=job.task_id,
        request_id=job.request_ids.latest,
        request_ids=job.request_ids,
        vocabulary_id=job.vocabulary_id,
        attempts=job.attempts,
        audio=job.audio,
        usage=job.usage,
        warnings=job.warnings,
        warning_details=job.warning_details,
        subtitle_warnings=dict(subtitle_warnings or {}),
        error=job.failure,
        timing=JobTiming(
            uploaded_at=job.uploaded_at,
            received_at=job.received_at,
            submitted_at=job.submitted_at,
            scheduled_at=job.scheduled_at,
            completed_at=job.completed_at,
        ),
    )
