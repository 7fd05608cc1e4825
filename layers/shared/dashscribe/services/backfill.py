"""The backfill: from a listing of the media bucket to the submit queue, at a bounded rate.

One run handles one batch of listed objects. It can be repeated: an object with a job or a transcript is skipped, and a
message that is sent twice finds the job of the first one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self, TypeVar
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.media import Media, is_ignored, refusal
from dashscribe.domain.recognition.watched_keys import WatchedKeys
from dashscribe.domain.timestamps import Timestamp
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.ports import (
    BackfillLedger,
    BackfillQueue,
    Clock,
    JobRecords,
    PauseStore,
    RateLimiter,
    TranscriptFinder,
    Upload,
    UploadFinder,
)
from dashscribe.services.upload_events import ObjectCreated, backfill_event

COUNTS = (
    *("listed", "queued", "skipped_done", "skipped_filtered", "skipped_ignored"),
    *("unsupported", "archived", "gone", "failed"),
)
"""What is counted. Every object counts as `listed` and as one of the others."""
QUEUE_HOLDS = timedelta(minutes=2)
"""How much work, at the backfill's rate, may wait in the submit queue before the backfill adds no more. A new upload
waits behind it, and it is still processed after the backfill was stopped."""
MAX_MESSAGE_DELAY = timedelta(minutes=10)
"""A slot further away is not reserved: SQS delays a message by 15 minutes at most, and a batch takes a while."""
QUEUE_IS_FULL_SECONDS = 60
"""How long a batch waits while the queue is full. Each wait is three transitions of the state machine."""
PAUSED_SECONDS = 300
"""How long a batch waits while submissions are paused. An execution's history can hold a week of such waits."""
CONCURRENT_LOOKUPS = 8
"""Lookups in S3 that run concurrently; botocore keeps 10 connections."""
_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class ListedObject(BaseModel):
    """An object as Step Functions lists it. `LastModified` is in seconds since 1970 (ItemReader `s3:listObjectsV2`), or
    a text, as are all the fields of an inventory, which alone names the bucket (`MANIFEST`)."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)

    bucket: str | None = Field(default=None, alias="Bucket")
    key: str = Field(alias="Key")
    size: int = Field(alias="Size", ge=0)
    last_modified: Timestamp = Field(alias="LastModified")

    @property
    def keys(self) -> list[str]:
        """What the object's key can be, likeliest first: an inventory has it URL-encoded, and AWS does not say whether
        Step Functions decodes it."""
        return [self.key] if self.bucket is None else list(dict.fromkeys((unquote_plus(self.key), self.key)))


class BackfillRequest(BaseModel):
    """What was asked for. A field that nobody knows is refused: a misspelt filter would queue the whole bucket."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    run: str
    prefix: str = ""
    suffix: str = ""
    newer_than: Timestamp | None = None
    older_than: Timestamp | None = None
    inventory: dict[str, str] | None = None
    dry_run: bool = False

    def wants(self, listed: ListedObject) -> bool:
        return (
            listed.keys[0].startswith(self.prefix)
            and listed.keys[0].endswith(self.suffix)
            and (self.newer_than is None or listed.last_modified > self.newer_than)
            and (self.older_than is None or listed.last_modified < self.older_than)
        )


class BackfillItem(BaseModel):
    """One listed object, with the request that it was listed for."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    object: ListedObject
    request: BackfillRequest


class BackfillBatch(BaseModel):
    """The state machine's input, and its output: the items that must be given to the function again."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, defer_build=True)

    items: list[BackfillItem] = Field(alias="Items")
    wait_seconds: int = 0

    @model_validator(mode="before")
    @classmethod
    def _single_item_is_a_batch(cls, given: JsonObject) -> JsonObject:
        """MiniStack 1.5.33 has no ItemBatcher: it passes each item by itself."""
        return {"Items": [given]} if "object" in given else given

    @classmethod
    def none_left(cls) -> Self:
        return cls(items=[])


@dataclass
class BackfillReport:
    """What one run did. `left` has the items that it did not start, and when to try them again."""

    counts: Counter[str] = field(default_factory=Counter)
    left: BackfillBatch = field(default_factory=BackfillBatch.none_left)


