"""One record's fault stays its own: it is moved aside, and the pass handles the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.timeouts import TASK_SAFETY_NET
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from tests.support.constants import ENVIRON, FAILED, SUCCEEDED
from tests.support.refusals import refusing
from tests.support.world import World


def ends(world: World, key: str) -> list[str]:
    return [kind for kind in world.bus.events_of(key) if kind in (SUCCEEDED, FAILED)]


def with_dropped_model(job: Job) -> Job:
    """The job as a version of the stack recorded it whose catalogue had another model."""
    options = Options(profile="default", model="retired-asr", parameters={})
    return job.model_copy(update={"options": options, "model": options.model})


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.4])
def test_a_backlog_moves_at_the_slowest_rate(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    """80 % of three seconds of such a rate is less than one file."""
    monkeypatch.setitem(ENVIRON, "SUBMIT_REQUESTS_PER_SECOND", str(rate))
    world = World(max_files_per_task=1)
    for number in range(5):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert all(ends(world, f"{number}.wav") == [SUCCEEDED] for number in range(5))
    assert world.now - world.job_of("0.wav").received_at < timedelta(seconds=5 / (rate * 0.8) + 120)


def test_a_waiting_job_of_a_model_that_was_dropped_fails_and_stops_no_other_backlog() -> None:
    world = World(max_files_per_task=1)
    for number in range(3):
        world.upload(f"{number}.wav")
    world.records.next_slots["submit#fun-asr"] = world.now + timedelta(seconds=30)
    world.deliver()
    job = world.job_of("0.wav")
    world.records.jobs[job.job_id] = with_dropped_model(job)
    world.run_until_quiet()
    assert ends(world, "1.wav") == ends(world, "2.wav") == [SUCCEEDED]
    [end] = world.bus.terminal_events_of("0.wav")
    assert end.error is not None
    assert end.error.code == "UNKNOWN_MODEL"
    assert "retired-asr" in end.error.message


@pytest.mark.parametrize("due_kind", [Due.JOB, Due.PAUSED, Due.RATE_LIMITED])
def test_a_job_of_a_dropped_model_fails_on_whatever_list_it_waits(due_kind: Due) -> None:
    world = World()
    for key in ("old.wav", "new.wav"):
        world.upload(key)
    world.key = None
    world.deliver()
    world.key = "sk-test"
    job = with_dropped_model(world.job_of("old.wav"))
    world.records.jobs[job.job_id] = job.model_copy(update={"due_kind": due_kind})
    world.run_until_quiet()
    assert ends(world, "old.wav") == [FAILED]
    assert ends(world, "new.wav") == [SUCCEEDED]


def test_a_task_of_a_dropped_model_is_still_finalized() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    job = world.job_of("a.wav")
    world.records.jobs[job.job_id] = with_dropped_model(job)
    world.run_until_quiet()
    assert ends(world, "a.wav") == [SUCCEEDED]


def test_an_unreadable_task_at_its_safety_net_does_not_stop_the_other_due_jobs() -> None:
    world = World(max_files_per_task=1)
    for key in ("a.wav", "b.wav"):
        world.upload(key)
    world.deliver()
    broken = world.job_of("a.wav").submission_id or ""
    world.records.unreadable.add(broken)
    world.run_until_quiet(faults=True, max_steps=20_000)
    assert ends(world, "b.wav") == ends(world, "a.wav") == [SUCCEEDED]
    assert world.records.moved_aside == [broken]
    end_of_b = world.bus.terminal_events_of("b.wav")[0].timing.published_at
    assert end_of_b - world.job_of("b.wav").received_at < timedelta(minutes=2)
    end_of_a = world.bus.terminal_events_of("a.wav")[0].timing.published_at
    assert end_of_a - world.job_of("a.wav").received_at < TASK_SAFETY_NET + timedelta(minutes=10)


def test_a_hundred_unreadable_jobs_hide_no_other() -> None:
    world = World()
    for number in range(100):
        world.upload(f"bad{number}.wav")
    world.key = None
    world.deliver()
    world.records.unreadable |= set(world.records.jobs)
    world.key = "sk-test"
    world.upload("good.wav")
    uploaded = world.now
    world.run_until_quiet(faults=True)
    [end] = world.bus.terminal_events_of("good.wav")
    assert end.timing.published_at - uploaded < timedelta(minutes=5)
    assert len(world.records.moved_aside) == 100


def test_the_message_of_an_unreadable_job_is_not_delivered_for_ever() -> None:
    world = World()
    body = world.upload("a.wav")
    world.deliver()
    world.records.unreadable |= set(world.records.jobs)
    report = world.deliver([body])
    assert report.failed_message_ids == []
    assert len(world.records.moved_aside) == 1


def test_a_lost_response_whose_task_record_is_unreadable_ends_after_one_resubmission() -> None:
    world = World()
    world.vendor.refusals = [ResponseLost("reset")]
    world.upload("a.wav")
    world.deliver()
    world.records.unreadable.add(world.job_of("a.wav").submission_id or "")
    world.run_until_quiet()
    assert ends(world, "a.wav") == [SUCCEEDED]


def test_a_due_job_that_raises_an_error_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for key in ("a.wav", "b.wav"):
        world.upload(key)
    world.deliver()
    for job in list(world.records.jobs.values()):
        world.records.jobs[job.job_id] = jobs.check_again(job, jobs.safety_net(job))
    world.now = max(jobs.safety_net(job) for job in world.records.jobs.values())
    find_task, broken = world.records.find_task, world.job_of("a.wav").submission_id
    calls = 0

    def fail_once(submission_id: str) -> object:
        nonlocal calls
        calls += submission_id == broken
        if calls == 1:
            raise ConnectionError("the table does not answer")
        return find_task(submission_id)

    with monkeypatch.context() as patch:
        patch.setattr(world.records, "find_task", fail_once)
        patch.setattr(world.records, "due_tasks", lambda until, limit: [])
        report = world.poll_pass()
    assert report is not None
    assert report.failed_steps == 1
    assert (world.job_of("b.wav").due_at or world.now) > world.now
    world.run_until_quiet(faults=True)


@pytest.mark.parametrize("is_paused", [False, True])
def test_a_job_that_cannot_be_written_does_not_stop_its_batch(monkeypatch: pytest.MonkeyPatch, is_paused: bool) -> None:
    world = World()
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    if is_paused:
        world.pause()
    with refusing(monkeypatch, world.records, "save", "a.wav"):
        report = world.deliver()
    assert report.broken_batches == 1
    reached = report.waiting if is_paused else report.submitted
    assert {job.media.key for job in reached} == {"b.wav", "c.wav"}
    world.run_until_quiet(faults=True)
    assert all(ends(world, key) == [SUCCEEDED] for key in ("a.wav", "b.wav", "c.wav"))
    assert world.vendor.submissions_of("a.wav") == 1


def test_an_error_that_cannot_be_recorded_does_not_lose_the_other_tasks_of_a_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(max_files_per_task=1)
    for key in ("a.wav", "b.wav"):
        world.upload(key)
    world.deliver()
    world.now += timedelta(seconds=10)
    world.vendor.query_errors = [VendorError("InvalidApiKey", "rotated", ErrorClass.RETRYABLE, 401)]
    find_task, calls = world.records.find_task, 0

    def fail_at_the_second_look(submission_id: str) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError("the table does not answer")
        return find_task(submission_id)

    with monkeypatch.context() as patch:
        patch.setattr(world.records, "find_task", fail_at_the_second_look)
        report = world.poll_pass()
    assert report is not None
    assert report.failed_steps == 1
    assert sum(len(request.job_ids) for request in report.result.finalize) == 1


@pytest.mark.parametrize("created", [-1, 10**30, "soon", None, 253_402_300_799_000, 0])
def test_a_listed_task_with_an_odd_time_breaks_no_scan_and_no_reconciliation(created: object) -> None:
    odd = TaskList.model_validate({"data": [{"task_id": "odd", "status": "RUNNING", "gmt_create": created}]})
    world = World(max_files_per_task=1)
    list_page = world.vendor.list_page

    def with_an_odd_task(model: str, page: int, page_size: int) -> TaskList:
        found = list_page(model, page, page_size)
        return found.model_copy(update={"data": [*odd.data, *found.data]})

    world.vendor.list_page = with_an_odd_task  # type: ignore[method-assign]
    for number in range(6):
        world.upload(f"{number}.wav")
    world.vendor.responses_to_lose = 1
    world.run_until_quiet()
    assert all(ends(world, f"{number}.wav") == [SUCCEEDED] for number in range(6))


def test_a_file_that_can_never_be_claimed_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    save = world.records.save

    def refuse_claims(job: Job) -> Job:
        if job.media.key == "bad.wav" and job.options is not None:
            raise ValueError("the item is too large")
        return save(job)

    monkeypatch.setattr(world.records, "save", refuse_claims)
    for key in ("a.wav", "bad.wav"):
        world.upload(key)
    world.run_until_quiet(faults=True)
    assert [world.job_of(key).status for key in ("a.wav", "bad.wav")] == ["SUCCEEDED", "FAILED"]


@pytest.mark.parametrize("together", [True, False])
def test_a_file_whose_every_submission_raises_an_unexpected_error_ends_and_the_others_are_transcribed(
    monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    world = World(max_files_per_task=100 if together else 1)
    presign = world.media.presign

    def presign_all_but_one(media: Media) -> str:
        if media.key == "bad.wav":
            raise KeyError("a fault in our code")
        return presign(media)

    monkeypatch.setattr(world.media, "presign", presign_all_but_one)
    for key in ("a.wav", "bad.wav", "b.wav"):
        world.upload(key)
    world.run_until_quiet(faults=True)
    assert [world.job_of(key).status for key in ("a.wav", "bad.wav", "b.wav")] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    failed = world.job_of("bad.wav").failure
    assert failed is not None
    assert failed.code == "INTERNAL_ERROR"
    assert world.vendor.submissions_of("a.wav") == world.vendor.submissions_of("b.wav") == 1
