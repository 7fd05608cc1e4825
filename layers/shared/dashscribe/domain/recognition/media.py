"""One uploaded object version: its identity, and whether DashScope can transcribe it."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.transcripts.result_files import RESULT_FILE_NAMES

MAX_SIZE_BYTES = 2 * 1024**3
"""Every asynchronous model accepts up to 2 GB per file (docs/vendor-api.md#file-limits)."""

SUPPORTED_EXTENSIONS = (
    "aac", "amr", "avi", "flac", "flv", "m4a", "mkv", "mov", "mp3", "mp4", "mpeg", "ogg", "opus", "wav", "webm", "wma",
    "wmv",
)  # fmt: skip
"""The 17 formats that Fun-ASR, Fun-ASR-Flash and Paraformer accept (docs/vendor-api.md#file-formats)."""

FORMAT_OF_EXTENSION = MappingProxyType({
    "3ga": "mp4", "3gp": "mp4", "3gpp": "mp4", "adts": "aac", "aif": "aiff", "aifc": "aiff", "asf": "wma", "f4v": "mp4",
    "m4b": "m4a", "m4r": "m4a", "m4v": "mp4", "mka": "mkv", "mp4v": "mp4", "mpe": "mpeg", "mpg": "mpeg", "mpga": "mp3",
    "oga": "ogg", "ogm": "ogg", "ogv": "ogg", "qt": "mov", "wave": "wav", "weba": "webm",
})  # fmt: skip
"""Other extensions of the same formats, and the name of the format in a request."""

OTHER_EXTENSIONS = (
    "3g2", "ac3", "aiff", "ape", "au", "awb", "caf", "divx", "ds2", "dss", "dts", "dv", "eac3", "gsm", "m1v", "m2t",
    "m2ts", "m2v", "mp1", "mp2", "mpa", "mpv", "mts", "mxf", "pcm", "ra", "rm", "rmvb", "snd", "speex", "spx", "ts",
    "tta", "vob", "voc", "w64", "wv",
)  # fmt: skip
"""Other audio and video formats. They are submitted, because the vendor decides what it can decode."""

AUDIO_TOO_LONG = "AUDIO_DURATION_TOO_LONG"
"""The vendor's code for a recording that is too long (docs/vendor-api.md#file-error-codes)."""

_KNOWN_EXTENSIONS = frozenset({*SUPPORTED_EXTENSIONS, *FORMAT_OF_EXTENSION, *OTHER_EXTENSIONS})

_SIZE_BOUNDS = tuple(megabytes * 1024**2 for megabytes in (8, 64, 512))

_OUR_OWN_OUTPUT = re.compile(r"(?:^|/)[0-9a-f]{32}/(?:" + "|".join(map(re.escape, RESULT_FILE_NAMES)) + r")$")


_TEXT_OBJECT = re.compile(r"(?:^|/)prompts/[^/]+\.(?:txt|md)$")
"""Objects that hold a context or a prompt."""


class Media(BaseModel):
    """One uploaded object version, as events and `job.json` name it.

    `key` is the raw S3 key, never URL-encoded. `version_id` is null in an unversioned bucket.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    size_bytes: int

    @property
    def s3_uri(self) -> str:
        """The address that replaces every presigned URL in what we store."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def extension(self) -> str:
        """The key's last extension in lower case without its dot; empty if it has none."""
        return PurePosixPath(self.key).suffix.lower().removeprefix(".")

    @property
    def format(self) -> str:
        """The format that the extension means, as requests name it."""
        return FORMAT_OF_EXTENSION.get(self.extension, self.extension)


def size_class(media: Media) -> int:
    """0 below 8 MB, 1 below 64 MB, 2 below 512 MB, 3 above.

    A task ends when its last file ends, so the files of one task are of one class.
    """
    return sum(media.size_bytes >= bound for bound in _SIZE_BOUNDS)


def job_id_of(bucket: str, key: str, version: str) -> str:
    """The job id of an object version. A repeated event has the same id; a new upload has another.

    `version` is the version id, or the event's `sequencer` in an unversioned bucket.
    """
    return hashlib.sha256("\0".join((bucket, key, version)).encode()).hexdigest()[:32]


def is_ignored(media: Media, results_bucket: str) -> bool:
    """Whether the object is a folder marker, one of our own outputs, or a text in a folder `prompts/`.

    Such an object gets no job and no event.
    """
    folder_marker = media.size_bytes == 0 and media.key.endswith(("/", "_$folder$"))
    other_file = _OUR_OWN_OUTPUT.search(media.key) or _TEXT_OBJECT.search(media.key)
    return folder_marker or media.bucket == results_bucket or other_file is not None


def has_known_extension(media: Media) -> bool:
    """Whether the key's extension is that of a recording."""
    return media.extension in _KNOWN_EXTENSIONS


def key_refusal(media: Media) -> tuple[str, str] | None:
    """Why the vendor cannot download this object, as (code, sentence). It can still be sent in a request."""
    if {".", ".."}.isdisjoint(media.key.split("/")):
        return None
    return (
        "UNSUPPORTED_KEY",
        f"The key {media.key!r} has a part that is '.' or '..'. HTTP clients remove such parts, so DashScope would "
        "request another object. Upload the file again under a key without them, or use a synchronous model, which "
        "gets the audio in the request.",
    )


def data_url_length(size_bytes: int) -> int:
    """The length of a data URL of this many bytes: four characters of base64 for three bytes, and what is before."""
    return -(-size_bytes // 3) * 4 + len("data:application/octet-stream;base64,")


def too_large_for(media: Media, spec: ModelSpec, *, is_inline: bool = False) -> tuple[str, str] | None:
    """Why the object is too large for the chosen model, as (code, sentence); None if it is not."""
    limit = spec.max_size_bytes
    if is_inline and limit is not None and data_url_length(media.size_bytes) > limit:
        return (
            "FILE_TOO_LARGE",
            f"The object has {media.size_bytes:,} bytes, which are {data_url_length(media.size_bytes):,} characters in "
            f"base64; {spec.name} accepts at most {limit:,} in a request (option 'send'). Choose an asynchronous model "
            "for it, or name one as the profile's fallback_model, and upload it again.",
        )
    if limit is None or media.size_bytes <= limit:
        return None
    return (
        "FILE_TOO_LARGE",
        f"The object has {media.size_bytes:,} bytes; {spec.name} accepts at most {limit:,}. Choose an "
        "asynchronous model for it, or name one as the profile's fallback_model, and upload it again.",
    )


def too_long_for(duration_seconds: float | None, spec: ModelSpec) -> tuple[str, str] | None:
    """Why the recording is too long for the chosen model, as (code, sentence). None if it is not, or if unknown."""
    longest = spec.max_duration_seconds
    if duration_seconds is None or longest is None or duration_seconds <= longest:
        return None
    return (
        AUDIO_TOO_LONG,
        f"The recording lasts {duration_seconds:,.0f} seconds; {spec.name} accepts at most "
        f"{longest:,}. Choose an asynchronous model for it, or name one as the profile's "
        "fallback_model, and upload it again.",
    )


def refusal(media: Media) -> tuple[str, str] | None:
    """Why no model can transcribe this object, as (code, sentence); None if the vendor may accept it."""
    if not has_known_extension(media):
        if (refused := key_refusal(media)) is not None:
            return refused
        given = f"the extension {media.extension!r}" if media.extension else "no extension"
        return (
            "UNSUPPORTED_FORMAT",
            f"The object has {given}; DashScope transcribes {', '.join(SUPPORTED_EXTENSIONS)}. "
            "Convert it, or give it the extension of its real format, and upload it again.",
        )
    if media.size_bytes == 0:
        return "EMPTY_FILE", "The object has 0 bytes; there is nothing to transcribe. Upload the whole file again."
    if media.size_bytes > MAX_SIZE_BYTES:
        return (
            "FILE_TOO_LARGE",
            f"The object has {media.size_bytes:,} bytes; DashScope accepts at most {MAX_SIZE_BYTES:,} (2 GB). "
            "Split it or re-encode it (speech needs no more than 64 kbit/s) and upload it again.",
        )
    return None
