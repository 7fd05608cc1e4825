"""An uploaded object version: who it is, whether it is worth a vendor call."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.transcripts.result_files import RESULT_FILE_NAMES

MAX_SIZE_BYTES = 2 * 1024**3
"""2 GB a file for every asynchronous model (docs/vendor-api.md#file-limits)."""

SUPPORTED_EXTENSIONS = (
    "aac", "amr", "avi", "flac", "flv", "m4a", "mkv", "mov", "mp3", "mp4", "mpeg", "ogg", "opus", "wav", "webm", "wma",
    "wmv",
)  # fmt: skip
"""The 17 formats of the asynchronous models (docs/vendor-api.md#file-formats)."""

AUDIO_TOO_LONG = "AUDIO_DURATION_TOO_LONG"
"""The vendor's word for it (docs/vendor-api.md#file-error-codes)."""

_SIZE_BOUNDS = tuple(megabytes * 1024**2 for megabytes in (8, 64, 512))

_OUR_OWN_OUTPUT = re.compile(r"(?:^|/)[0-9a-f]{32}/(?:" + "|".join(map(re.escape, RESULT_FILE_NAMES)) + r")$")


class Media(BaseModel):
    """One uploaded object version, as the events out of the system name it.

    `key` is the raw S3 key, never URL-encoded. `version_id` is None in an unversioned bucket.
    """

    model_config = ConfigDict(frozen=True)

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    size_bytes: int

    @property
    def s3_uri(self) -> str:
        """The address that takes the place of every presigned URL in what we keep."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def extension(self) -> str:
        return PurePosixPath(self.key).suffix.lower().removeprefix(".")


def size_class(media: Media) -> int:
    """Files of one task come back together, so those of one task are alike: below 8 MB, 64 MB, 512 MB, and above."""
    return sum(media.size_bytes >= bound for bound in _SIZE_BOUNDS)


def job_id_of(bucket: str, key: str, version: str) -> str:
    """The job of an object version: the same for every repeat of its event, another for every new upload.

    `version` is the version id, or the event's `sequencer` where the bucket has no versions.
    """
    return hashlib.sha256("\0".join((bucket, key, version)).encode()).hexdigest()[:32]


def is_ignored(media: Media, results_bucket: str) -> bool:
    """Folder markers and our own outputs: not recordings, so no job, no event, no noise."""
    folder_marker = media.size_bytes == 0 and media.key.endswith(("/", "_$folder$"))
    return folder_marker or media.bucket == results_bucket or _OUR_OWN_OUTPUT.search(media.key) is not None


def too_large_for(media: Media, spec: ModelSpec) -> tuple[str, str] | None:
    """The same for the model that was chosen."""
    if media.size_bytes <= spec.max_size_bytes:
        return None
    return (
        "FILE_TOO_LARGE",
        f"The object has {media.size_bytes:,} bytes; {spec.name} takes at most {spec.max_size_bytes:,}. Choose an "
        "asynchronous model for it, or name one as the profile's fallback_model, and upload it again.",
    )


def too_long_for(duration_seconds: float | None, spec: ModelSpec) -> tuple[str, str] | None:
    """The same for the length of its audio, as far as that is known."""
    if duration_seconds is None or duration_seconds <= spec.max_duration_seconds:
        return None
    return (
        AUDIO_TOO_LONG,
        f"The recording lasts {duration_seconds:,.0f} seconds; {spec.name} takes at most {spec.max_duration_seconds:,}."
        " Choose an asynchronous model for it, or name one as the profile's fallback_model, and upload it again.",
    )


def refusal(media: Media) -> tuple[str, str] | None:
    """Why this object cannot be transcribed, as (code, sentence); None when it can be tried."""
    if media.extension not in SUPPORTED_EXTENSIONS:
        given = f"the extension {media.extension!r}" if media.extension else "no extension"
        return (
            "UNSUPPORTED_FORMAT",
            f"The object has {given}; DashScope transcribes {', '.join(SUPPORTED_EXTENSIONS)}. "
            "Convert it, or name it by its real format, and upload it again.",
        )
    if media.size_bytes == 0:
        return "EMPTY_FILE", "The object has 0 bytes; there is nothing to transcribe. Upload it again, completely."
    if media.size_bytes > MAX_SIZE_BYTES:
        return (
            "FILE_TOO_LARGE",
            f"The object has {media.size_bytes:,} bytes; DashScope takes at most {MAX_SIZE_BYTES:,} (2 GB). "
            "Split it or re-encode it (speech needs no more than 64 kbit/s) and upload it again.",
        )
    return None
