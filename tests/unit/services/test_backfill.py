"""Recordings that no event told us of, in the world of the other services: queued once, at a bounded rate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dashscribe.domain.jobs.pause import Pause
from dashscribe.domain.recognition.media import MAX_SIZE_BYTES, Media
from dashscribe.domain.transcripts.result_files import results_of
from dashscribe.services.backfill import COUNTS, BackfillBatch, BackfillReport, BackfillService
from dashscribe.services.messages import BACKFILL, ObjectCreated, parse_message
from dashscribe.services.ports import Upload
from tests.support.world import MEDIA_BUCKET, RESULTS_BUCKET, START, World

LONG_AGO = datetime(2025, 6, 1, tzinfo=UTC)
RATE = 5


@dataclass
class Past:
    """A world whose bucket holds what nobody told it of: what a backfill needs beside the others' ports."""

    world: World = field(default_factory=World)
    uploads: dict[str, Upload] = field(default_factory=dict)
    sent: list[tuple[timedelta, str]] = field(default_factory=list)
    waiting: int = 0
    looks: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def put(
        self, key: str, *, version: str | None = "v1", etag: str = "e1", size: int = 1000, archived: bool = False
    ) -> dict[str, Any]:
        """An object that is simply there; how Step Functions lists it."""
        media = Media(bucket=MEDIA_BUCKET, key=key, version_id=version, etag=etag, size_bytes=size)
        self.uploads[key] = Upload(media, LONG_AGO, archived)
        self.world.media.objects[key] = {}
        return {"Key": key, "Size": size, "LastModified": int(LONG_AGO.timestamp())}

    # ports

    def find_upload(self, bucket: str, key: str) -> Upload | None:
        self.looks.append(key)
        if key in self.broken:
            raise OSError("S3 is not there")
        return self.uploads.get(key)

    def has_transcript(self, media: Media, since: datetime) -> bool:
        reports = [
            json.loads(body)
            for key, body in self.world.results.files.items()
            if key.startswith(results_of(media.key)) and key.endswith("/job.json")
        ]
        return any(
            report["media"]["etag"] == media.etag and datetime.fromisoformat(report["timing"]["completed_at"]) >= since
            for report in reports
        )

    def backlog(self) -> int:
        return self.waiting

    def send_upload(self, body: str, delay: timedelta) -> None:
        self.sent.append((delay, body))

    def add_backfill_counts(self, run: str, counts: Mapping[str, int]) -> None:
        self.counts.setdefault(run, Counter()).update(counts)

    # what happens

    def backfill(self, *listed: dict[str, Any], run: str = "r", **asked: object) -> BackfillReport:
        items = [{"object": each, "request": {"run": run, **asked}} for each in listed]
        return self.service().run(BackfillBatch.model_validate({"Items": items}))

    def service(self) -> BackfillService:
        records = self.world.records
        return BackfillService(
            records=records,
            pauses=records,
            rate_limiter=records,
            uploads=self,
            transcripts=self,
            queue=self,
            ledger=self,
            clock=self.world.clock,
            media_bucket=MEDIA_BUCKET,
            results_bucket=RESULTS_BUCKET,
            files_per_second=RATE,
        )

    def transcribe(self) -> None:
        self.world.queue += [body for _, body in self.sent]
        self.sent.clear()
        self.world.run_until_quiet()

    def counted(self, run: str = "r") -> dict[str, int]:
        return {name: count for name, count in self.counts[run].items() if count}


@pytest.fixture
def past() -> Past:
    return Past()


def test_what_was_there_before_is_transcribed_and_a_second_run_queues_nothing(past: Past) -> None:
    listed = [past.put(f"{number}.wav") for number in range(100)]
    assert past.backfill(*listed, run="first").left.items == []
    past.transcribe()
    assert [past.world.job_of(f"{number}.wav").status for number in range(100)] == ["SUCCEEDED"] * 100
    past.backfill(*listed, run="second")
    assert past.sent == []
    assert past.counted("first") == {"listed": 100, "queued": 100}
    assert past.counted("second") == {"listed": 100, "skipped_done": 100}


def test_the_time_of_the_upload_is_kept(past: Past) -> None:
    past.backfill(past.put("a.wav"))
    past.transcribe()
    assert past.world.job_of("a.wav").uploaded_at == LONG_AGO


def test_a_message_tells_that_it_comes_from_a_backfill(past: Past) -> None:
    past.backfill(past.put("a.wav"))
    [(_, body)] = past.sent
    message = parse_message(body)
    assert isinstance(message, ObjectCreated)
    assert message.detail.reason == BACKFILL


