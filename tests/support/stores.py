"""The bus, the buckets and the queues in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from urllib.parse import quote

from dashscribe.domain.jobs.events import (
    DETAIL_TYPES,
    Detail,
    PauseDetail,
    delay_detail_of,
    detail_of,
    pause_detail,
    pause_detail_type,
)
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.pause import Announcement
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.domain.transcripts.result_files import results_of
from dashscribe.errors import (
    MediaGone,
    PublishFailed,
    TextUnusable,
)
from dashscribe.services.ports import StoredTranscript
from tests.support.constants import DELAYED, FAILED, SUCCEEDED
from tests.support.crashes import Crashes


@dataclass
class MediaFake:
    """`objects`: key → user metadata. `texts`: key → text of a context object. `signed`: how many URLs were signed.
    `signed_for`: URL → its upload."""

    crashes: Crashes
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    signed: int = 0
    signed_for: dict[str, Media] = field(default_factory=dict)

    def head(self, media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        if media.key not in self.objects:
            raise MediaGone(f"The object {media.s3_uri} no longer exists.")
        return self.crashes.read("head", self.objects[media.key])

    def read(self, media: Media) -> bytes:
        self.head(media)
        return media.key.encode()

    def read_text(self, bucket: str, key: str) -> str:
        if key not in self.texts:
            raise TextUnusable(f"The object s3://{bucket}/{key} does not exist.")
        return self.crashes.read("read text", self.texts[key])

    def presign(self, media: Media) -> str:
        self.signed += 1
        version = f"&versionId={media.version_id}" if media.version_id else ""
        url = f"https://{media.bucket}.s3.us-east-1.amazonaws.com/{quote(media.key)}?X-Amz-Signature=secret{self.signed}{version}"
        self.signed_for[url] = media
        return url


@dataclass
class Bus:
    """Every published event about a job, as (detail-type, detail), and about pauses.

    The next `failures` calls are refused. In the others, the next `refusals` events of a key are refused. The replies
    of the next `lost_replies` calls are lost, after their events are on the bus. `calls` has the keys of each call.
    """

    crashes: Crashes
    events: list[tuple[str, Detail]] = field(default_factory=list)
    pauses: list[tuple[str, PauseDetail]] = field(default_factory=list)
    failures: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    lost_replies: int = 0
    calls: list[list[str]] = field(default_factory=list)

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        self.calls.append([job.media.key for job in jobs])
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused", [job.job_id for job in jobs])
        refused = [job.job_id for job in jobs if self.refusals.get(job.media.key)]
        for job in jobs:
            self.refusals[job.media.key] = max(0, self.refusals.get(job.media.key, 0) - 1)
        accepted = [(DETAIL_TYPES[job.status], detail_of(job, now)) for job in jobs if job.job_id not in refused]
        self.crashes.around("publish", lambda: self.events.extend(accepted))
        if self.lost_replies:
            self.lost_replies -= 1
            raise PublishFailed("no reply", [job.job_id for job in jobs])
        if refused:
            raise PublishFailed("refused in part", refused)

    def publish_delay(self, job: Job, now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused", [job.job_id])
        event = (DELAYED, delay_detail_of(job, now))
        self.crashes.around("publish delay", lambda: self.events.append(event))

    def announce(self, announcements: Sequence[Announcement]) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused", [])
        accepted = [(pause_detail_type(each), pause_detail(each)) for each in announcements]
        self.crashes.around("announce", lambda: self.pauses.extend(accepted))

    def events_of(self, key: str) -> list[str]:
        """The detail-types of the key's events, in order."""
        return [kind for kind, detail in self.events if detail.media.key == key]

    def terminal_events_of(self, key: str) -> list[Detail]:
        return [detail for kind, detail in self.events if detail.media.key == key and kind in (SUCCEEDED, FAILED)]


@dataclass
class Results:
    """The results bucket. An existing key is never overwritten."""

    crashes: Crashes
    files: dict[str, bytes] = field(default_factory=dict)

    def store(self, files: Iterable[OutputFile]) -> None:
        for file in files:
            self.crashes.around("put result", partial(self.files.setdefault, file.key, bytes(file.body)))

    def find_json(self, key: str) -> JsonObject | None:
        return self.crashes.read("find result", json.loads(self.files[key]) if key in self.files else None)

    def find_transcripts(self, media: Media) -> list[StoredTranscript]:
        reports = [
            json.loads(body)
            for key, body in self.files.items()
            if key.startswith(results_of(media.key)) and key.endswith("/job.json")
        ]
        return [
            StoredTranscript(report["job_id"], Options.model_validate(report["options"]))
            for report in self.crashes.read("find transcripts", reports)
            if (report["media"]["etag"], report["media"]["size_bytes"]) == (media.etag, media.size_bytes)
            and report["status"] == "SUCCEEDED"
        ]


@dataclass
class Queue:
    """A queue. `name` is the side effect of a requeue."""

    crashes: Crashes
    name: str
    messages: list[str] = field(default_factory=list)

    def requeue(self, job_id: str) -> None:
        self.crashes.around(self.name, lambda: self.messages.append(json.dumps({"job_id": job_id})))
