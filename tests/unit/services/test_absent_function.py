"""A submit function that is paused or throttled for hours fails no upload."""

from __future__ import annotations

from datetime import timedelta

from dashscribe.domain.jobs.job import Status
from tests.support.world import World


def test_hours_without_a_submit_function_fail_no_job() -> None:
    world = World()
    body = world.upload("a.wav", queued=False)
    world.submit_service().preparer.record(body)
    began = world.now
    while world.now - began < timedelta(hours=3):
        world.loop_pass()
        world.queue.clear()  # the messages wait in a queue that no function reads
        world.now += timedelta(seconds=60)
    assert world.job_of("a.wav").status is Status.RECEIVED
    world.queue.append(body)
    world.run_until_quiet()
    assert world.job_of("a.wav").status is Status.SUCCEEDED


def test_a_job_on_which_every_run_fails_ends_as_an_internal_error() -> None:
    world = World()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of our own")

    world.media.head = broken  # type: ignore[method-assign,assignment]
    world.upload("a.wav")
    world.run_until_quiet(faults=True, max_steps=5000)
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.error is not None
    assert end.error.code == "INTERNAL_ERROR"
