"""The events that the stack publishes about a job. docs/architecture.md#fixed-interfaces fixes their shape."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.jobs.delay import Delay, delay_of
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job, Status, Usage, WarningDetail
from dashscribe.domain.jobs.pause import Announcement
from dashscribe.domain.jobs.request_ids import RequestIds
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import DEFAULT_PROFILE
from dashscribe.domain.timestamps import Timestamp
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.result_files import ResultLocation, result_location

SOURCE = "dashscribe"
SCHEMA_VERSION = "1.0"
DETAIL_TYPES = {
    Status.SUBMITTED: "Transcription Submitted",
    Status.SUCCEEDED: "Transcription Succeeded",
    Status.FAILED: "Transcription Failed",
}
DELAYED = "Transcription Delayed"
"""The detail-type of the event about a job that makes no progress. Its status may be any that is not terminal."""


PAUSED, RESUMED = "Submissions Paused", "Submissions Resumed"


class Timing(BaseModel):
    """When each step of a job happened, in UTC. The vendor began the task at `scheduled_at` and ended it at
    `completed_at`."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    uploaded_at: Timestamp
    submitted_at: Timestamp | None
    scheduled_at: Timestamp | None = None
    completed_at: Timestamp | None
    published_at: Timestamp


class Detail(BaseModel):
    """The `detail` of every event. Delivery is at least once; `job_id` and the detail-type identify a repeat."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    schema_version: str = SCHEMA_VERSION
    job_id: str
    status: Literal[Status.RECEIVED, Status.SUBMITTING, Status.SUBMITTED, Status.SUCCEEDED, Status.FAILED]
    media: Media
    model: str | None = Field(description="null if the options could not be read")
    profile: str
    task_id: str | None
    request_id: str | None = Field(description="the vendor's id of the last request about this file")
    request_ids: RequestIds
    attempts: int = Field(description="number of submissions of the file")
    result: ResultLocation | None
    audio: AudioFacts | None
    usage: Usage | None
    warnings: list[str]
    warning_details: list[WarningDetail] = Field(description="JSON pointers into result.json, for some warnings")
    timing: Timing
    error: Failure | None
    delay: Delay | None = Field(default=None, description="only in `Transcription Delayed`: why and since when")


def detail_of(job: Job, published_at: datetime) -> Detail:
    """The detail of the event about the job's current status. Raises `ValueError` for a status that has no event."""
    if job.status not in DETAIL_TYPES:
        raise ValueError(f"There is no event for the status {job.status}.")
    return _detail(job, published_at)


def delay_detail_of(job: Job, published_at: datetime) -> Detail:
    """The detail of `Transcription Delayed`. Raises `ValueError` for a job that is not stalled."""
    return _detail(job, published_at).model_copy(update={"delay": delay_of(job)})


def _detail(job: Job, published_at: datetime) -> Detail:
    return Detail.model_validate(
        {
            "job_id": job.job_id,
            "status": job.status,
            "media": job.media.model_dump(),
            "model": job.options.model if job.options else None,
            "profile": job.options.profile if job.options else DEFAULT_PROFILE,
            "task_id": job.task_id,
            "request_id": job.request_ids.latest,
            "request_ids": job.request_ids.model_dump(),
            "attempts": job.attempts,
            "result": result_location(job.result).model_dump() if job.result else None,
            "audio": job.audio.model_dump() if job.audio else None,
            "usage": job.usage.model_dump() if job.usage else None,
            "warnings": job.warnings,
            "warning_details": [detail.model_dump() for detail in job.warning_details],
            "timing": {
                "uploaded_at": job.uploaded_at,
                "submitted_at": job.submitted_at,
                "scheduled_at": job.scheduled_at,
                "completed_at": job.completed_at,
                "published_at": published_at,
            },
            "error": job.failure.model_dump() if job.failure else None,
        }
    )


class PauseDetail(BaseModel):
    """The `detail` of the events about a pause. Delivery is at least once; `scope`, `model` and `paused_at` identify a
    pause."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), defer_build=True)

    schema_version: str = SCHEMA_VERSION
    scope: Literal["account", "model"] = Field(description="what is paused: every submission, or those of one model")
    model: str | None = Field(description="the paused model; null if the account is paused")
    reason: str = Field(description="the error code of the cause")
    message: str
    paused_at: Timestamp
    resumed_at: Timestamp | None = Field(description="null while submissions are paused")


def pause_detail(announcement: Announcement) -> PauseDetail:
    """The detail of the event about the start or the end of a pause."""
    pause = announcement.pause
    return PauseDetail(
        scope="account" if pause.model is None else "model",
        model=pause.model,
        reason=pause.reason,
        message=pause.message,
        paused_at=pause.paused_at,
        resumed_at=announcement.resumed_at,
    )


def pause_detail_type(announcement: Announcement) -> str:
    return PAUSED if announcement.resumed_at is None else RESUMED
