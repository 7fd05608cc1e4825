"""The backlog is released oldest first and at most once per job, and it does not delay new uploads."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.services.polling.backlog import BACKLOG_SHARE
from tests.support.constants import ONE_OUTPUT
from tests.support.world import World

FUN_ASR_RATE = 10


def world_with_backlog(files: int) -> World:
    """A stack with one file per task, after one delivery of so many uploads."""
    world = World(max_files_per_task=1, submit_environ=ONE_OUTPUT)
    for number in range(files):
        world.upload(f"old{number:05}.wav")
    world.deliver()
    return world


def rate_limited_jobs(world: World) -> list[Job]:
    return [job for job in world.records.jobs.values() if job.due_kind is Due.RATE_LIMITED]


def submitted_at(world: World, key: str) -> datetime:
    job = world.job_of(key)
    assert job.submitted_at is not None
    return job.submitted_at


def test_rate_limited_jobs_join_the_backlog_without_a_failed_attempt() -> None:
    world = world_with_backlog(600)
    waiting = rate_limited_jobs(world)
    assert 100 < len(waiting) < 600
    assert {(job.status, job.failed_attempts, job.last_error_code) for job in waiting} == {
        (Status.RECEIVED, 0, "RATE_LIMITED")
    }


def test_a_new_upload_does_not_wait_for_a_backlog_of_a_thousand_jobs() -> None:
    world = world_with_backlog(1200)
    for _ in range(5):
        world.step()
    assert len(rate_limited_jobs(world)) > 600
    arrived = world.now
    world.upload("new.wav")
    world.step()
    while world.job_of("new.wav").submitted_at is None:
        world.step()
    assert submitted_at(world, "new.wav") - arrived < timedelta(seconds=20)
    assert len(rate_limited_jobs(world)) > 500


def test_the_backlog_is_released_oldest_first_at_its_share_of_the_rate() -> None:
    world = world_with_backlog(600)
    started, waiting = world.now, sorted(job.media.key for job in rate_limited_jobs(world))
    while rate_limited_jobs(world):
        world.step()
    took = (world.now - started).total_seconds()
    assert took <= 10 + len(waiting) / (FUN_ASR_RATE * BACKLOG_SHARE) * 2  # functions do not overlap here
    world.run_until_quiet()  # the last jobs are released but not submitted yet
    times = [submitted_at(world, key) for key in waiting]
    overtaken = sum(later < earlier for earlier, later in pairwise(times))
    assert overtaken < len(waiting) * 0.02


def test_a_released_job_finds_a_free_slot() -> None:
    world = world_with_backlog(450)
    waiting = len(rate_limited_jobs(world))
    world.run_until_quiet()
    requeued = sum(report.requeued for report in world.passes)
    assert requeued <= waiting * 1.1
    assert {job.status for job in world.records.jobs.values()} == {Status.SUCCEEDED}


def test_no_job_is_released_during_a_pause() -> None:
    world = world_with_backlog(600)
    world.pause()
    report = world.poll_pass()
    assert report is not None
    assert report.requeued == 0


def test_an_upload_does_not_wait_for_another_models_backlog() -> None:
    world = world_with_backlog(600)
    world.upload("calls.wav", metadata={"dashscribe-model": "qwen3-asr-flash-filetrans"})
    arrived = world.now
    world.deliver()
    assert submitted_at(world, "calls.wav") - arrived < timedelta(seconds=1)


def test_the_backlog_is_released_in_full_tasks() -> None:
    world = World(max_files_per_task=100, submit_environ=ONE_OUTPUT)
    for number in range(400):
        world.upload(f"{number}.wav")
    world.records.next_slots["submit#fun-asr"] = world.now + timedelta(seconds=9)
    world.deliver()
    assert len(rate_limited_jobs(world)) == 400
    world.run_until_quiet()
    assert len(world.vendor.tasks) <= 6


def test_one_models_backlog_does_not_hide_another_models_backlog() -> None:
    world = World(max_files_per_task=1, submit_environ=ONE_OUTPUT)
    slow = {"dashscribe-model": "qwen3-asr-flash-filetrans"}
    for number in range(500):
        world.upload(f"slow{number:03}.wav", metadata=slow)
    world.deliver()
    for number in range(300):
        world.upload(f"fast{number:03}.wav")
    world.deliver()
    fast = [job for job in rate_limited_jobs(world) if job.media.key.startswith("fast")]
    assert fast
    assert len(rate_limited_jobs(world)) - len(fast) > 200
    for _ in range(8):
        world.step()
    assert [job for job in fast if world.job_of(job.media.key).submitted_at], "no job of this model was released"