@dataclass(frozen=True)
class BackfillService:
    """Queues the objects that are not done yet. New uploads go first."""

    records: JobRecords
    pauses: PauseStore
    rate_limiter: RateLimiter
    uploads: UploadFinder
    transcripts: TranscriptFinder
    queue: BackfillQueue
    ledger: BackfillLedger
    clock: Clock
    media_bucket: str
    results_bucket: str
    files_per_second: float
    watched_keys: WatchedKeys

    def run(self, batch: BackfillBatch) -> BackfillReport:
        """Handle the whole batch, or none of it. Raises the first error when every lookup failed."""
        report = BackfillReport()
        if not batch.items:
            return report
        request = batch.items[0].request
        wanted = [item.object.keys for item in batch.items if self._is_wanted(item, report.counts)]
        hold = self._hold_back_seconds() if wanted and not request.dry_run else 0
        if hold:
            return BackfillReport(left=BackfillBatch(items=batch.items, wait_seconds=hold))
        events = self._not_done(wanted, report.counts)
        if events and not request.dry_run and not self._queued(events):
            return BackfillReport(left=BackfillBatch(items=batch.items, wait_seconds=QUEUE_IS_FULL_SECONDS))
        report.counts["queued"] = len(events)
        report.counts["listed"] = len(batch.items)
        self.ledger.add_backfill_counts(request.run, {name: report.counts[name] for name in COUNTS})
        return report

    def _is_wanted(self, item: BackfillItem, counts: Counter[str]) -> bool:
        """Decide from the listing, which costs nothing. Objects that are no recordings are counted, not failed."""
        media = Media(bucket=self.media_bucket, key=item.object.keys[0], size_bytes=item.object.size)
        is_selected = item.request.wants(item.object) and media.key in self.watched_keys
        if not is_selected or item.object.bucket not in (None, self.media_bucket):
            counts["skipped_filtered"] += 1
        elif is_ignored(media, self.results_bucket):
            counts["skipped_ignored"] += 1
        elif refusal(media) is not None:
            counts["unsupported"] += 1
        else:
            return True
        return False

    def _hold_back_seconds(self) -> int:
        """How long to add nothing to the queue, because it is full or submissions are paused."""
        if self.pauses.pauses().account is not None:
            return PAUSED_SECONDS
        limit = self.files_per_second * QUEUE_HOLDS.total_seconds()
        return QUEUE_IS_FULL_SECONDS if self.queue.backlog() >= limit else 0

    def _find(self, keys: Sequence[str]) -> Upload | None:
        found = (self.uploads.find_upload(self.media_bucket, key) for key in keys)
        return next((upload for upload in found if upload is not None), None)

    def _not_done(self, wanted: Sequence[Sequence[str]], counts: Counter[str]) -> list[ObjectCreated]:
        """An event for each object that has neither a job nor a transcript."""
        found = _each(self._find, wanted, counts)
        counts["gone"] = sum(upload is None for upload in found)
        uploads = [upload for upload in found if upload is not None]
        counts["archived"] = sum(upload.archived for upload in uploads)
        named = [
            (backfill_event(upload.media, upload.uploaded_at), upload) for upload in uploads if not upload.archived
        ]
        known = self.records.find_many([event.job_id for event, _ in named])
        # A record is kept for 30 days, and a listing does not show the sequencer that names a job of an unversioned
        # bucket. So the results bucket decides about objects without a record.
        unknown = [(event, upload) for event, upload in named if event.job_id not in known]
        checked = _each(
            lambda pair: (pair[0], any(True for _ in self.transcripts.find_transcripts(pair[1].media))), unknown, counts
        )
        new = [event for event, has_transcript in checked if not has_transcript]
        counts["skipped_done"] = len(known) + len(checked) - len(new)
        return new

    def _queued(self, events: Sequence[ObjectCreated]) -> bool:
        """Send each event with a delay until its slot. False, and nothing is sent, when the slots are too far away.

        The delay of each message keeps the rate: no function waits for a slot.
        """
        rate = self.files_per_second
        wait = self.rate_limiter.reserve("backfill", rate / len(events), self.clock(), MAX_MESSAGE_DELAY)
        if wait is None:
            return False
        for place, event in enumerate(events):
            self.queue.send_upload(
                event.model_dump_json(by_alias=True, exclude_none=True), wait + timedelta(seconds=place / rate)
            )
        logger.info("queued", files=len(events), first_job_id=events[0].job_id)
        return True


def _each(look_up: Callable[[_Item], _Found], items: Sequence[_Item], counts: Counter[str]) -> list[_Found]:
    """Look up items concurrently. Failed lookups are counted. When all fail, the fault is ours, and the run fails."""

    def attempt(item: _Item) -> _Found | Exception:
        try:
            return look_up(item)
        except Exception as error:
            logger.exception("object lookup failed")
            return error

    found = list(map_concurrently(attempt, items, CONCURRENT_LOOKUPS))
    errors = [each for each in found if isinstance(each, Exception)]
    if errors and len(errors) == len(found):
        raise errors[0]
    counts["failed"] += len(errors)
    return [each for each in found if not isinstance(each, Exception)]
