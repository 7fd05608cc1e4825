"""Submitted jobs keep their first due time, because most of them have ended before it. The loop moves the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Status
from dashscribe.domain.jobs.timeouts import LOST_MESSAGE_AFTER, TASK_SAFETY_NET
from dashscribe.services.polling.poll import DUE_JOBS_READ
from tests.support.constants import SUBMITTED, SUCCEEDED
from tests.support.refusals import refusing
from tests.support.world import World


def submitted(*keys: str) -> World:
    """Uploads whose task runs for an hour, at their first due time."""
    world = World()
    world.vendor.seconds = 3600
    for key in keys:
        world.upload(key)
    world.deliver()
    world.now += LOST_MESSAGE_AFTER
    return world


def test_a_submission_does_not_move_the_due_time() -> None:
    world = submitted("a.wav")
    job = world.job_of("a.wav")
    assert (job.status, job.due_at) == (Status.SUBMITTED, job.received_at + LOST_MESSAGE_AFTER)


def test_a_job_whose_task_still_runs_is_due_at_its_safety_net() -> None:
    world = submitted("a.wav")
    report = world.poll_pass()
    assert report is not None
    job = world.job_of("a.wav")
    assert job.submitted_at is not None
    assert (job.status, job.due_at) == (Status.SUBMITTED, job.submitted_at + TASK_SAFETY_NET)
    assert (report.requeued, report.result.finalize, world.queue) == (0, [], [])
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_job_whose_task_cannot_be_read_is_not_submitted_again_before_its_safety_net() -> None:
    world = submitted("a.wav")
    world.records.unreadable.add(world.job_of("a.wav").submission_id or "")
    while world.now - world.job_of("a.wav").received_at < TASK_SAFETY_NET:
        world.step()
        world.now += timedelta(minutes=10)
        assert world.vendor.submissions_of("a.wav") == 1


def test_hundreds_of_running_jobs_do_not_hide_one_whose_message_was_lost() -> None:
    world = submitted(*(f"{number}.wav" for number in range(2 * DUE_JOBS_READ)))
    world.upload("lost.wav")
    world.crashes.kill_at(1, after=True)  # its record is written
    world.deliver()
    world.queue.clear()
    assert world.job_of("lost.wav").status is Status.RECEIVED
    world.now += LOST_MESSAGE_AFTER
    reports = [world.poll_pass() for _ in range(3)]
    assert sum(report.requeued for report in reports if report) == 1


def test_a_running_job_that_cannot_be_written_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = submitted("a.wav", "b.wav")
    with refusing(monkeypatch, world.records, "save", "a.wav"):
        report = world.poll_pass()
    assert report is not None
    assert report.failed_steps == 1
    assert world.job_of("b.wav").due_at == jobs.safety_net(world.job_of("b.wav"))
