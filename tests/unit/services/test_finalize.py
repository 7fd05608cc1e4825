"""What has ended is finalized while the loop asks about other tasks, and several files at the same time."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.task_replies import TaskReply
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.messages import FILES_PER_FINALIZER
from dashscribe.services.polling.poll import PassReport
from dashscribe.services.polling.task_poller import CONCURRENT_FINALIZERS
from tests.conftest import LogLines
from tests.support.world import World


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
    assert [len(world.bus.ends_of(key)) for key in ("first.wav", "second.wav")] == [1, 1]


def test_a_job_whose_end_a_finalizer_is_about_to_tell_is_left_to_it(world: World) -> None:
    world.vendor.answers["first.wav"] = ["DECODE_ERROR"]
    being_finalized = passed(world.poll_pass()).result.finalize
    told: list[PassReport | None] = []

    def between_record_and_event() -> None:
        if world.job_of("first.wav").status is Status.FAILED:
            told.append(world.poll_pass(being_finalized))

    for moment in range(1, 8):
        world.crashes.intrude(moment, between_record_and_event)
    for request in being_finalized:
        world.finalize(request)
    assert told, "no pass came in between"
    assert all(passed(report).result.finalize == [] for report in told)
    assert len(world.bus.ends_of("first.wav")) == 1


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


def test_the_time_that_queries_take_is_part_of_the_wait() -> None:
    world = World(max_files_per_task=1)
    world.vendor.seconds = 1000
    for name in ("first", "second"):
        world.upload(f"{name}.wav")
        world.deliver()
    world.now += timedelta(seconds=60)
    query = world.vendor.query

    def slowly(task_id: str) -> TaskReply:
        world.now += timedelta(seconds=0.9)
        return query(task_id)

    world.vendor.query = slowly  # type: ignore[method-assign]  # the same, a while later
    report = passed(world.poll_pass())
    assert (report.queries, report.result.finalize, report.result.wait_seconds) == (2, [], 1)


def test_ended_files_are_shared_out_among_as_many_finalizers_as_run_at_once() -> None:
    world = World(max_files_per_task=100)
    for number in range(200):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(minutes=1)
    sizes = [len(request.job_ids) for request in passed(world.poll_pass()).result.finalize]
    assert sizes == [5] * 40


def test_a_pass_hands_over_one_round_of_finalizers() -> None:
    world = World(max_files_per_task=100)
    for number in range(1000):
        world.upload(f"{number}.wav")
    while world.queue:
        world.deliver()
    world.now += timedelta(minutes=2)
    sizes = [len(request.job_ids) for request in passed(world.poll_pass()).result.finalize]
    assert len(sizes) <= CONCURRENT_FINALIZERS
    assert max(sizes) == FILES_PER_FINALIZER


@pytest.fixture
def ended() -> World:
    """A task of five files has ended."""
    world = World()
    for number in range(5):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    return world


def test_a_large_result_waits_until_it_is_alone(ended: World) -> None:
    [request] = passed(ended.poll_pass()).result.finalize[:1]
    whole = request.model_copy(update={"job_ids": list(ended.records.jobs)})
    large = ended.job_of("1.wav")
    ended.vendor.large_results = {
        url for url, result in ended.vendor.results.items() if "/1.wav" in str(result["file_url"])
    }
    assert len(ended.vendor.large_results) == 1
    report = ended.finalize_service(workers=5).run(whole.submission_id, whole.job_ids)
    assert (len(report.succeeded), report.unfinished) == (5, [])
    assert report.succeeded[-1].job_id == large.job_id


def test_one_files_trouble_keeps_no_neighbour_waiting(ended: World) -> None:
    request = passed(ended.poll_pass()).result.finalize[0]
    ended.vendor.downloads_to_fail = 1
    report = ended.finalize_service(workers=5).run(request.submission_id, list(ended.records.jobs))
    assert (len(report.succeeded), len(report.unfinished)) == (4, 1)


def test_a_log_line_names_the_file_that_it_is_about(
    ended: World, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them, download = Barrier(5, timeout=10), ended.vendor.download

    def at_the_same_time(url: str, *, small_only: bool = False) -> JsonObject:
        all_of_them.wait()
        return download(url, small_only=small_only)

    monkeypatch.setattr(ended.vendor, "download", at_the_same_time)
    request = passed(ended.poll_pass()).result.finalize[0]
    ended.finalize_service(workers=5).run(request.submission_id, list(ended.records.jobs))
    told = [line["job_id"] for line in log_lines() if line["message"] == "job ended"]
    assert sorted(told) == sorted(ended.records.jobs)