@pytest.mark.parametrize("version", ["v1", None])
def test_a_batch_that_runs_again_before_its_messages_arrived_makes_no_second_job(
    past: Past, version: str | None
) -> None:
    """A resumed backfill, a retried function."""
    listed = past.put("a.wav", version=version)
    past.backfill(listed)
    past.backfill(listed)
    assert len(past.sent) == 2
    past.transcribe()
    assert len(past.world.records.jobs) == past.world.vendor.submissions_of("a.wav") == 1


def test_an_upload_whose_event_comes_after_all_is_the_same_job(past: Past) -> None:
    listed = past.put("a.wav", version="v7")
    event = json.loads(past.world.upload("a.wav", queued=False))
    event["detail"]["object"]["version-id"] = "v7"
    past.world.queue.append(json.dumps(event))
    past.backfill(listed)
    past.transcribe()
    assert past.world.vendor.submissions_of("a.wav") == 1


def test_an_upload_that_is_being_transcribed_is_not_queued(past: Past) -> None:
    listed = past.put("a.wav")
    past.backfill(listed)
    past.world.queue.append(past.sent.pop()[1])
    past.world.deliver()
    past.backfill(listed, run="meanwhile")
    assert past.counted("meanwhile") == {"listed": 1, "skipped_done": 1}


def test_what_has_a_transcript_is_done_whatever_its_job_was_called(past: Past) -> None:
    """In an unversioned bucket the event's sequencer named the job, and no listing tells that."""
    past.world.upload("a.wav")
    past.world.run_until_quiet()
    listed = past.put("a.wav", version=None, etag="etag1")
    past.backfill(listed)
    assert past.counted() == {"listed": 1, "skipped_done": 1}


def test_what_has_a_transcript_is_done_when_its_record_has_expired(past: Past) -> None:
    listed = past.put("a.wav")
    past.backfill(listed)
    past.transcribe()
    past.world.records.jobs.clear()
    past.backfill(listed, run="a year later")
    assert past.counted("a year later") == {"listed": 1, "skipped_done": 1}


@pytest.mark.parametrize("version", ["v2", None])
def test_other_bytes_under_an_old_key_are_a_new_upload(past: Past, version: str | None) -> None:
    past.backfill(past.put("a.wav", version="v1" if version else None))
    past.transcribe()
    past.backfill(past.put("a.wav", version=version, etag="e2"), run="second")
    assert past.counted("second") == {"listed": 1, "queued": 1}
    past.transcribe()
    assert past.world.vendor.submissions_of("a.wav") == 2


