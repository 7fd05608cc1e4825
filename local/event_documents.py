"""The schemas and the samples of the events, made from the code that publishes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dashscribe.domain.jobs import delay as delays
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.events import (
    DELAYED,
    DETAIL_TYPES,
    PAUSED,
    SOURCE,
    Detail,
    PauseDetail,
    delay_detail_of,
    detail_of,
    pause_detail,
    pause_detail_type,
)
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job, Status, Usage
from dashscribe.domain.jobs.pause import Announcement, Pauses, end_pauses, start_pause
from dashscribe.domain.recognition.media import Media, job_id_of, refusal
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS
from dashscribe.domain.transcripts.result_files import result_folder

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REQUEST_ID = "92e3decd-0c69-47a8-xxxx-xxxxxxxxxxxx"
JOB_EVENTS: dict[str, Status] = {detail_type: status for status, detail_type in DETAIL_TYPES.items()} | {
    DELAYED: Status.RECEIVED
}
"""Every event about a job, by its detail-type, and the status of its sample."""
_UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)


def event_schema(status: Status, detail_type: str) -> dict[str, Any]:
    """Return the JSON Schema of an event: the EventBridge envelope with our detail. It allows new fields."""
    detail = Detail.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions = detail.pop("$defs")
    detail["properties"]["status"] = {"const": status.value}
    if detail_type == DELAYED:
        detail["properties"]["status"] = {"enum": [Status.RECEIVED, Status.SUBMITTING, Status.SUBMITTED]}
    present = {
        DELAYED: {"delay"},
        DETAIL_TYPES[Status.SUCCEEDED]: {"result", "audio", "usage"},
        DETAIL_TYPES[Status.FAILED]: {"error"},
    }.get(detail_type, set())
    for name in {"result", "audio", "usage", "error", "delay"} - present:
        detail["properties"][name] = {"type": "null"}
    for name in present:
        detail["properties"][name] = next(
            kind for kind in detail["properties"][name]["anyOf"] if kind.get("type") != "null"
        )
    detail["required"] = sorted(Detail.model_fields)
    return _event(detail_type, detail, definitions)


def pause_event_schema(detail_type: str) -> dict[str, Any]:
    """Return the JSON Schema of an event about a pause."""
    detail = PauseDetail.model_json_schema(mode="serialization")
    resumed = next(kind for kind in detail["properties"]["resumed_at"]["anyOf"] if kind.get("type") != "null")
    detail["properties"]["resumed_at"] = {"type": "null"} if detail_type == PAUSED else resumed
    detail["required"] = sorted(PauseDetail.model_fields)
    return _event(detail_type, detail, {})


def _event(detail_type: str, detail: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": DRAFT,
        "title": detail_type,
        "type": "object",
        "required": ["source", "detail-type", "detail", "id", "time"],
        "properties": {
            "source": {"const": SOURCE},
            "detail-type": {"const": detail_type},
            "id": {"type": "string", "description": "assigned by EventBridge; a repeated event has another id"},
            "time": {"type": "string", "format": "date-time"},
            "detail": detail,
        },
        **({"$defs": definitions} if definitions else {}),
    }


def sample_announcements() -> dict[str, Announcement]:
    """Return the start and the end of a pause of one model, by the type of their event."""
    message = "The free tier of the model has been exhausted."
    begun = start_pause(Pauses(), "AllocationQuota.FreeTierOnly", message, _UPLOADED, model="fun-asr")
    both = end_pauses(begun, ["fun-asr"], _UPLOADED + timedelta(hours=2)).announcements
    return {pause_detail_type(announcement): announcement for announcement in both}


def sample_job(status: Status) -> Job:
    """Return a job with that status, made by the same functions as a real one."""
    media = Media(
        bucket="media-bucket", key="calls/会议 Q1 + Q2.wav", version_id="v1", etag="b1946ac9", size_bytes=123456
    )
    now = _UPLOADED + timedelta(seconds=1)
    job = jobs.receive(job_id_of(media.bucket, media.key, "v1"), media, _UPLOADED, now)
    job = jobs.with_options(
        job, Options(profile="default", model="fun-asr", parameters={"channel_id": [0]}, outputs=DEFAULT_OUTPUTS)
    )
    if status is Status.RECEIVED:
        return delays.after_change(jobs.pause(job, "Arrearage"), now)
    if status is Status.FAILED:
        refused = media.model_copy(update={"key": "notes/minutes.docx"})
        code, message = refusal(refused) or ("", "")
        failed = jobs.receive(job_id_of(media.bucket, refused.key, "v1"), refused, _UPLOADED, now)
        return jobs.fail(failed, Failure(code=code, message=message, category="permanent"), now)
    job = jobs.submitted(jobs.claim(job, "0" * 32, now), "7bac899c-06ec-4a79-8875-xxxxxxxxxxxx", now, _REQUEST_ID)
    if status is Status.SUBMITTED:
        return job
    return jobs.succeed(
        jobs.scheduled(job, now + timedelta(seconds=1)),
        result_folder("results-bucket", media.key, job.job_id),
        AudioFacts(duration_ms=3834, speech_ms=2480, channels=[0], format="pcm_s16le", sample_rate=16000),
        Usage(billed_seconds=3, estimated_cost_usd=0.000105),
        [],
        now + timedelta(seconds=4),
        now + timedelta(seconds=5),
    )


def sample_event(status: Status, detail_type: str) -> dict[str, Any]:
    """Return an event as a subscriber receives it."""
    published = _UPLOADED + (timedelta(minutes=15, seconds=7) if detail_type == DELAYED else timedelta(seconds=7))
    detail = (delay_detail_of if detail_type == DELAYED else detail_of)(sample_job(status), published)
    return _envelope(detail_type, detail.model_dump(mode="json"), published)


def sample_pause_event(announcement: Announcement) -> dict[str, Any]:
    """Return an event about a pause as a subscriber receives it."""
    return _envelope(pause_detail_type(announcement), pause_detail(announcement).model_dump(mode="json"))


def _envelope(
    detail_type: str, detail: dict[str, Any], published: datetime = _UPLOADED + timedelta(seconds=7)
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": SOURCE,
        "account": "111122223333",
        "time": f"{published:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }
