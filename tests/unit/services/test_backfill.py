"""The backfill queues the objects of the media bucket once, at a bounded rate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dashscribe.domain.recognition.media import MAX_SIZE_BYTES, Media
from dashscribe.domain.recognition.watched_keys import WatchedKeys
from dashscribe.services.backfill import COUNTS, BackfillBatch, BackfillReport, BackfillService
from dashscribe.services.ports import Upload
from dashscribe.services.upload_events import BACKFILL, ObjectCreated, parse_message
from tests.support.constants import MEDIA_BUCKET, RESULTS_BUCKET, START
from tests.support.world import World

LONG_AGO = datetime(2025, 6, 1, tzinfo=UTC)
RATE = 5


@dataclass
class OldBucket:
    """A world whose bucket has objects without events, and the further ports that a backfill needs.

    `waiting` is the number of queued messages. Lookups of `broken` keys fail. `looked_up` has the keys of all lookups.
    """

    world: World = field(default_factory=World)
    uploads: dict[str, Upload] = field(default_factory=dict)
    sent: list[tuple[timedelta, str]] = field(default_factory=list)
    waiting: int = 0
    looked_up: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    watched_keys: WatchedKeys = field(default_factory=WatchedKeys)

    def put(
        self, key: str, *, version: str | None = "v1", etag: str = "e1", size: int = 1000, archived: bool = False
    ) -> dict[str, Any]:
        """Put an object into the bucket without an event. Return it as Step Functions lists it."""
        media = Media(bucket=MEDIA_BUCKET, key=key, version_id=version, etag=etag, size_bytes=size)
        self.uploads[key] = Upload(media, LONG_AGO, archived)
        self.world.media.objects[key] = {}
        return {"Key": key, "Size": size, "LastModified": int(LONG_AGO.timestamp())}

    # ports

    def find_upload(self, bucket: str, key: str) -> Upload | None:
        self.looked_up.append(key)
        if key in self.broken:
            raise OSError("S3 is not reachable")
        return self.uploads.get(key)

    def backlog(self) -> int:
        return self.waiting

    def send_upload(self, body: str, delay: timedelta) -> None:
        self.sent.append((delay, body))

    def add_backfill_counts(self, run: str, counts: Mapping[str, int]) -> None:
        self.counts.setdefault(run, Counter()).update(counts)

    # actions

    def backfill(self, *listed: dict[str, Any], run: str = "r", **request: object) -> BackfillReport:
        items = [{"object": each, "request": {"run": run, **request}} for each in listed]
        return self.service().run(BackfillBatch.model_validate({"Items": items}))

    def service(self) -> BackfillService:
        records = self.world.records
        return BackfillService(
            records=records,
            pauses=records,
            rate_limiter=records,
            uploads=self,
            transcripts=self.world.results,
            queue=self,
            ledger=self,
            clock=self.world.clock,
            media_bucket=MEDIA_BUCKET,
            results_bucket=RESULTS_BUCKET,
            files_per_second=RATE,
            watched_keys=self.watched_keys,
        )

    def transcribe(self) -> None:
        self.world.queue += [body for _, body in self.sent]
        self.sent.clear()
        self.world.run_until_quiet()

    def counted(self, run: str = "r") -> dict[str, int]:
        return {name: count for name, count in self.counts[run].items() if count}


@pytest.fixture
def bucket() -> OldBucket:
    return OldBucket()


def test_objects_in_the_bucket_are_transcribed_and_a_second_run_queues_nothing(bucket: OldBucket) -> None:
    listed = [bucket.put(f"{number}.wav") for number in range(100)]
    assert bucket.backfill(*listed, run="first").left.items == []
    bucket.transcribe()
    assert [bucket.world.job_of(f"{number}.wav").status for number in range(100)] == ["SUCCEEDED"] * 100
    bucket.backfill(*listed, run="second")
    assert bucket.sent == []
    assert bucket.counted("first") == {"listed": 100, "queued": 100}
    assert bucket.counted("second") == {"listed": 100, "skipped_done": 100}


def test_a_backfill_leaves_out_keys_that_are_not_watched(bucket: OldBucket) -> None:
    bucket.watched_keys = WatchedKeys(("calls/",), (".wav",))
    bucket.backfill(*(bucket.put(key) for key in ("calls/a.WAV", "calls/a.srt", "b.wav")))
    assert bucket.counted() == {"listed": 3, "queued": 1, "skipped_filtered": 2}


def test_a_backfilled_job_keeps_the_time_of_its_upload(bucket: OldBucket) -> None:
    bucket.backfill(bucket.put("a.wav"))
    bucket.transcribe()
    assert bucket.world.job_of("a.wav").uploaded_at == LONG_AGO


def test_a_backfill_message_has_backfill_as_its_reason(bucket: OldBucket) -> None:
    bucket.backfill(bucket.put("a.wav"))
    [(_, body)] = bucket.sent
    message = parse_message(body)
    assert isinstance(message, ObjectCreated)
    assert message.detail.reason == BACKFILL


@pytest.mark.parametrize("version", ["v1", None])
def test_a_repeated_batch_makes_no_second_job(bucket: OldBucket, version: str | None) -> None:
    """A backfill may be resumed, and a function may be retried."""
    listed = bucket.put("a.wav", version=version)
    bucket.backfill(listed)
    bucket.backfill(listed)
    assert len(bucket.sent) == 2
    bucket.transcribe()
    assert len(bucket.world.records.jobs) == bucket.world.vendor.submissions_of("a.wav") == 1


def test_a_backfilled_upload_whose_event_arrives_too_is_one_job(bucket: OldBucket) -> None:
    listed = bucket.put("a.wav", version="v7")
    event = json.loads(bucket.world.upload("a.wav", queued=False))
    event["detail"]["object"]["version-id"] = "v7"
    bucket.world.queue.append(json.dumps(event))
    bucket.backfill(listed)
    bucket.transcribe()
    assert bucket.world.vendor.submissions_of("a.wav") == 1


def test_an_upload_that_is_being_transcribed_is_not_queued(bucket: OldBucket) -> None:
    listed = bucket.put("a.wav")
    bucket.backfill(listed)
    bucket.world.queue.append(bucket.sent.pop()[1])
    bucket.world.deliver()
    bucket.backfill(listed, run="meanwhile")
    assert bucket.counted("meanwhile") == {"listed": 1, "skipped_done": 1}


def test_an_unversioned_object_with_a_transcript_is_skipped(bucket: OldBucket) -> None:
    """In an unversioned bucket the event's sequencer identifies the job, and a listing does not show it."""
    bucket.world.upload("a.wav")
    bucket.world.run_until_quiet()
    listed = bucket.put("a.wav", version=None, etag="etag1")
    bucket.backfill(listed)
    assert bucket.counted() == {"listed": 1, "skipped_done": 1}


