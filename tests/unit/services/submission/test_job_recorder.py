"""Events of jobs that the submit function fails."""

from __future__ import annotations

from dashscribe.domain.jobs.job import Status
from tests.support.constants import FAILED
from tests.support.world import World


def test_an_event_that_the_bus_refuses_is_published_later() -> None:
    world = World()
    world.upload("bad.txt")
    world.bus.failures = 1
    world.step()
    assert world.job_of("bad.txt").status is Status.FAILED
    world.run_until_quiet()
    assert world.bus.events_of("bad.txt") == [FAILED]
