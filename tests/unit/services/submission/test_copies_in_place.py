"""An object that is copied in place keeps its transcript and is not billed again. Any other upload is a new job."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from dashscribe.domain.recognition.media import Media
from dashscribe.errors import MediaArchived
from tests.conftest import LogLines
from tests.support.constants import MEDIA_BUCKET
from tests.support.world import World


def event(version: str, reason: str = "CopyObject", *, key: str = "a.wav", etag: str = "e1", size: int = 1000) -> str:
    found = {"key": key, "size": size, "etag": etag, "version-id": version}
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": "2026-01-01T00:00:00Z",
            "detail": {"bucket": {"name": MEDIA_BUCKET}, "object": found, "reason": reason},
        }
    )


def transcribed() -> World:
    """A world in which version v1 of a.wav has a transcript."""
    world = World()
    world.media.objects["a.wav"] = {}
    world.deliver([event("v1", "PutObject")])
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    return world


def deliver(world: World, *bodies: str) -> None:
    world.deliver(bodies)
    world.run_until_quiet()


def archive(world: World) -> None:
    """From now on the objects are in an archive class. S3 still answers a HEAD request."""
    readable = world.media.head

    def archived(media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        if archived_too:
            return readable(media, archived_too=True)
        raise MediaArchived("archived")

    world.media.head = archived  # type: ignore[method-assign]


def test_a_copy_in_place_is_not_billed_again_and_the_log_names_its_transcript(log_lines: LogLines) -> None:
    world = transcribed()
    [first] = world.records.jobs.values()
    deliver(world, event("v2"), event("v2"))
    assert world.vendor.submissions_of("a.wav") == 1
    assert len(world.bus.terminal_events_of("a.wav")) == 1
    assert list(world.records.jobs) == [first.job_id]
    assert world.dead_lettered == []
    named = [line["transcribed_by"] for line in log_lines() if line["message"] == "copy in place left alone"]
    assert named == [first.job_id] * 2


def test_a_copy_in_place_into_an_archive_class_neither_fails_nor_is_billed_when_it_is_restored() -> None:
    world = transcribed()
    archive(world)
    deliver(world, event("v2"))
    restored = json.loads(event("v2")) | {"detail-type": "Object Restore Completed"}
    deliver(world, json.dumps(restored))
    assert world.vendor.submissions_of("a.wav") == 1
    assert [detail.status for detail in world.bus.terminal_events_of("a.wav")] == ["SUCCEEDED"]


def test_the_first_copy_to_a_key_is_transcribed() -> None:
    world = World()
    world.media.objects["a.wav"] = {}
    deliver(world, event("v1"))
    assert [detail.status for detail in world.bus.terminal_events_of("a.wav")] == ["SUCCEEDED"]


@pytest.mark.parametrize(
    "uploaded",
    [
        event("v2", "PutObject"),
        event("v2", "CompleteMultipartUpload"),
        event("v2", etag="e2"),
        event("v2", size=2000),
    ],
)
def test_an_upload_of_the_same_bytes_and_a_copy_of_other_bytes_are_new_jobs(uploaded: str) -> None:
    world = transcribed()
    deliver(world, uploaded)
    assert world.vendor.submissions_of("a.wav") == 2


@pytest.mark.parametrize("metadata", [{"dashscribe-parameters": '{"channel_id": [1]}'}, {"dashscribe-outputs": "srt"}])
def test_a_copy_in_place_that_changes_the_options_is_a_new_job(metadata: dict[str, str]) -> None:
    world = transcribed()
    world.media.objects["a.wav"] = metadata
    deliver(world, event("v2"))
    assert world.vendor.submissions_of("a.wav") == 2


def test_a_copy_in_place_whose_options_are_wrong_fails_with_the_reason() -> None:
    world = transcribed()
    world.media.objects["a.wav"] = {"dashscribe-model": "no-such-model"}
    deliver(world, event("v2"))
    errors = [detail.error.code if detail.error else None for detail in world.bus.terminal_events_of("a.wav")]
    assert errors == [None, "UNKNOWN_MODEL"]


def test_a_copy_in_place_is_a_new_job_while_the_first_one_is_unfinished_or_when_it_failed() -> None:
    world = World()
    world.media.objects["a.wav"] = {}
    world.deliver([event("v1", "PutObject")])
    deliver(world, event("v2"))
    assert len(world.bus.terminal_events_of("a.wav")) == 2

    world = World()
    deliver(world, event("v1", "PutObject"))  # it fails, because the object does not exist yet
    world.media.objects["a.wav"] = {}
    deliver(world, event("v2"))
    assert [detail.status for detail in world.bus.terminal_events_of("a.wav")] == ["FAILED", "SUCCEEDED"]


def test_a_repeated_event_of_a_copy_finds_its_own_job() -> None:
    """The copy became a job while the first version was unfinished. Its job continues, although there is a transcript
    now."""
    world = World()
    world.media.objects["a.wav"] = {}
    world.deliver([event("v1", "PutObject")])
    world.deliver([event("v2")])
    deliver(world, event("v2"), event("v2"))
    assert len(world.bus.terminal_events_of("a.wav")) == 2
    assert world.vendor.submissions_of("a.wav") == 2


def test_profiles_that_cannot_be_read_pause_a_copy_like_any_upload() -> None:
    world = transcribed()
    world.profiles_document = "{"
    world.deliver([event("v2")])
    assert world.records.pauses().account is not None
    world.profiles_document = "{}"
    world.run_until_quiet()
    assert len(world.bus.terminal_events_of("a.wav")) == 2