def test_an_object_with_a_transcript_is_skipped_after_its_record_expired(bucket: OldBucket) -> None:
    listed = bucket.put("a.wav")
    bucket.backfill(listed)
    bucket.transcribe()
    bucket.world.records.jobs.clear()
    bucket.backfill(listed, run="a year later")
    assert bucket.counted("a year later") == {"listed": 1, "skipped_done": 1}


@pytest.mark.parametrize("version", ["v2", None])
def test_other_bytes_under_an_old_key_are_a_new_upload(bucket: OldBucket, version: str | None) -> None:
    bucket.backfill(bucket.put("a.wav", version="v1" if version else None))
    bucket.transcribe()
    bucket.backfill(bucket.put("a.wav", version=version, etag="e2"), run="second")
    assert bucket.counted("second") == {"listed": 1, "queued": 1}
    bucket.transcribe()
    assert bucket.world.vendor.submissions_of("a.wav") == 2


@pytest.mark.parametrize(
    ("request_fields", "queued"),
    [
        ({}, True),
        ({"prefix": "calls/", "suffix": ".wav"}, True),
        ({"prefix": "other/"}, False),
        ({"suffix": ".mp3"}, False),
        ({"newer_than": "2025-05-31T23:59:59Z", "older_than": "2025-06-01T00:00:01Z"}, True),
        ({"newer_than": "2025-06-01T00:00:00Z"}, False),
        ({"older_than": "2025-06-01T02:00:00+02:00"}, False),
        ({"newer_than": None, "older_than": None, "dry_run": False}, True),
    ],
)
def test_only_objects_that_match_the_filters_are_queued(
    bucket: OldBucket, request_fields: dict[str, Any], queued: bool
) -> None:
    bucket.backfill(bucket.put("calls/a.wav"), **request_fields)
    assert len(bucket.sent) == queued
    assert bucket.counted() == {"listed": 1, "queued" if queued else "skipped_filtered": 1}
    assert bucket.looked_up == (["calls/a.wav"] if queued else [])


def test_objects_that_cannot_be_transcribed_are_counted_and_make_no_job(bucket: OldBucket) -> None:
    bucket.backfill(
        bucket.put("notes.txt"),
        bucket.put("empty.wav", size=0),
        bucket.put("huge.wav", size=MAX_SIZE_BYTES + 1),
        bucket.put("folder/", size=0),
        bucket.put("a.wav/" + "0" * 32 + "/job.json"),
        bucket.put("frozen.wav", archived=True),
        {**bucket.put("deleted.wav"), "Key": "gone.wav"},
        bucket.put("good.wav"),
    )
    others = {"skipped_ignored": 2, "archived": 1, "gone": 1, "queued": 1}
    assert bucket.counted() == {"listed": 8, "unsupported": 3, **others}
    bucket.transcribe()
    assert len(bucket.world.records.jobs) == 1


def test_every_object_is_counted_exactly_once(bucket: OldBucket) -> None:
    bucket.broken = {"b.wav"}
    bucket.backfill(bucket.put("a.wav"), bucket.put("b.wav"), bucket.put("c.txt"), bucket.put("d.wav", archived=True))
    counts = bucket.counts["r"]
    assert set(counts) == set(COUNTS)
    assert counts["listed"] == sum(counts.values()) - counts["listed"] == 4


