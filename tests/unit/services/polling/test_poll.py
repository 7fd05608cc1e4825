"""What a pass hands to Step Functions stays far below 256 KB, with 1,000 tasks in flight or 100 files a task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.recognition.task_replies import TaskReply
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.polling.pass_budget import FILES_PER_PASS
from dashscribe.services.polling.poll import JOBS_PER_PASS, PassReport
from tests.support.world import World

SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"
STEP_FUNCTIONS_LIMIT = 256 * 1024


def ended(files: int, files_per_task: int) -> World:
    """Uploads whose tasks have all ended, and nobody has looked yet."""
    world = World(max_files_per_task=files_per_task)
    for number in range(files):
        world.upload(f"{number}.wav")
    while world.queue:
        batch = world.queue[:1000]
        world.deliver(batch)
    world.now += timedelta(minutes=2)
    return world


@pytest.mark.parametrize(("files", "files_per_task"), [(1000, 1), (3000, 100)])
@pytest.mark.parametrize("concurrent_queries", [1, 8])
def test_the_result_of_the_largest_pass_is_small(files: int, files_per_task: int, concurrent_queries: int) -> None:
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


def passed(report: PassReport | None) -> PassReport:
    assert report is not None
    return report


@pytest.fixture
def world() -> World:
    """One task has ended, another will in two seconds."""
    world = World(max_files_per_task=1)
    world.upload("first.wav")
    world.deliver()
    world.now += timedelta(seconds=2)
    world.upload("second.wav")
    world.deliver()
    world.now += timedelta(seconds=1.1)
    return world


def test_a_pass_that_leaves_other_tasks_running_asks_on_meanwhile(world: World) -> None:
    result = passed(world.poll_pass()).result
    assert [len(request.job_ids) for request in result.finalize] == [1]
    assert (result.poll_meanwhile, result.wait_seconds, result.work_left) == (True, 1, True)


def test_the_last_tasks_finalizers_are_waited_for_alone(world: World) -> None:
    """A pass beside them would find nothing, and be paid for."""
    world.loop_pass()
    world.now += timedelta(seconds=3)
    result = passed(world.poll_pass()).result
    assert [len(request.job_ids) for request in result.finalize] == [1]
    assert (result.poll_meanwhile, result.wait_seconds, result.work_left) == (False, 0, True)


def test_what_finalizers_have_in_hand_is_neither_asked_about_nor_handed_out_again(world: World) -> None:
    being_finalized = passed(world.poll_pass()).result.finalize
    queries = world.vendor.queries
    world.now += timedelta(seconds=1)
    meanwhile = passed(world.poll_pass(being_finalized))
    assert (meanwhile.result.finalize, world.vendor.queries - queries) == ([], 1)  # about the other one
    phases = [task.phase for task in world.records.tasks.values()]
    assert phases == [TaskPhase.ENDED, TaskPhase.IN_FLIGHT]
    for request in being_finalized:
        world.finalize(request)
    world.run_until_quiet()
    assert [world.vendor.submissions_of(key) for key in ("first.wav", "second.wav")] == [1, 1]
    assert [len(world.bus.terminal_events_of(key)) for key in ("first.wav", "second.wav")] == [1, 1]


def test_a_job_whose_end_a_finalizer_is_about_to_tell_is_left_to_it(world: World) -> None:
    world.vendor.file_outcomes["first.wav"] = ["DECODE_ERROR"]
    being_finalized = passed(world.poll_pass()).result.finalize
    told: list[PassReport | None] = []

    def between_record_and_event() -> None:
        if world.job_of("first.wav").status is Status.FAILED:
            told.append(world.poll_pass(being_finalized))

    for moment in range(1, 8):
        world.crashes.interleave_at(moment, between_record_and_event)
    for request in being_finalized:
        world.finalize(request)
    assert told, "no pass came in between"
    assert all(passed(report).result.finalize == [] for report in told)
    assert len(world.bus.terminal_events_of("first.wav")) == 1


def test_after_a_refusal_nothing_is_asked_meanwhile() -> None:
    """Whoever is told to slow down must not come back at once, only because another task has ended."""
    world = World(max_files_per_task=10)
    for number in range(20):
        world.upload(f"{number:02}.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    query = world.vendor.query

    def refuses_the_second(task_id: str) -> TaskReply:
        if task_id != "task-0":
            raise VendorError("Throttling.RateQuota", "too fast", ErrorClass.THROTTLED, 429)
        return query(task_id)

    world.vendor.query = refuses_the_second  # type: ignore[method-assign]  # the same, but for one task
    result = passed(world.poll_pass()).result
    assert sum(len(request.job_ids) for request in result.finalize) == 10
    assert not result.poll_meanwhile


def test_what_becomes_due_while_a_pass_runs_is_looked_at_by_the_next_one_at_once() -> None:
    """What was due before, and could not be done, is given a second."""
    world = World(max_files_per_task=1)
    world.vendor.seconds = 1000
    for name in ("first", "second"):
        world.upload(f"{name}.wav")
        world.deliver()
        world.now += timedelta(seconds=0.55)
    query = world.vendor.query

    def slowly(task_id: str) -> TaskReply:
        world.now += timedelta(seconds=0.6)
        return query(task_id)

    world.vendor.query = slowly  # type: ignore[method-assign]  # the same, a while later
    report = passed(world.poll_pass())
    assert (report.queries, report.result.finalize, report.result.wait_seconds) == (1, [], 0)


def test_a_lost_message_is_made_good_by_the_loop() -> None:
    world = World()
    body = world.upload("a.wav", queued=False)
    world.crashes.kill_at(2, after=False)  # the function dies after the record and before anything else
    world.deliver([body])
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_record_is_not_changed_any_more_once_its_message_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on MiniStack: the submit function read the record, the loop wrote it, and the claim came too late."""
    world = World()
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)]
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=10)
    seen: list[int] = []
    monkeypatch.setattr(world.submit_queue, "requeue", lambda job_id: seen.append(world.records.jobs[job_id].revision))
    world.loop_pass()
    assert seen == [world.job_of("a.wav").revision]


def test_the_age_of_the_oldest_unfinished_job_is_reported() -> None:
    world = World()
    world.key = None
    world.upload("old.wav")
    world.step()
    world.now += timedelta(hours=6)
    world.loop_pass()
    assert world.passes[-1].oldest_job_seconds > 6 * 3600


def test_ends_that_cannot_be_published_do_not_keep_others_from_their_turn() -> None:
    world = World()
    world.bus.failures = 10_000
    for number in range(150):
        world.upload(f"{number}.txt")
    world.deliver()
    world.loop_pass()
    world.loop_pass()
    assert sum(len(request.job_ids) for report in world.passes for request in report.result.finalize) == 150
    world.bus.failures = 0
    world.run_until_quiet()
    assert len({detail.job_id for _, detail in world.bus.events}) == 150
