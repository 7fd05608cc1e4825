"""True concurrency: the real services interleave at every port call, by random schedules with kills and lost responses.

`make interleave SCHEDULES=20000` runs more of them. A failed schedule prints its seed and its story.
"""

from __future__ import annotations

import os

import pytest

from tests.support.interleaved_world import InterleavedWorld
from tests.support.interleaving import Faults

SCHEDULES = int(os.environ.get("SCHEDULES", "350"))
BATCH = 25
"""Schedules of one test."""
KINDS = {
    "concurrent runs": Faults(),
    "kills": Faults(kill=0.02),
    "lost responses of writes": Faults(lost_write_response=0.1),
    "kills and lost responses of writes": Faults(kill=0.01, lost_write_response=0.05),
    "a slow run": Faults(kill=0.01, one_run_is_slow=True),
    "accepted with an error": Faults(kill=0.01),
    "refused events, lost replies of the bus, and kills": Faults(kill=0.005, refused_event=0.2, lost_publish_reply=0.1),
}


def played(seed: int, kind: str) -> InterleavedWorld:
    """A world after one schedule. Some submissions have no response; the task list shows a known task of that time."""
    world = InterleavedWorld(seed, KINDS[kind], max_files_per_task=world_size(seed))
    world.upload("known.wav")
    world.deliver()
    world.upload_files(1 + seed % 4)
    unclear = seed % 3
    if kind == "accepted with an error":
        world.vendor.accepted_with_error = 1 + unclear
    else:
        world.vendor.responses_to_lose = unclear
    world.play(rounds=2 + seed % 4)
    world.finish()
    return world


def world_size(seed: int) -> int:
    return (1, 2, 100)[seed % 3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", range(0, SCHEDULES // len(KINDS), BATCH))
def test_no_upload_is_lost_and_none_is_submitted_twice_in_any_schedule(kind: str, first: int) -> None:
    for seed in range(first, first + BATCH):
        story = played(seed, kind).story_of_a_broken_promise()
        assert not story, story
