"""What a pass hands to the finalizers."""

from __future__ import annotations

from datetime import timedelta

from dashscribe.services.polling.poll import PassReport
from tests.support.world import World

FILES = 60


def test_two_hundred_ended_files_are_shared_among_forty_finalizers() -> None:
    world = World(max_files_per_task=100)
    for number in range(200):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(minutes=1)
    sizes = [len(request.job_ids) for request in completed(world.poll_pass()).result.finalize]
    assert sizes == [5] * 40


def completed(report: PassReport | None) -> PassReport:
    assert report is not None
    return report


def a_burst(files: int = FILES, seconds: float = 10, **vendor: object) -> World:
    """Uploads with one file per task. `vendor` sets fields of the fake vendor."""
    world = World(max_files_per_task=1)
    world.vendor.seconds = seconds
    for name, value in vendor.items():
        setattr(world.vendor, name, value)
    for number in range(files):
        world.upload(f"{number}.wav")
    return world


def test_a_pass_ends_soon_after_the_first_ended_task() -> None:
    world = a_burst(200, seconds=1)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=60)
    started = world.now
    report = world.poll_pass()
    assert report is not None
    assert report.finished_tasks > 20
    assert world.now - started <= timedelta(seconds=3)
    assert report.result.wait_seconds == 0, "other ended tasks still wait"


def test_concurrent_queries_find_every_ended_task_once() -> None:
    world = a_burst(25, seconds=1)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=30)
    report = world.poll_service(workers=8).run()
    assert report.finished_tasks == 25
    assert len({job_id for request in report.result.finalize for job_id in request.job_ids}) == 25


def test_the_files_of_one_task_are_shared_among_the_finalizers() -> None:
    world = World()
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(seconds=10)
    report = world.poll_pass()
    assert report is not None
    assert 20 <= len(report.result.finalize) <= 40
    assert max(len(request.job_ids) for request in report.result.finalize) <= 5
