"""What a pass returns to the state machine, and the due jobs that it requeues."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.job import Status
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.recognition.task_replies import TaskReply
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.polling.pass_budget import FILES_PER_PASS
from dashscribe.services.polling.poll import JOBS_PER_PASS, PassReport
from tests.support.constants import ONE_OUTPUT, SUBMITTED, SUCCEEDED
from tests.support.refusals import refusing
from tests.support.world import World

STEP_FUNCTIONS_LIMIT = 256 * 1024


def ended(files: int, files_per_task: int) -> World:
    """Uploads whose tasks have all ended and have not been queried."""
    world = World(max_files_per_task=files_per_task, submit_environ=ONE_OUTPUT)
    for number in range(files):
        world.upload(f"{number}.wav")
    while world.queue:
        batch = world.queue[:1000]
        world.deliver(batch)
    world.now += timedelta(minutes=2)
    return world


@pytest.mark.parametrize(("files", "files_per_task", "concurrent_queries"), [(1000, 1, 1), (3000, 100, 8)])
def test_the_output_of_the_largest_pass_is_far_below_the_step_functions_limit(
    files: int, files_per_task: int, concurrent_queries: int
) -> None:
    world = ended(files, files_per_task)
    world.bus.failures = 10**9
    for number in range(150):
        world.upload(f"{number}.txt")
    world.deliver()
    world.now += timedelta(minutes=1)
    largest = max_files = 0
    for _ in range(5):
        report = world.poll_service(concurrent_queries).run()
        largest = max(largest, len(report.result.model_dump_json()))
        max_files = max(max_files, sum(len(request.job_ids) for request in report.result.finalize))
        world.now += timedelta(seconds=1)
    assert 3_000 < largest < STEP_FUNCTIONS_LIMIT / 4
    assert max_files < FILES_PER_PASS + 100 + JOBS_PER_PASS


def completed(report: PassReport | None) -> PassReport:
    assert report is not None
    return report


@pytest.fixture
def world() -> World:
    """One task has ended, and another one ends in two seconds."""
    world = World(max_files_per_task=1)
    world.upload("first.wav")
    world.deliver()
    world.now += timedelta(seconds=2)
    world.upload("second.wav")
    world.deliver()
    world.now += timedelta(seconds=1.1)
    return world


def test_polling_continues_while_finalizers_run_if_other_tasks_still_run(world: World) -> None:
    result = completed(world.poll_pass()).result
    assert [len(request.job_ids) for request in result.finalize] == [1]
    assert (result.poll_meanwhile, result.wait_seconds, result.work_left) == (True, 1, True)


def test_the_loop_waits_for_finalizers_when_no_other_task_runs(world: World) -> None:
    """A pass during that time would find nothing, but it would cost something."""
    world.loop_pass()
    world.now += timedelta(seconds=3)
    result = completed(world.poll_pass()).result
    assert [len(request.job_ids) for request in result.finalize] == [1]
    assert (result.poll_meanwhile, result.wait_seconds, result.work_left) == (False, 0, True)


def test_jobs_that_are_being_finalized_are_neither_queried_nor_finalized_again(world: World) -> None:
    being_finalized = completed(world.poll_pass()).result.finalize
    queries = world.vendor.queries
    world.now += timedelta(seconds=1)
    meanwhile = completed(world.poll_pass(being_finalized))
    assert (meanwhile.result.finalize, world.vendor.queries - queries) == ([], 1)  # of the other task
    phases = [task.phase for task in world.records.tasks.values()]
    assert phases == [TaskPhase.ENDED, TaskPhase.IN_FLIGHT]
    for request in being_finalized:
        world.finalize(request)
    world.run_until_quiet()
    assert [world.vendor.submissions_of(key) for key in ("first.wav", "second.wav")] == [1, 1]
    assert [len(world.bus.terminal_events_of(key)) for key in ("first.wav", "second.wav")] == [1, 1]


def test_a_pass_does_not_publish_the_end_of_a_job_that_is_being_finalized(world: World) -> None:
    world.vendor.file_outcomes["first.wav"] = ["DECODE_ERROR"]
    being_finalized = completed(world.poll_pass()).result.finalize
    reports: list[PassReport | None] = []

    def poll_before_the_event() -> None:
        if world.job_of("first.wav").status is Status.FAILED:
            reports.append(world.poll_pass(being_finalized))

    for moment in range(1, 8):
        world.crashes.interleave_at(moment, poll_before_the_event)
    for request in being_finalized:
        world.finalize(request)
    assert reports, "no pass ran in between"
    assert all(completed(report).result.finalize == [] for report in reports)
    assert len(world.bus.terminal_events_of("first.wav")) == 1


def test_after_throttling_no_pass_polls_while_finalizers_run() -> None:
    """After throttling the next pass must wait, although another task has ended."""
    world = World(max_files_per_task=10)
    for number in range(20):
        world.upload(f"{number:02}.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    query = world.vendor.query

    def refuse_others(task_id: str) -> TaskReply:
        if task_id != "task-0":
            raise VendorError("Throttling.RateQuota", "too fast", ErrorClass.THROTTLED, 429)
        return query(task_id)

    world.vendor.query = refuse_others  # type: ignore[method-assign]
    result = completed(world.poll_pass()).result
    assert sum(len(request.job_ids) for request in result.finalize) == 10
    assert not result.poll_meanwhile


def test_a_task_that_becomes_due_during_a_pass_is_queried_without_a_wait() -> None:
    """A task that was due before the pass, and could not be handled in it, waits for a second."""
    world = World(max_files_per_task=1)
    world.vendor.seconds = 1000
    for name in ("first", "second"):
        world.upload(f"{name}.wav")
        world.deliver()
        world.now += timedelta(seconds=0.55)
    query = world.vendor.query

    def query_slowly(task_id: str) -> TaskReply:
        world.now += timedelta(seconds=0.6)
        return query(task_id)

    world.vendor.query = query_slowly  # type: ignore[method-assign]
    report = completed(world.poll_pass())
    assert (report.queries, report.result.finalize, report.result.wait_seconds) == (1, [], 0)


def test_the_loop_requeues_a_job_whose_message_was_lost() -> None:
    world = World()
    body = world.upload("a.wav", queued=False)
    world.crashes.kill_at(2, after=False)  # killed right after the job was recorded
    world.deliver([body])
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_job_is_requeued_only_after_its_record_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the submit function could read the record before the loop writes it, and its claim would fail."""
    world = World()
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)]
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=10)
    revisions: list[int] = []
    monkeypatch.setattr(
        world.submit_queue, "requeue", lambda job_id: revisions.append(world.records.jobs[job_id].revision)
    )
    world.loop_pass()
    assert revisions == [world.job_of("a.wav").revision]


