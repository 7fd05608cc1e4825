"""Tasks that end without a transcript, and queries that fail."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.jobs.timeouts import RESULTS_LIVE, TASK_DEADLINE, UNKNOWN_CONFIRMED_AFTER
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.task_replies import TaskReply
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from tests.support.constants import SUBMITTED, SUCCEEDED
from tests.support.world import World


def test_the_file_of_a_task_that_the_vendor_no_longer_knows_is_submitted_again() -> None:
    world = World()
    world.vendor.forgotten = {"task-0"}
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.terminal_events_of("a.wav")[0].attempts == 2


@pytest.mark.parametrize("seconds", [2, 30, 100])
def test_a_new_task_that_the_vendor_does_not_know_yet_costs_no_second_submission(seconds: int) -> None:
    world = World()
    world.vendor.unknown_for = timedelta(seconds=seconds)
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_vendor_that_forgets_a_running_task_now_and_then_costs_no_second_submission() -> None:
    world = World()
    world.vendor.seconds = 1800
    world.upload("a.wav")
    world.deliver()
    query, forgets = world.vendor.query, itertools.cycle([True, False, False])

    def forget_now_and_then(task_id: str) -> TaskReply:
        world.vendor.forgotten = {"task-0"} if next(forgets) else set()
        return query(task_id)

    world.vendor.query = forget_now_and_then  # type: ignore[method-assign]
    world.run_until_quiet()
    assert world.vendor.queries > 10
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_task_that_stays_unknown_is_submitted_again_within_five_minutes() -> None:
    world = World()
    world.vendor.forgotten = {"task-0"}
    world.upload("a.wav")
    began = world.now
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert world.now - began < timedelta(minutes=5)


@pytest.mark.parametrize(
    "odd",
    [
        {"results": []},
        {"results": None},
        {"results": [{"subtask_status": "SUCCEEDED"}]},
        {"results": [{"subtask_status": "RUNNING"}]},
        {"results": [{"subtask_status": "SOMETHING_NEW", "transcription_url": "https://r/1"}]},
    ],
)
def test_results_that_come_a_minute_after_the_end_of_their_task_cost_no_second_submission(odd: JsonObject) -> None:
    world = World()
    whole = world.vendor._output
    ends_at = world.now + timedelta(seconds=60)

    def output(task_id: str) -> JsonObject:
        found = whole(task_id)
        return found if world.now > ends_at or found["task_status"] != "SUCCEEDED" else {**found, **odd}

    world.vendor._output = output  # type: ignore[method-assign]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize(
    "later",
    [
        {"task_status": "RUNNING", "results": None},
        {"task_status": "FAILED", "code": "InternalError", "results": None},
        {"results": []},
        {"results": [{"subtask_status": "SUCCEEDED"}]},
        {"results": [{"subtask_status": "FAILED", "code": "FILE_DOWNLOAD_FAILED"}]},
    ],
)
def test_a_task_that_takes_its_success_back_is_not_paid_for_again(later: JsonObject) -> None:
    world = World()
    whole, replies = world.vendor._output, itertools.count()

    def output(task_id: str) -> JsonObject:
        found = whole(task_id)
        return found if found["task_status"] != "SUCCEEDED" or not next(replies) else {**found, **later}

    world.vendor._output = output  # type: ignore[method-assign]
    world.vendor.downloads_to_fail = 4
    world.upload("a.wav")
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_reply_about_another_task_is_not_used() -> None:
    world = World(max_files_per_task=1)
    whole = world.vendor._output
    swapped = {"task-0": "task-1", "task-1": "task-0"}
    ends_at = world.now + timedelta(seconds=60)
    world.vendor._output = lambda task_id: whole(swapped[task_id] if world.now < ends_at else task_id)  # type: ignore[method-assign]
    world.vendor.omits_file_names = True
    for key in ("a.wav", "b.wav"):
        world.upload(key)
    world.run_until_quiet()
    assert [world.text_of(world.bus.terminal_events_of(key)[0]) for key in ("a.wav", "b.wav")] == [
        "said a.wav.\n",
        "said b.wav.\n",
    ]
    assert len(world.vendor.tasks) == 2


@pytest.mark.parametrize("wrap", [lambda results: {"0": results[0]}, lambda results: results[0]])
def test_results_that_are_no_list_are_read(wrap: Callable[[Any], Any]) -> None:
    world = World()
    whole = world.vendor._output

    def output(task_id: str) -> JsonObject:
        found = whole(task_id)
        return {**found, "results": wrap(found["results"])} if "results" in found else found

    world.vendor._output = output  # type: ignore[method-assign]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


@pytest.mark.parametrize("status", ["succeeded", " Succeeded"])
def test_a_status_in_small_letters_is_known(status: str) -> None:
    world = World()
    whole = world.vendor._output

    def output(task_id: str) -> JsonObject:
        found = whole(task_id)
        for file in found.get("results", []):
            file["subtask_status"] = status
        return found | ({"task_status": status} if "results" in found else {})

    world.vendor._output = output  # type: ignore[method-assign]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


@pytest.mark.parametrize(
    "end_time", ["1970-01-01 00:00:00", "0001-01-01 08:00:00", "9999-12-31 23:59:59", "2030-01-01"]
)
def test_an_end_that_is_no_time_of_the_task_costs_no_transcript_and_keeps_the_order_of_times(end_time: str) -> None:
    world = World()
    whole = world.vendor._output

    def output(task_id: str) -> JsonObject:
        found = whole(task_id)
        return {**found, "end_time": end_time, "scheduled_time": end_time} if "results" in found else found

    world.vendor._output = output  # type: ignore[method-assign]
    world.vendor.downloads_to_fail = 3
    world.upload("a.wav")
    world.run_until_quiet(faults=True)
    [detail] = world.bus.terminal_events_of("a.wav")
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    timing = detail.timing
    assert timing.submitted_at is not None
    assert timing.completed_at is not None
    assert timing.uploaded_at <= timing.submitted_at <= timing.completed_at <= timing.published_at
    assert timing.scheduled_at is None or timing.submitted_at <= timing.scheduled_at <= timing.completed_at


def test_the_file_of_a_task_that_never_ends_is_submitted_again() -> None:
    world = World()
    world.vendor.seconds = 10**6
    world.upload("a.wav")
    world.step()
    world.vendor.seconds = 3
    world.run_until_quiet(max_steps=6000)
    detail = world.bus.terminal_events_of("a.wav")[0]
    assert (detail.status, detail.attempts) == ("SUCCEEDED", 2)
    assert world.now - detail.timing.uploaded_at < timedelta(hours=5)


def test_failed_queries_are_repeated_later() -> None:
    world = World()
    world.vendor.query_errors = [
        VendorError("Throttling.RateQuota", "slow", ErrorClass.THROTTLED, 429),
        VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500),
        ResponseLost("reset"),
        VendorError("InvalidApiKey", "rotated", ErrorClass.ACCOUNT_WIDE, 401),
    ]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize(
    ("error", "queries"),
    [
        (VendorError("InvalidApiKey", "rotated", ErrorClass.ACCOUNT_WIDE, 401), 1),
        (VendorError("Throttling.RateQuota", "slow", ErrorClass.THROTTLED, 429), 1),
        (VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500), 3),
    ],
)
def test_a_pass_sends_no_further_query_after_an_error_that_every_query_would_get(
    error: VendorError, queries: int
) -> None:
    world = World(max_files_per_task=1)
    for number in range(3):
        world.upload(f"{number}.wav")
    world.deliver()
    world.now += timedelta(seconds=30)
    world.vendor.query_errors = [error] * 3
    report = world.poll_pass()
    assert report is not None
    assert (world.vendor.queries, report.failed_steps) == (queries, 0)
    world.vendor.query_errors.clear()
    world.run_until_quiet()
    assert all(world.bus.events_of(f"{number}.wav") == [SUBMITTED, SUCCEEDED] for number in range(3))


def test_an_overdue_task_is_cancelled() -> None:
    world = World()
    world.vendor.seconds = 10**6
    world.upload("a.wav")
    world.step()
    world.vendor.seconds = 3
    world.run_until_quiet(max_steps=6000)
    assert world.vendor.cancelled == ["task-0"]


def test_a_task_that_cannot_be_queried_is_timed_out_when_its_results_are_deleted() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.vendor.query_errors = [VendorError("NoSuchTask", "what?", ErrorClass.PERMANENT, 400)] * 5
    world.now += TASK_DEADLINE + RESULTS_LIVE + timedelta(hours=1)
    world.loop_pass()
    assert world.job_of("a.wav").last_error_code == "TASK_TIMED_OUT"
    world.vendor.query_errors = []
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_the_queries_of_the_loop_and_of_reconciliation_share_one_rate() -> None:
    world = World()
    world.vendor.responses_to_lose = 1
    for key in ("a.wav", "b.wav"):
        world.upload(key)
        world.deliver()
    world.run_until_quiet()
    assert world.vendor.queries > 0
    assert world.vendor.list_pages > 0
    assert set(world.records.next_slots) == {"query", "submit#fun-asr"}


def test_a_forgotten_task_whose_outcomes_were_not_written_is_submitted_again() -> None:
    """The pass was killed after it had recorded the end of the task, and before it wrote the outcomes."""
    world = World()
    world.vendor.seconds = 10_000
    world.upload("a.wav")
    world.deliver()
    world.vendor.forgotten.add("task-0")
    while not any(task.unknown_since for task in world.records.tasks.values()):
        world.step()
    world.now += UNKNOWN_CONFIRMED_AFTER
    world.vendor.seconds = 3
    world.crashes.kill_at(1, after=True)
    assert world.poll_pass() is None
    world.crashes.clear()
    [task] = world.records.tasks.values()
    assert (task.phase, world.records.find_batch(task.submission_id, []).outcomes) == (TaskPhase.ENDED, {})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert world.bus.events_of("a.wav")[-1] == SUCCEEDED
