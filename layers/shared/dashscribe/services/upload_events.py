"""S3's events about uploads, as the submit queue delivers them, and how a message of that queue is parsed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dashscribe.domain.recognition.media import Media, job_id_of
from dashscribe.domain.recognition.tolerant import replace_surrogates
from dashscribe.domain.timestamps import Timestamp
from dashscribe.errors import MalformedMessage
from dashscribe.services.messages import RequeuedJob, parse_object


def _encodable(text: str) -> str:
    if text != replace_surrogates(text):
        raise ValueError("contains half a character, which UTF-8 cannot encode")
    return text


def _version_or_none(version_id: str | None) -> str | None:
    """S3 names the version that was written without versioning "null". A later upload overwrites it."""
    return version_id if version_id and version_id != "null" else None


_Encodable = Annotated[str, AfterValidator(_encodable)]


class _S3Part(BaseModel):
    model_config = ConfigDict(defer_build=True)


class _S3Object(_S3Part):
    key: _Encodable
    size: int = Field(default=0, ge=0, le=10**15)
    etag: _Encodable | None = None
    version_id: Annotated[_Encodable | None, AfterValidator(_version_or_none)] = Field(default=None, alias="version-id")
    sequencer: _Encodable | None = None


class _S3Bucket(_S3Part):
    name: _Encodable


class _S3Detail(_S3Part):
    bucket: _S3Bucket
    object: _S3Object
    reason: str | None = None
    restore_expiry_time: str | None = Field(default=None, alias="restore-expiry-time")


RESTORED = "Object Restore Completed"


class ObjectCreated(BaseModel):
    """The S3 event "Object Created" as EventBridge delivers it. Its key is raw, not URL-encoded."""

    model_config = ConfigDict(populate_by_name=True, defer_build=True)

    time: Timestamp
    detail_type: str = Field(alias="detail-type")
    source: str
    detail: _S3Detail

    @property
    def media(self) -> Media:
        found = self.detail.object
        return Media(
            bucket=self.detail.bucket.name,
            key=found.key,
            version_id=found.version_id,
            etag=(found.etag or "").strip('"') or None,
            size_bytes=found.size,
        )

    @property
    def job_id(self) -> str:
        """Raises `MalformedMessage` when nothing distinguishes this upload from the next one under the same key."""
        version = self.detail.object.version_id or self.detail.object.sequencer
        if not version:
            raise MalformedMessage("The S3 event has neither a version-id nor a sequencer.")
        return job_id_of(self.detail.bucket.name, self.detail.object.key, version)

    @property
    def is_copy(self) -> bool:
        """Whether CopyObject wrote the object. It changes the metadata, the storage class or the key of an object in
        place, but also copies another object."""
        return self.detail.reason == "CopyObject"


class ObjectRestored(ObjectCreated):
    """The S3 event "Object Restore Completed": an archived object can be read for a while."""

    @property
    def archived_job_id(self) -> str | None:
        """The job of the upload, which failed because the object was archived. Unknown without a version id."""
        found = self.detail.object
        return job_id_of(self.detail.bucket.name, found.key, found.version_id) if found.version_id else None

    @property
    def job_id(self) -> str:
        """A new job for each restore. Its identity is the end of the restored copy."""
        found = self.detail.object
        restore = f"restored-{found.version_id or found.etag}-{self.detail.restore_expiry_time}"
        return job_id_of(self.detail.bucket.name, found.key, restore)


BACKFILL = "Backfill"
"""`detail.reason` of a message that a backfill sent. S3 sends PutObject, CopyObject and so on."""


def backfill_event(media: Media, uploaded_at: datetime) -> ObjectCreated:
    """The event that S3 would have sent for this upload, so that the same upload has the same job.

    Without a version id the sequencer of the real event is unknown. The one made here is the same every time.
    """
    identity = (
        {"version-id": media.version_id}
        if media.version_id
        else {"sequencer": f"backfill-{media.etag}-{int(uploaded_at.timestamp())}"}
    )
    return ObjectCreated.model_validate(
        {
            "time": uploaded_at,
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {
                "reason": BACKFILL,
                "bucket": {"name": media.bucket},
                "object": {"key": media.key, "size": media.size_bytes, "etag": media.etag, **identity},
            },
        }
    )


def parse_message(body: str) -> ObjectCreated | RequeuedJob:
    """Read a queue message. Raises `MalformedMessage` with a sentence that says what is wrong."""
    document = parse_object(body)
    try:
        if "job_id" in document:
            return RequeuedJob.model_validate(document)
        is_restored = document.get("detail-type") == RESTORED
        event = (ObjectRestored if is_restored else ObjectCreated).model_validate(document)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False))
        raise MalformedMessage(f'The message is no S3 event "Object Created": wrong or missing {places}.') from error
    if event.source != "aws.s3" or event.detail_type not in ("Object Created", RESTORED):
        raise MalformedMessage(f"The message is a {event.detail_type!r} of {event.source!r}, no S3 upload.")
    _ = event.job_id
    return event
