"""What a pass hands to the finalizers."""

from __future__ import annotations

from datetime import timedelta

from dashscribe.services.messages import FILES_PER_FINALIZER
from dashscribe.services.polling.poll import PassReport
from tests.support.world import World

FILES = 60


def test_ended_files_are_shared_out_among_as_many_finalizers_as_run_at_once() -> None:
    world = World(max_files_per_task=100)
    for number in range(200):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(minutes=1)
    sizes = [len(request.job_ids) for request in passed(world.poll_pass()).result.finalize]
    assert sizes == [FILES_PER_FINALIZER] * 40


def passed(report: PassReport | None) -> PassReport:
    assert report is not None
    return report


def a_burst(files: int = FILES, seconds: float = 10, **vendor: object) -> World:
    """Files on their way, one a task."""
    world = World(max_files_per_task=1)
    world.vendor.seconds = seconds
    for name, value in vendor.items():
        setattr(world.vendor, name, value)
    for number in range(files):
        world.upload(f"{number}.wav")
    return world


def test_ended_files_do_not_wait_for_the_rest_of_a_long_pass() -> None:
    world = a_burst(200, seconds=1)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=60)
    began = world.now
    report = world.poll_pass()
    assert report is not None
    assert report.finished_tasks > 20
    assert world.now - began <= timedelta(seconds=3)
    assert report.result.wait_seconds == 0, "the others are known to be waiting"


def test_questions_that_are_asked_at_once_find_the_same() -> None:
    world = a_burst(25, seconds=1)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=30)
    report = world.poll_service(workers=8).run()
    assert report.finished_tasks == 25
    assert len({job_id for request in report.result.finalize for job_id in request.job_ids}) == 25


def test_a_task_of_a_hundred_files_is_spread_over_the_finalizers() -> None:
    world = World()
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(seconds=10)
    report = world.poll_pass()
    assert report is not None
    assert 20 <= len(report.result.finalize) <= 40
    assert max(len(request.job_ids) for request in report.result.finalize) <= 5