def test_a_dry_run_counts_and_queues_nothing(bucket: OldBucket) -> None:
    bucket.waiting = 10**6
    bucket.backfill(bucket.put("a.wav"), dry_run=True)
    assert (bucket.sent, bucket.world.records.next_slots) == ([], {})
    assert bucket.counted() == {"listed": 1, "queued": 1}


def test_messages_of_all_batches_together_keep_the_rate(bucket: OldBucket) -> None:
    for batch in range(3):
        bucket.backfill(*(bucket.put(f"{batch}-{number}.wav") for number in range(10)))
    delays = [delay.total_seconds() for delay, _ in bucket.sent]
    assert delays == pytest.approx([number / RATE for number in range(30)])


def start_pause(bucket: OldBucket) -> None:
    bucket.world.pause()


def fill_queue(bucket: OldBucket) -> None:
    bucket.waiting = RATE * 120


def reserve_slots(bucket: OldBucket) -> None:
    bucket.world.records.next_slots["backfill"] = START + timedelta(minutes=11)


@pytest.mark.parametrize(("obstacle", "wait"), [(start_pause, 300), (fill_queue, 60), (reserve_slots, 60)])
def test_a_batch_waits_as_a_whole_during_a_pause_a_full_queue_or_a_used_up_rate(
    bucket: OldBucket, obstacle: Callable[[OldBucket], None], wait: int
) -> None:
    obstacle(bucket)
    listed = [bucket.put("a.wav"), bucket.put("notes.txt"), bucket.put("音 +%20😀.wav")]
    report = bucket.backfill(*listed, suffix=".wav")
    assert (bucket.sent, bucket.counts) == ([], {})
    assert report.left.wait_seconds == wait

    returned = json.loads(report.left.model_dump_json(by_alias=True))
    bucket.world.resume()
    bucket.waiting = 0
    bucket.world.records.next_slots.clear()
    bucket.service().run(BackfillBatch.model_validate(returned))
    assert bucket.counted() == {"listed": 3, "queued": 2, "skipped_filtered": 1}


def test_a_queue_that_is_nearly_full_still_takes_a_batch(bucket: OldBucket) -> None:
    bucket.waiting = RATE * 120 - 1
    bucket.backfill(bucket.put("a.wav"))
    assert len(bucket.sent) == 1


def test_a_failed_lookup_is_counted_and_the_other_objects_are_queued(bucket: OldBucket) -> None:
    bucket.broken = {"b.wav"}
    bucket.backfill(bucket.put("a.wav"), bucket.put("b.wav"))
    assert bucket.counted() == {"listed": 2, "queued": 1, "failed": 1}


def test_a_batch_fails_and_counts_nothing_when_every_lookup_fails(bucket: OldBucket) -> None:
    bucket.broken = {"a.wav", "b.wav"}
    with pytest.raises(OSError, match="S3 is not reachable"):
        bucket.backfill(bucket.put("a.wav"), bucket.put("b.wav"))
    assert bucket.counts == {}


def test_a_single_item_is_a_batch(bucket: OldBucket) -> None:
    item = {"object": bucket.put("a.wav"), "request": {"run": "r"}}
    bucket.service().run(BackfillBatch.model_validate(item))
    assert bucket.counted() == {"listed": 1, "queued": 1}


def test_an_unknown_filter_is_refused(bucket: OldBucket) -> None:
    with pytest.raises(ValidationError, match="newer"):
        bucket.backfill(bucket.put("a.wav"), newer="2026-01-01T00:00:00Z")


def inventory_row(listed: dict[str, Any], key: str, bucket: str = MEDIA_BUCKET) -> dict[str, Any]:
    """A row of an inventory as Step Functions passes it: every field is a text."""
    return {"Bucket": bucket, "Key": key, "Size": str(listed["Size"]), "LastModified": "2025-06-01T00:00:00.000Z"}


@pytest.mark.parametrize("encoded", ["calls/a+b%2Bc%25+%E9%9F%B3.wav", "calls/a%20b%2Bc%25%20%E9%9F%B3.wav"])
def test_inventory_keys_are_decoded(bucket: OldBucket, encoded: str) -> None:
    listed = bucket.put("calls/a b+c% 音.wav")
    bucket.backfill(inventory_row(listed, encoded), prefix="calls/a b", suffix="音.wav")
    bucket.transcribe()
    assert bucket.world.job_of("calls/a b+c% 音.wav").status == "SUCCEEDED"


def test_inventory_keys_that_are_already_decoded_are_found(bucket: OldBucket) -> None:
    listed = bucket.put("a+b%20c.wav")
    bucket.backfill(inventory_row(listed, "a+b%20c.wav"))
    assert bucket.counted() == {"listed": 1, "queued": 1}


def test_listed_keys_are_not_decoded(bucket: OldBucket) -> None:
    bucket.put("a b.wav")
    bucket.backfill(bucket.put("a+b.wav"))
    assert bucket.looked_up == ["a+b.wav"]


def test_an_inventory_of_another_bucket_queues_nothing(bucket: OldBucket) -> None:
    bucket.backfill(inventory_row(bucket.put("a.wav"), "a.wav", bucket="another"))
    assert bucket.counted() == {"listed": 1, "skipped_filtered": 1}
