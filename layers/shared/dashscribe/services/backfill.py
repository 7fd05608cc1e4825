"""From a listing of the media bucket to the submit queue: recordings that no event told us of, at a bounded rate.

One run handles one batch of listed objects. It can be repeated: what has a job or a transcript is skipped, and a
message that is sent twice finds the job of the first one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self, TypeVar
from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashscribe.domain.jobs.media import Media, is_ignored, refusal
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.timestamps import Timestamp
from dashscribe.observability import logger
from dashscribe.services.messages import ObjectCreated, backfill_event
from dashscribe.services.ports import (
    BackfillLedger,
    BackfillQueue,
    Clock,
    JobStore,
    PauseStore,
    RateLimiter,
    TranscriptFinder,
    Upload,
    UploadFinder,
)

COUNTS = (
    *("listed", "queued", "skipped_done", "skipped_filtered", "skipped_ignored"),
    *("unsupported", "archived", "gone", "failed"),
)
"""What is counted. Every listed object counts once more, as one of the others."""
QUEUE_HOLDS = timedelta(minutes=2)
"""How much work, at the backfill's rate, may wait in the submit queue before a backfill adds no more: what a new upload
can come behind, and what still goes through after a backfill was stopped."""
LONGEST_DELAY = timedelta(minutes=10)
"""A turn further away is not taken: a message can be delayed by 15 minutes at most, and a batch lasts a while."""
QUEUE_IS_FULL_SECONDS = 60
"""How long a batch waits for room. Each wait is three transitions of the state machine."""
PAUSED_SECONDS = 300
"""How long while nothing is submitted at all: an execution's history has room for a week of such waits."""
LOOKS_AT_ONCE = 8
"""Objects that are looked at in S3 at the same time; botocore keeps 10 connections."""
_Thing = TypeVar("_Thing")
_Found = TypeVar("_Found")


class ListedObject(BaseModel):
    """An object as Step Functions lists it. `LastModified` is in seconds since 1970 (ItemReader `s3:listObjectsV2`), or
    a text, as are all the fields of an inventory, which alone names the bucket (`MANIFEST`)."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

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

    model_config = ConfigDict(frozen=True, extra="forbid")

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

    model_config = ConfigDict(frozen=True)

    object: ListedObject
    request: BackfillRequest


class BackfillBatch(BaseModel):
    """What the state machine gives to the function, and what the function gives back of it, to be given again."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    items: list[BackfillItem] = Field(alias="Items")
    wait_seconds: int = 0

    @model_validator(mode="before")
    @classmethod
    def _a_lone_item_is_a_batch(cls, given: JsonObject) -> JsonObject:
        """MiniStack 1.5.33 has no ItemBatcher: it gives each item single_file_task."""
        return {"Items": [given]} if "object" in given else given

    @classmethod
    def none_left(cls) -> Self:
        return cls(items=[])


@dataclass
class BackfillReport:
    """What one run did. `left` is what it did not even begin, and when to try that again."""

    counts: Counter[str] = field(default_factory=Counter)
    left: BackfillBatch = field(default_factory=BackfillBatch.none_left)


@dataclass(frozen=True)
class BackfillService:
    """Queue what is not done yet. Whatever else is in the queue goes first."""

    store: JobStore
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

    def run(self, batch: BackfillBatch) -> BackfillReport:
        """Handle the batch, or none of it. Raises when not one of its objects could be looked at."""
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
        """Decided from the listing, which is free. A whole bucket's odd files are no failures: they are counted."""
        media = Media(bucket=self.media_bucket, key=item.object.keys[0], size_bytes=item.object.size)
        if not item.request.wants(item.object) or item.object.bucket not in (None, self.media_bucket):
            counts["skipped_filtered"] += 1
        elif is_ignored(media, self.results_bucket):
            counts["skipped_ignored"] += 1
        elif refusal(media) is not None:
            counts["unsupported"] += 1
        else:
            return True
        return False

    def _hold_back_seconds(self) -> int:
        """New uploads go first: how long to stay away from a queue that is full, or that leads nowhere now."""
        if self.pauses.current_pause() is not None:
            return PAUSED_SECONDS
        room = self.files_per_second * QUEUE_HOLDS.total_seconds()
        return QUEUE_IS_FULL_SECONDS if self.queue.backlog() >= room else 0

    def _find(self, keys: Sequence[str]) -> Upload | None:
        looks = (self.uploads.find_upload(self.media_bucket, key) for key in keys)
        return next((upload for upload in looks if upload is not None), None)

    def _not_done(self, wanted: Sequence[Sequence[str]], counts: Counter[str]) -> list[ObjectCreated]:
        """An event for each object that has neither a job nor a transcript."""
        found = _each(self._find, wanted, counts)
        counts["gone"] += sum(upload is None for upload in found)
        uploads = [upload for upload in found if upload is not None]
        counts["archived"] += sum(upload.archived for upload in uploads)
        named = [
            (backfill_event(upload.media, upload.uploaded_at), upload) for upload in uploads if not upload.archived
        ]
        known = self.store.find_many([event.job_id for event, _ in named])
        # A record is kept for 30 days, and an upload to an unversioned bucket has its job under a name that no listing
        # tells: the results know better.
        unknown = [(event, upload) for event, upload in named if event.job_id not in known]
        looked = _each(
            lambda pair: (pair[0], self.transcripts.has_transcript(pair[1].media, pair[1].uploaded_at)), unknown, counts
        )
        new = [event for event, has_transcript in looked if not has_transcript]
        counts["skipped_done"] += len(known) + len(looked) - len(new)
        return new

    def _queued(self, events: Sequence[ObjectCreated]) -> bool:
        """Send each event to arrive at its turn. False, and nothing sent, when these turns are too far away.

        The queue keeps the pace, by the delay of each message: no function sleeps, and no file goes before its turn.
        """
        rate = self.files_per_second
        wait = self.rate_limiter.reserve("backfill", rate / len(events), self.clock(), LONGEST_DELAY)
        if wait is None:
            return False
        for place, event in enumerate(events):
            self.queue.send_upload(
                event.model_dump_json(by_alias=True, exclude_none=True), wait + timedelta(seconds=place / rate)
            )
        logger.info("queued", files=len(events), first_job_id=events[0].job_id)
        return True


def _each(look: Callable[[_Thing], _Found], things: Sequence[_Thing], counts: Counter[str]) -> list[_Found]:
    """Look at several things at once. One that cannot be looked at is counted; when none can, the trouble is ours."""

    def tried(thing: _Thing) -> _Found | Exception:
        try:
            return look(thing)
        except Exception as error:
            logger.exception("an object could not be looked at")
            return error

    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        looked = list(pool.map(tried, things))
    errors = [found for found in looked if isinstance(found, Exception)]
    if errors and len(errors) == len(looked):
        raise errors[0]
    counts["failed"] += len(errors)
    return [found for found in looked if not isinstance(found, Exception)]