@pytest.mark.parametrize(
    ("asked", "queued"),
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
def test_only_what_is_asked_for_is_queued(past: Past, asked: dict[str, Any], queued: bool) -> None:
    past.backfill(past.put("calls/a.wav"), **asked)
    assert len(past.sent) == queued
    assert past.counted() == {"listed": 1, "queued" if queued else "skipped_filtered": 1}
    assert past.looks == (["calls/a.wav"] if queued else [])


def test_what_cannot_be_transcribed_is_counted_and_makes_no_job_and_no_event(past: Past) -> None:
    past.backfill(
        past.put("notes.txt"),
        past.put("empty.wav", size=0),
        past.put("huge.wav", size=MAX_SIZE_BYTES + 1),
        past.put("folder/", size=0),
        past.put("a.wav/" + "0" * 32 + "/job.json"),
        past.put("frozen.wav", archived=True),
        {**past.put("deleted.wav"), "Key": "gone.wav"},
        past.put("good.wav"),
    )
    others = {"skipped_ignored": 2, "archived": 1, "gone": 1, "queued": 1}
    assert past.counted() == {"listed": 8, "unsupported": 3, **others}
    past.transcribe()
    assert len(past.world.records.jobs) == 1


def test_every_object_counts_once(past: Past) -> None:
    past.broken = {"b.wav"}
    past.backfill(past.put("a.wav"), past.put("b.wav"), past.put("c.txt"), past.put("d.wav", archived=True))
    counts = past.counts["r"]
    assert set(counts) == set(COUNTS)
    assert counts["listed"] == sum(counts.values()) - counts["listed"] == 4


def test_a_dry_run_counts_and_does_nothing(past: Past) -> None:
    past.waiting = 10**6
    past.backfill(past.put("a.wav"), dry_run=True)
    assert (past.sent, past.world.records.next_slots) == ([], {})
    assert past.counted() == {"listed": 1, "queued": 1}


def test_messages_arrive_at_the_rate_over_all_batches(past: Past) -> None:
    for batch in range(3):
        past.backfill(*(past.put(f"{batch}-{number}.wav") for number in range(10)))
    delays = [delay.total_seconds() for delay, _ in past.sent]
    assert delays == pytest.approx([number / RATE for number in range(30)])


def save_pause(past: Past) -> None:
    past.world.records.pause = Pause(reason="Arrearage", message="unpaid", paused_at=START, probe_at=START)


def fill_queue(past: Past) -> None:
    past.waiting = RATE * 120


def take_turns(past: Past) -> None:
    past.world.records.next_slots["backfill"] = START + timedelta(minutes=11)


@pytest.mark.parametrize(("trouble", "wait"), [(save_pause, 300), (fill_queue, 60), (take_turns, 60)])
def test_a_batch_waits_whole_while_new_uploads_have_nowhere_to_go(
    past: Past, trouble: Callable[[Past], None], wait: int
) -> None:
    trouble(past)
    listed = [past.put("a.wav"), past.put("notes.txt"), past.put("音 +%20😀.wav")]
    report = past.backfill(*listed, suffix=".wav")
    assert (past.sent, past.counts) == ([], {})
    assert report.left.wait_seconds == wait

    given_back = json.loads(report.left.model_dump_json(by_alias=True))
    past.world.records.pause, past.waiting = None, 0
    past.world.records.next_slots.clear()
    past.service().run(BackfillBatch.model_validate(given_back))
    assert past.counted() == {"listed": 3, "queued": 2, "skipped_filtered": 1}


def test_a_queue_that_is_nearly_full_still_takes_a_batch(past: Past) -> None:
    past.waiting = RATE * 120 - 1
    past.backfill(past.put("a.wav"))
    assert len(past.sent) == 1


def test_an_object_that_cannot_be_looked_at_is_counted_and_the_others_go_on(past: Past) -> None:
    past.broken = {"b.wav"}
    past.backfill(past.put("a.wav"), past.put("b.wav"))
    assert past.counted() == {"listed": 2, "queued": 1, "failed": 1}


def test_when_nothing_can_be_looked_at_the_batch_fails_and_counts_nothing(past: Past) -> None:
    past.broken = {"a.wav", "b.wav"}
    with pytest.raises(OSError, match="S3 is not there"):
        past.backfill(past.put("a.wav"), past.put("b.wav"))
    assert past.counts == {}


def test_a_lone_item_is_a_batch(past: Past) -> None:
    item = {"object": past.put("a.wav"), "request": {"run": "r"}}
    past.service().run(BackfillBatch.model_validate(item))
    assert past.counted() == {"listed": 1, "queued": 1}


def test_a_filter_that_nobody_knows_is_refused(past: Past) -> None:
    with pytest.raises(ValidationError, match="newer"):
        past.backfill(past.put("a.wav"), newer="2026-01-01T00:00:00Z")


def of_inventory(listed: dict[str, Any], key: str, bucket: str = MEDIA_BUCKET) -> dict[str, Any]:
    """As Step Functions gives a line of an inventory: every field is a text."""
    return {"Bucket": bucket, "Key": key, "Size": str(listed["Size"]), "LastModified": "2025-06-01T00:00:00.000Z"}


@pytest.mark.parametrize("encoded", ["calls/a+b%2Bc%25+%E9%9F%B3.wav", "calls/a%20b%2Bc%25%20%E9%9F%B3.wav"])
def test_the_keys_of_an_inventory_are_decoded(past: Past, encoded: str) -> None:
    listed = past.put("calls/a b+c% 音.wav")
    past.backfill(of_inventory(listed, encoded), prefix="calls/a b", suffix="音.wav")
    past.transcribe()
    assert past.world.job_of("calls/a b+c% 音.wav").status == "SUCCEEDED"


def test_the_keys_of_an_inventory_may_have_been_decoded_for_us(past: Past) -> None:
    listed = past.put("a+b%20c.wav")
    past.backfill(of_inventory(listed, "a+b%20c.wav"))
    assert past.counted() == {"listed": 1, "queued": 1}


def test_the_key_of_a_listing_is_taken_as_it_is(past: Past) -> None:
    past.put("a b.wav")
    past.backfill(past.put("a+b.wav"))
    assert past.looks == ["a+b.wav"]


def test_an_inventory_of_another_bucket_queues_nothing(past: Past) -> None:
    past.backfill(of_inventory(past.put("a.wav"), "a.wav", bucket="another"))
    assert past.counted() == {"listed": 1, "skipped_filtered": 1}
