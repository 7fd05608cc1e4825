"""How files share tasks, and what happens after the vendor refused a submission."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Job
from dashscribe.errors import ErrorClass, VendorError, VendorUnreachable
from tests.support.world import START, World

SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"


def test_one_file_a_task_when_the_parameter_says_so() -> None:
    world = World(max_files_per_task=1)
    for number in range(3):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [1, 1, 1]


def test_files_with_different_options_go_in_different_tasks() -> None:
    world = World()
    world.upload("plain.wav")
    world.upload("two.wav", metadata={"dashscribe-parameters": '{"channel_id": [0, 1]}'})
    world.run_until_quiet()
    assert len(world.vendor.tasks) == 2


def test_two_uploads_of_one_key_in_one_batch_never_share_a_task() -> None:
    world = World()
    world.upload("a.wav")
    world.upload("a.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [1, 1]


def test_a_server_that_takes_one_file_a_task_is_given_one() -> None:
    world = World()
    world.vendor.max_files = 1
    for number in range(4):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 4
    assert all(world.vendor.submissions_of(f"{number}.wav") == 1 for number in range(4))


@pytest.mark.parametrize(
    "refusal",
    [
        VendorError("Throttling.RateQuota", "slow down", ErrorClass.THROTTLED, 429),
        VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500),
        VendorUnreachable("no connection"),
    ],
)
def test_passing_trouble_at_submission_is_waited_out(refusal: VendorError) -> None:
    world = World()
    world.vendor.refusals = [refusal] * 5
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.terminal_events_of("a.wav")[0].attempts == 1


def test_lasting_trouble_at_submission_ends_in_a_failure_that_says_so() -> None:
    world = World()
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 100
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert (error.code, error.category) == ("InternalError", "retryable")
    assert "failed after 25 attempts" in error.message


def test_a_permanent_refusal_fails_at_once() -> None:
    world = World()
    world.vendor.refusals = [VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [FAILED]


def test_an_unknown_refusal_is_tried_a_few_times_and_then_failed_with_the_vendor_s_word() -> None:
    world = World()
    world.vendor.refusals = [VendorError("SomethingNew", "we do not like it", ErrorClass.RETRYABLE, 400)] * 50
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert (error.code, error.category) == ("SomethingNew", "retryable")
    assert len(world.vendor.refusals) == 45
    assert world.now - world.job_of("a.wav").uploaded_at < timedelta(minutes=15)


def test_that_a_server_takes_one_file_a_task_is_remembered_for_a_day() -> None:
    world = World()
    world.vendor.max_files = 1
    for number in range(4):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    refused = sum(len(report.waiting) for report in world.submit_reports)
    for number in range(4, 8):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert sum(len(report.waiting) for report in world.submit_reports) == refused
    world.vendor.max_files = 100
    world.now += timedelta(hours=25)
    tasks_so_far = len(world.vendor.tasks)
    for number in range(8, 12):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert len(world.vendor.tasks) == tasks_so_far + 1


def test_that_only_the_first_file_of_a_task_is_processed_is_remembered_too() -> None:
    world = World()
    world.vendor.file_outcomes |= {"b.wav": ["missing", "ok"], "c.wav": ["missing", "ok"]}
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("d.wav")
    world.upload("e.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [3, 1, 1, 1, 1]


def test_one_missing_file_among_others_says_nothing_of_their_number() -> None:
    world = World()
    world.vendor.file_outcomes["b.wav"] = ["missing", "ok"]
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("d.wav")
    world.upload("e.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [3, 1, 2]


def test_a_submission_leaves_when_its_turn_comes_however_long_its_claims_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late ones come close to the next ones, and the vendor refuses what comes too close."""
    world = World()
    for number in range(3):
        world.upload(f"{number}.wav")
    turn = START + timedelta(seconds=4)
    world.records.next_slots["submit#fun-asr"] = turn
    save = world.records.save

    def slowly(job: Job) -> Job:
        world.now += timedelta(seconds=1)
        return save(job)

    monkeypatch.setattr(world.records, "save", slowly)
    world.deliver()
    [task] = world.vendor.tasks.values()
    assert len(task.urls) == 3
    assert task.accepted_at == turn
