"""Submissions whose response was lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import CATALOGUE, ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from tests.support.constants import DELAYED, FAILED, START, SUBMITTED, SUCCEEDED
from tests.support.world import World

NO_LIST = VendorError("NotFound", "no such path", ErrorClass.PERMANENT, 404)


def test_a_submission_whose_response_was_lost_is_found_in_the_task_list_and_not_paid_again() -> None:
    world = World()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.upload("b.wav")
    world.run_until_quiet()
    for key in ("a.wav", "b.wav"):
        assert world.vendor.submissions_of(key) == 1
        assert world.bus.events_of(key) == [SUBMITTED, SUCCEEDED]
        assert world.bus.terminal_events_of(key)[0].attempts == 1
    assert sum(report.ambiguous for report in world.submit_reports) == 2


def test_a_submission_that_never_arrived_is_sent_again() -> None:
    world = World()
    world.upload("known.wav")
    world.deliver()
    world.vendor.refusals = [ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_second_lost_response_fails_the_job_even_when_the_list_shows_that_both_were_not_accepted() -> None:
    world = World()
    world.upload("known.wav")
    world.deliver()
    world.vendor.refusals = [ResponseLost("timed out"), ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert error.code == "SUBMISSION_UNCONFIRMED"
    assert world.vendor.submissions_of("a.wav") == 0


def test_tasks_of_other_programs_on_the_account_are_not_adopted() -> None:
    world = World()
    for number in range(3):
        world.vendor.submit(CATALOGUE["fun-asr"], [f"https://other.s3.us-east-1.amazonaws.com/{number}.wav?X"], {})
    world.vendor.refusals = [ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


@pytest.mark.parametrize(
    ("error", "events"),
    [
        (NO_LIST, [SUBMITTED, SUCCEEDED]),
        (VendorError("InvalidParameter", "no such request", ErrorClass.PERMANENT, 400), [SUBMITTED, SUCCEEDED]),
        (VendorError("HTTP_404", "an HTML page", ErrorClass.RETRYABLE, 404), [SUBMITTED, SUCCEEDED]),
        (VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500), [DELAYED, SUBMITTED, SUCCEEDED]),
    ],
    ids=["no list", "refused", "no such path", "list fails"],
)
def test_without_a_task_list_a_lost_response_leads_to_one_more_submission_which_is_counted(
    error: VendorError, events: list[str]
) -> None:
    world = World()
    world.vendor.list_refusal = error
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.run_until_quiet(max_steps=5000)  # a list that never answers is tried for 23 hours
    assert world.bus.events_of("a.wav") == events
    assert world.vendor.submissions_of("a.wav") == 2
    assert sum(report.ambiguous for report in world.submit_reports) == 1


def test_without_a_task_list_a_second_lost_response_fails_the_job() -> None:
    world = World()
    world.vendor.list_refusal = NO_LIST
    world.vendor.refusals = [ResponseLost("timed out"), ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert error.code == "SUBMISSION_UNCONFIRMED"
    assert not world.vendor.tasks


def test_a_lost_response_is_reconciled_when_only_the_result_names_the_file() -> None:
    world = World()
    world.vendor.omits_file_names = True
    world.vendor.responses_to_lose = 1
    world.upload("a.wav", metadata={"dashscribe-model": "qwen3-asr-flash-filetrans"})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.job_of("a.wav").status is Status.SUCCEEDED


@pytest.mark.parametrize("odd", [7, None, ["a.wav"]])
def test_a_result_with_an_odd_file_name_leads_to_one_more_submission(odd: object) -> None:
    world = World()
    world.vendor.omits_file_names = True
    world.vendor.responses_to_lose = 1
    download = world.vendor.download
    world.vendor.download = lambda url, **_: download(url) | {"file_url": odd}  # type: ignore[method-assign]
    world.upload("a.wav", metadata={"dashscribe-model": "qwen3-asr-flash-filetrans"})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_task_that_was_found_by_a_run_that_died_is_adopted_by_the_next_run() -> None:
    world = World()
    world.vendor.seconds = 30
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.records.known_task_ids["task-0"] = world.job_of("a.wav").submission_id or ""
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_result_that_cannot_be_downloaded_yet_causes_no_second_submission() -> None:
    world = World()
    world.vendor.omits_file_names = True
    world.vendor.responses_to_lose = 1
    world.vendor.downloads_to_fail = 2
    world.upload("a.wav", metadata={"dashscribe-model": "qwen3-asr-flash-filetrans"})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_list_that_was_not_read_back_to_the_post_leads_to_one_more_submission() -> None:
    world = World()
    world.vendor.seconds = 100
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    newer = world.now + timedelta(seconds=1)
    world.vendor.largest_page = 10
    world.vendor.foreign_tasks = [(newer + timedelta(minutes=3), False) for _ in range(300)]
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2, "the outcome is undetermined, so the file is submitted once more"
    assert world.job_of("a.wav").ambiguous_submissions == 1


def test_a_post_behind_1500_newer_tasks_is_found_in_the_list() -> None:
    world = World()
    world.vendor.seconds = 100
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.foreign_tasks = [(world.now + timedelta(minutes=3), False) for _ in range(1500)]
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.job_of("a.wav").status is Status.SUCCEEDED


def test_a_new_upload_is_recorded_before_a_lost_response_is_reconciled(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=30)
    [lost] = world.records.jobs
    jobs_recorded: list[int] = []

    def time_out(*_: object) -> None:
        jobs_recorded.append(len(world.records.jobs))
        world.now += timedelta(seconds=30)
        raise ResponseLost("timed out")

    monkeypatch.setattr(world.vendor, "list_page", time_out)
    world.deliver([json.dumps({"job_id": lost}), world.upload("b.wav", queued=False)])
    assert jobs_recorded == [2]
    assert world.job_of("b.wav").due_kind is not None


def test_a_url_that_cannot_be_signed_does_not_count_as_a_lost_response(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.upload("a.wav")

    def fail(_: object) -> str:
        raise RuntimeError("no credentials")

    with monkeypatch.context() as patch:
        patch.setattr(world.media, "presign", fail)
        world.deliver()
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert sum(report.ambiguous for report in world.submit_reports) == 0


def test_a_lost_response_is_not_matched_with_the_task_of_another_upload_under_the_same_key() -> None:
    """In an unversioned bucket both uploads have the same address. Here both responses are lost."""
    world = World()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.refusals = [ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert {job.task_id for job in world.records.jobs.values()} == {"task-0", "task-1"}


def test_a_task_that_names_no_file_leaves_the_post_outcome_undetermined() -> None:
    """The task may be the one whose response was lost, so the POST does not count as not accepted."""
    world = World()
    world.vendor.responses_to_lose = 2
    world.vendor.endings = {"task-0": ("FAILED", "InternalError"), "task-1": ("FAILED", "InternalError")}
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert error.code == "SUBMISSION_UNCONFIRMED"


def test_an_upload_fails_when_every_response_is_lost_and_no_submission_was_accepted() -> None:
    world = World()
    world.vendor.refusals = [ResponseLost("timed out")] * 100
    world.upload("a.wav")
    world.run_until_quiet(max_steps=10_000)
    assert world.bus.events_of("a.wav") == [DELAYED, FAILED]
    assert world.now - world.job_of("a.wav").uploaded_at < timedelta(hours=5)


def test_the_lost_response_of_a_batch_is_reconciled_once_for_all_its_jobs() -> None:
    world = World()
    world.vendor.responses_to_lose = 1
    for number in range(20):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert all(world.vendor.submissions_of(f"{number}.wav") == 1 for number in range(20))
    assert world.vendor.list_pages <= 2


def accept_with_error(world: World, times: int, status: int = 502) -> None:
    """The next submissions are accepted, and answered with an error of the server."""
    submit = world.vendor.submit
    answered = iter(range(times))

    def submit_with_error(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        accepted = submit(spec, file_urls, parameters)
        if next(answered, None) is not None:
            raise VendorError(f"HTTP_{status}", "bad gateway", ErrorClass.RETRYABLE, status)
        return accepted

    world.vendor.submit = submit_with_error  # type: ignore[method-assign]


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("seconds", [1, 60, 300])
@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_submission_that_was_accepted_with_an_error_of_the_server_is_found(
    files: int, seconds: float, status: int
) -> None:
    world = World()
    world.vendor.seconds = seconds
    accept_with_error(world, 10, status)
    for number in range(files):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert len(world.vendor.tasks) == 1
    assert [world.bus.events_of(f"{number}.wav") for number in range(files)] == [[SUBMITTED, SUCCEEDED]] * files
    timing = world.bus.terminal_events_of("0.wav")[0].timing
    assert timing.submitted_at is not None
    assert timing.submitted_at - timing.uploaded_at < timedelta(seconds=10)
    assert sum(report.ambiguous for report in world.submit_reports) == 0


def test_a_job_that_waits_after_an_error_of_the_server_shows_the_error() -> None:
    world = World()
    world.vendor.seconds = 300
    accept_with_error(world, 1)
    world.upload("a.wav")
    world.deliver()
    for _ in range(3):
        assert world.job_of("a.wav").last_error_code == "HTTP_502"
        world.step()


def test_a_job_whose_acceptance_is_only_in_its_tasks_record_is_not_submitted_again() -> None:
    world = World()
    world.vendor.seconds = 300
    world.bus.failures = 1  # the run ends before it writes the job
    world.upload("a.wav")
    world.run_until_quiet(faults=True)
    assert world.vendor.submissions_of("a.wav") == 1
    timing = world.bus.terminal_events_of("a.wav")[0].timing
    assert timing.submitted_at is not None
    assert timing.submitted_at - timing.uploaded_at < timedelta(seconds=10)


def test_a_job_whose_tasks_record_is_unreadable_is_submitted_once_more() -> None:
    world = World()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.records.unreadable.add(world.job_of("a.wav").submission_id or "")
    world.run_until_quiet(faults=True)
    assert world.vendor.submissions_of("a.wav") == 2
    assert world.job_of("a.wav").ambiguous_submissions == 1
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_an_error_of_the_server_delays_a_lone_upload_by_less_than_90_seconds() -> None:
    world = World()
    world.vendor.refusals = [VendorError("HTTP_502", "bad gateway", ErrorClass.RETRYABLE, 502)]
    world.upload("a.wav")
    began = world.now
    world.run_until_quiet()
    assert (len(world.vendor.tasks), world.bus.events_of("a.wav")) == (1, [SUBMITTED, SUCCEEDED])
    assert world.bus.terminal_events_of("a.wav")[0].timing.published_at - began < timedelta(seconds=90)


@pytest.mark.parametrize("no_list", [VendorError("HTTP_404", "", ErrorClass.RETRYABLE, 404), None])
def test_an_error_of_the_server_is_retried_where_the_list_does_not_help(no_list: VendorError | None) -> None:
    world = World()
    world.vendor.list_refusal = no_list
    world.vendor.foreign_tasks = [] if no_list else [(world.now, False)] * 3
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 2
    world.upload("a.wav")
    began = world.now
    world.run_until_quiet()
    assert (len(world.vendor.tasks), world.job_of("a.wav").status) == (1, "SUCCEEDED")
    assert world.now - began < timedelta(minutes=30)


def test_an_outage_of_the_server_and_its_list_loses_nothing() -> None:
    world = World()
    down = VendorError("ServiceUnavailable", "", ErrorClass.RETRYABLE, 503)
    world.vendor.list_refusal, world.vendor.refusals = down, [down] * 1000
    world.upload("a.wav")
    for _ in range(200):
        if world.now >= START + timedelta(minutes=30):
            break
        world.step()
    world.vendor.list_refusal, world.vendor.refusals = None, []
    world.run_until_quiet()
    assert (len(world.vendor.tasks), world.job_of("a.wav").status) == (1, "SUCCEEDED")


@pytest.mark.parametrize("odd", [{"results": []}, {"task_status": "UNKNOWN"}, {"task_status": "RUNNING"}])
def test_a_task_whose_results_come_later_is_not_taken_for_another_one(odd: JsonObject) -> None:
    world = World()
    accept_with_error(world, 10)
    whole = world.vendor._output
    odd_until = world.now + timedelta(seconds=90)
    world.vendor._output = lambda task_id: whole(task_id) | (odd if world.now < odd_until else {})  # type: ignore[method-assign]
    world.upload("a.wav")
    world.run_until_quiet()
    assert (len(world.vendor.tasks), world.bus.events_of("a.wav")) == (1, [SUBMITTED, SUCCEEDED])
