"""A restored object is transcribed when its upload failed for being archived, and only then."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dashscribe.domain.recognition.media import Media
from dashscribe.errors import MediaArchived
from tests.support.constants import MEDIA_BUCKET
from tests.support.world import World


def event(detail_type: str, **detail: str) -> str:
    found = {"key": "a.wav", "size": 1000, "etag": "e1", "version-id": "v1"}
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": detail_type,
            "time": "2026-01-01T00:00:00Z",
            "detail": {"bucket": {"name": MEDIA_BUCKET}, "object": found, **detail},
        }
    )


RESTORED = event("Object Restore Completed", **{"restore-expiry-time": "2026-01-08T00:00:00Z"})


def test_an_archived_upload_fails_and_its_restore_is_transcribed_once() -> None:
    world = World()
    world.media.objects["a.wav"] = {}
    readable = world.media.head

    def archived(media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        raise MediaArchived("archived")

    world.media.head = archived  # type: ignore[method-assign]
    world.deliver([event("Object Created")])
    world.media.head = readable  # type: ignore[method-assign]
    world.deliver([RESTORED, RESTORED])
    world.run_until_quiet()
    assert [detail.status for detail in world.bus.terminal_events_of("a.wav")] == ["FAILED", "SUCCEEDED"]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_restored_object_with_a_transcript_is_left_alone() -> None:
    world = World()
    world.media.objects["a.wav"] = {}
    world.deliver([event("Object Created")])
    world.run_until_quiet()
    world.deliver([RESTORED])
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.dead_lettered == []
