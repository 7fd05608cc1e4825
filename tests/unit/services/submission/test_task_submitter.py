"""How files share tasks, and what happens after the vendor refused a submission."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Job
from dashscribe.errors import ErrorClass, VendorError, VendorUnreachable
from tests.support.constants import FAILED, START, SUBMITTED, SUCCEEDED
from tests.support.world import World


def test_each_file_has_its_own_task_when_the_parameter_allows_one_file_per_task() -> None:
    world = World(max_files_per_task=1)
    for number in range(3):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [1, 1, 1]


def test_files_with_different_options_are_submitted_in_different_tasks() -> None:
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


def test_files_refused_as_one_task_are_submitted_one_per_task() -> None:
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
def test_a_temporary_refusal_only_delays_the_transcript(refusal: VendorError) -> None:
    world = World()
    world.vendor.refusals = [refusal] * 5
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.terminal_events_of("a.wav")[0].attempts == 1


def test_an_upload_fails_after_25_refused_submissions_and_its_message_says_so() -> None:
    world = World()
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 100
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert (error.code, error.category) == ("InternalError", "retryable")
    assert "failed after 25 attempts" in error.message


def test_a_permanent_refusal_fails_the_job_at_once() -> None:
    world = World()
    world.vendor.refusals = [VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [FAILED]


def test_an_unknown_refusal_is_retried_four_times_and_then_fails_with_the_vendors_code() -> None:
    world = World()
    world.vendor.refusals = [VendorError("SomethingNew", "we do not like it", ErrorClass.RETRYABLE, 400)] * 50
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert (error.code, error.category) == ("SomethingNew", "retryable")
    assert len(world.vendor.refusals) == 45
    assert world.now - world.job_of("a.wav").uploaded_at < timedelta(minutes=15)


def test_one_file_per_task_is_remembered_for_a_day() -> None:
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


def test_one_file_per_task_is_remembered_after_a_task_processed_only_its_first_file() -> None:
    world = World()
    world.vendor.file_outcomes |= {"b.wav": ["missing", "ok"], "c.wav": ["missing", "ok"]}
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("d.wav")
    world.upload("e.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [3, 1, 1, 1, 1]


def test_one_missing_file_of_three_does_not_limit_later_tasks_to_one_file() -> None:
    world = World()
    world.vendor.file_outcomes["b.wav"] = ["missing", "ok"]
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("d.wav")
    world.upload("e.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [3, 1, 2]


def test_a_submission_is_sent_at_its_slot_even_when_its_claims_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late submission is close to the next one, and the vendor refuses submissions that are too close."""
    world = World()
    for number in range(3):
        world.upload(f"{number}.wav")
    slot = START + timedelta(seconds=4)
    world.records.next_slots["submit#fun-asr"] = slot
    save = world.records.save

    def save_slowly(job: Job) -> Job:
        world.now += timedelta(seconds=1)
        return save(job)

    monkeypatch.setattr(world.records, "save", save_slowly)
    world.deliver()
    [task] = world.vendor.tasks.values()
    assert len(task.urls) == 3
    assert task.accepted_at == slot


def test_submissions_keep_the_rate_that_the_stack_sets() -> None:
    world = World(max_files_per_task=1, submit_environ={"SUBMIT_REQUESTS_PER_SECOND": "0.5"})
    for number in range(3):
        world.upload(f"{number}.wav")
    world.deliver()
    first, *others = [task.accepted_at for task in world.vendor.tasks.values()]
    assert [(accepted_at - first) >= timedelta(seconds=2 * number) for number, accepted_at in enumerate(others, 1)] == [
        True,
        True,
    ]


def test_a_run_whose_job_was_claimed_by_another_run_sends_nothing() -> None:
    world = World()
    body = world.upload("a.wav", queued=False)
    world.crashes.interleave_at("before save job as SUBMITTING", lambda: world.deliver([body]))
    world.deliver([body])
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [1]
    assert [(len(report.submitted), report.broken_batches) for report in world.submit_reports] == [(1, 0), (0, 0)]