def test_the_age_of_the_oldest_unfinished_job_is_reported() -> None:
    world = World()
    world.key = None
    world.upload("old.wav")
    world.step()
    world.now += timedelta(hours=6)
    world.loop_pass()
    assert world.passes[-1].oldest_job_seconds > 6 * 3600


def test_the_age_of_the_oldest_job_is_read_once_a_minute() -> None:
    world = World()
    world.key = None
    world.upload("old.wav")
    world.step()
    world.now += timedelta(hours=6)
    service = world.poll_service()
    ages = []
    for _ in range(60):
        ages.append(service.run().oldest_job_seconds)
        world.now += timedelta(seconds=3)
    assert sum(age > 6 * 3600 for age in ages) == 3
    assert sum(age > 0 for age in ages) == 3


def test_the_age_of_a_job_of_some_minutes_is_not_reported() -> None:
    world = World()
    world.key = None
    world.upload("young.wav")
    world.step()
    world.now += timedelta(minutes=13)
    world.loop_pass()
    assert world.passes[-1].oldest_job_seconds == 0


def test_events_that_cannot_be_published_do_not_delay_other_due_jobs() -> None:
    world = World()
    world.bus.failures = 10_000
    for number in range(150):
        world.upload(f"{number}.txt")
    world.deliver()
    world.loop_pass()
    world.loop_pass()
    assert sum(len(request.job_ids) for report in world.passes for request in report.result.finalize) == 150
    world.bus.failures = 0
    world.run_until_quiet(faults=True)
    assert len({detail.job_id for _, detail in world.bus.events}) == 150


def unavailable(*_: object) -> list[object]:
    raise ConnectionError("no answer")


@pytest.mark.parametrize("broken", ["due", "pauses", "rate_limited_jobs"])
def test_a_broken_step_of_a_pass_does_not_delay_the_files_of_an_ended_task(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    world = ended(files=3, files_per_task=3)
    with monkeypatch.context() as patch:
        patch.setattr(world.records, broken, unavailable)
        report = completed(world.poll_pass())
    assert report.failed_steps >= 1
    assert sum(len(request.job_ids) for request in report.result.finalize) == 3
    world.run_until_quiet(faults=True)
    assert [world.vendor.submissions_of(f"{number}.wav") for number in range(3)] == [1, 1, 1]


def refused_once(*keys: str) -> World:
    """Each of these uploads was refused once, and is due again."""
    world = World(max_files_per_task=1)
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500) for _ in keys]
    for key in keys:
        world.upload(key)
    world.deliver()
    world.now += timedelta(seconds=30)
    return world


def test_due_jobs_are_requeued_although_the_tasks_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    world = refused_once("a.wav")
    with monkeypatch.context() as patch:
        patch.setattr(world.records, "due_tasks", unavailable)
        report = completed(world.poll_pass())
    assert (report.failed_steps, report.requeued, len(world.queue)) == (1, 1, 1)


def test_a_due_job_whose_record_cannot_be_written_is_counted_and_does_not_delay_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = refused_once("a.wav", "b.wav", "c.wav")
    with refusing(monkeypatch, world.records, "save", "a.wav"):
        report = completed(world.poll_pass())
    assert (report.failed_steps, report.requeued, len(world.queue)) == (1, 2, 2)
    world.run_until_quiet(faults=True)
    assert all(world.bus.events_of(key) == [SUBMITTED, SUCCEEDED] for key in ("a.wav", "b.wav", "c.wav"))


def test_a_job_at_its_safety_net_whose_task_has_ended_is_not_submitted_again() -> None:
    world = ended(files=1, files_per_task=1)
    assert completed(world.poll_pass()).result.finalize, "its finalizer dies"
    job, [task] = world.job_of("0.wav"), world.records.tasks.values()
    world.now = jobs.safety_net(job)
    world.records.jobs[job.job_id] = jobs.check_again(job, world.now)
    later = {"due_at": world.now + timedelta(minutes=10)}
    world.records.tasks[task.submission_id] = task.model_copy(update=later)
    world.poll_pass()
    assert world.job_of("0.wav").status is Status.SUBMITTED
    world.run_until_quiet()
    assert world.vendor.submissions_of("0.wav") == 1
    assert world.bus.events_of("0.wav") == [SUBMITTED, SUCCEEDED]
