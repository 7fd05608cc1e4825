"""A batch of messages that is slow to prepare loses no upload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from dashscribe.domain.jobs.timeouts import CLAIM_LASTS
from dashscribe.domain.recognition.media import Media
from tests.support.world import World


class SlowWorld(World):
    """Each HEAD of S3 takes 1.5 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.head_at_full_speed = self.media.head
        self.media.head = self.slow_head  # type: ignore[method-assign]

    def slow_head(self, media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        self.sleep(1.5)
        return self.head_at_full_speed(media)


def test_a_hundred_slow_uploads_are_all_recorded_and_the_run_ends_in_time() -> None:
    world = SlowWorld()
    for number in range(100):
        world.upload(f"{number}.wav")
    began = world.now
    report = world.deliver()
    assert world.now - began < timedelta(seconds=60) < CLAIM_LASTS
    assert report.failed_message_ids == []
    assert len(world.records.jobs) == 100


def test_uploads_that_a_run_has_no_time_for_are_transcribed_later() -> None:
    world = SlowWorld()
    for number in range(40):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert [world.vendor.submissions_of(f"{number}.wav") for number in range(40)] == [1] * 40
    assert world.dead_lettered == []
