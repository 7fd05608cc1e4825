"""The media bucket and the results bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.output_files import OutputFile


class MediaStore(Protocol):
    """The media bucket. `head` and `read` raise `MediaUnusable` for an object that is gone, forbidden or archived."""

    def head(self, media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        """The object's user metadata. With `archived_too`, an archived object is no error."""
        ...

    def presign(self, media: Media) -> str: ...

    def read(self, media: Media) -> bytes:
        """The whole object."""
        ...


class TextSource(Protocol):
    """Text objects that options name as context or prompt."""

    def read_text(self, bucket: str, key: str) -> str:
        """The object's text. Raises `TextUnusable` for an object that is absent, too long, or no text."""
        ...


class ResultStore(Protocol):
    """The results bucket. An existing key is never overwritten."""

    def store(self, files: Iterable[OutputFile]) -> None: ...

    def find_json(self, key: str) -> JsonObject | None:
        """A JSON file that was stored before, or None."""
        ...


@dataclass(frozen=True)
class Upload:
    """The present state of an object. `archived`: it must be restored before it can be read."""

    media: Media
    uploaded_at: datetime
    archived: bool


class UploadFinder(Protocol):
    """The objects of the media bucket as they are now."""

    def find_upload(self, bucket: str, key: str) -> Upload | None: ...


@dataclass(frozen=True)
class StoredTranscript:
    """What `job.json` says of a transcript. `options` is None if this version does not understand them."""

    job_id: str
    options: Options | None


class TranscriptFinder(Protocol):
    """The transcripts in the results bucket."""

    def find_transcripts(self, media: Media) -> Iterable[StoredTranscript]:
        """The transcripts of the same bytes (ETag and size) under the same key."""
        ...
