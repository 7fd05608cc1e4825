"""Runs of functions that overlap: known faults, and another function at the moments of a job's life.

`make test` runs the other function at every fifth moment. The first one is random, so each run has other moments.
`make interleave` runs it at every moment.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.finalize_requests import FinalizeRequest
from tests.support.constants import ONE_OUTPUT, SUBMITTED, SUCCEEDED
from tests.support.world import World, accepted_tasks

ARREARS = VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)
ACCESS_DENIED = VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)
INTERNAL_ERROR = VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)


def side_effect(name: str) -> int:
    """The number of this side effect in the undisturbed life of one upload."""
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    return world.crashes.names.index(name) + 1


def test_a_task_that_ends_before_its_acceptance_is_recorded_has_both_events_and_counts_as_an_attempt() -> None:
    world = World()
    world.bus.failures = 1  # the submit function fails before it records the acceptance: the job stays SUBMITTING
    world.upload("a.wav")
    world.run_until_quiet(faults=True)
    end = world.bus.terminal_events_of("a.wav")[0]
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert (end.attempts, end.task_id) == (1, "task-0")
    assert end.timing.submitted_at is not None


def test_submitted_is_published_once_when_finalizing_is_repeated() -> None:
    world = World()
    world.bus.failures = 1
    world.vendor.downloads_to_fail = 1
    world.upload("a.wav")
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_kill_after_the_response_does_not_add_a_fourth_resubmission() -> None:
    world = World()
    world.vendor.file_outcomes["a.wav"] = ["FILE_403_FORBIDDEN"]
    world.crashes.kill_at(side_effect("save task as IN_FLIGHT"), after=True)
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 4
    assert world.bus.terminal_events_of("a.wav")[0].attempts == 4


def test_a_file_that_the_vendor_left_out_never_gets_the_transcript_of_another_file() -> None:
    world = World()
    world.vendor.file_outcomes["left-out.wav"] = ["missing", "ok"]
    world.upload("there.wav")
    world.upload("left-out.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    report = world.poll_pass()
    assert report is not None
    request = report.result.finalize[0]
    for job_id in request.job_ids[:1]:  # the finalizer is killed after its first file
        world.finalize(FinalizeRequest(submission_id=request.submission_id, job_ids=[job_id]))
    world.run_until_quiet()
    result = world.job_of("left-out.wav").result
    assert result is not None
    assert world.results.files[result.files["text"]] == b"said left-out.wav.\n"


def test_a_file_refused_in_a_larger_task_is_submitted_by_itself_although_the_others_are_finished() -> None:
    world = World()
    world.vendor.file_outcomes["odd.wav"] = ["InvalidParameter", "ok"]
    world.upload("good.wav")
    world.upload("odd.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    report = world.poll_pass()
    assert report is not None
    request = report.result.finalize[0]
    world.finalize(FinalizeRequest(submission_id=request.submission_id, job_ids=request.job_ids[:1]))
    world.run_until_quiet()
    assert world.bus.events_of("odd.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize("refusal", [INTERNAL_ERROR, ARREARS, ACCESS_DENIED], ids=lambda refusal: refusal.code)
def test_a_kill_after_a_refusal_was_received_is_not_ambiguous(refusal: VendorError) -> None:
    world = World()
    world.vendor.refusals = [refusal]
    world.upload("a.wav")
    world.crashes.kill_at(side_effect("POST") + 1, after=True)  # recorded in the task, not in the job
    world.deliver()
    assert world.job_of("a.wav").status is Status.SUBMITTING
    world.run_until_quiet()
    assert sum(report.ambiguous for report in world.submit_reports) == 0
    assert world.job_of("a.wav").ambiguous_submissions == 0


def test_every_job_of_a_refused_batch_fails_although_the_loop_publishes_at_the_same_time() -> None:
    world = World()
    world.vendor.refusals = [ACCESS_DENIED]
    world.upload("a.wav")
    world.upload("b.wav")
    world.crashes.interleave_at("before publish", world.loop_pass)
    report = world.deliver()
    assert report.broken_batches == 0
    assert {job.status for job in world.records.jobs.values()} == {Status.FAILED}


def test_two_runs_can_pause_the_same_jobs_at_the_same_time() -> None:
    world = World()
    world.key = None
    bodies = [world.upload("a.wav"), world.upload("b.wav")]
    world.crashes.interleave_at("before save job as RECEIVED", lambda: world.deliver(bodies))
    world.deliver()
    assert {job.due_kind for job in world.records.jobs.values()} == {Due.PAUSED}
    world.key = "sk-late"
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 2


def test_a_job_that_is_paused_only_in_the_index_is_not_requeued() -> None:
    """The due list comes from an index, which may be a moment old. The record decides."""
    world = World()
    world.vendor.refusals = [ARREARS]
    world.upload("a.wav")
    world.deliver()
    world.resume()

    def resume_first() -> None:
        world.loop_pass()
        world.deliver()

    world.crashes.interleave_at("after due list PAUSED", resume_first)
    report = world.poll_pass()
    assert report is not None
    assert report.requeued == 0
    assert world.job_of("a.wav").status is Status.SUBMITTED


def test_a_pass_that_timed_out_a_task_does_not_overwrite_the_results_of_another_pass() -> None:
    world = World()
    world.vendor.seconds = (TASK_DEADLINE + timedelta(seconds=10)).total_seconds()
    world.upload("a.wav")
    world.deliver()
    requests: list[FinalizeRequest] = []

    def other_pass() -> None:
        world.now += timedelta(seconds=10)
        report = world.poll_pass()
        requests.extend(report.result.finalize if report else [])

    world.now += TASK_DEADLINE + timedelta(seconds=5)
    world.crashes.interleave_at("after query", other_pass)
    world.poll_pass()
    assert requests
    for request in requests:
        world.finalize(request)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_query_refused_in_two_passes_at_once_fails_neither_pass() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    world.vendor.query_errors = [INTERNAL_ERROR]
    moment = "before save task as IN_FLIGHT"
    world.crashes.interleave_at(moment, world.poll_pass)
    report = world.poll_pass()
    assert moment not in world.crashes.interleaved
    assert report is not None
    assert report.failed_steps == 0


def two_recordings_and_a_text(world: World) -> None:
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    for key in ("a.wav", "bad.wav", "notes.txt"):
        world.upload(key)


def a_late_message(world: World) -> None:
    """The function was killed early. Its message returns when the loop requeues the job."""
    world.crashes.kill_at(2, after=False)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_kill_before_the_post(world: World) -> None:
    world.crashes.kill_at(2, after=True)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_kill_after_the_response(world: World) -> None:
    world.crashes.kill_at(5, after=True)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def an_expired_url_and_a_missing_file(world: World) -> None:
    world.vendor.file_outcomes |= {"a.wav": ["FILE_403_FORBIDDEN", "ok"], "b.wav": ["missing", "ok"]}
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def one_file_per_task(world: World) -> None:
    world.vendor.max_files = 1
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def an_account_in_arrears(world: World) -> None:
    world.vendor.refusals = [VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)] * 2
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def no_api_key_at_first(world: World) -> None:
    world.key = None
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_permanent_refusal(world: World) -> None:
    world.vendor.refusals = [VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)] * 9
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_temporary_refusal(world: World) -> None:
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 2
    for key in ("a.wav", "b.wav"):
        world.upload(key)


SCENARIOS: list[Callable[[World], None]] = [
    two_recordings_and_a_text,
    a_late_message,
    a_kill_before_the_post,
    a_kill_after_the_response,
    an_expired_url_and_a_missing_file,
    one_file_per_task,
    an_account_in_arrears,
    no_api_key_at_first,
    a_permanent_refusal,
    a_temporary_refusal,
]


MOMENTS_APART = 1 if "SCHEDULES" in os.environ else 5
"""`make interleave` sets SCHEDULES."""


def deliver_again(world: World, sent: list[str]) -> None:
    world.deliver([*world.queue, *sent])


def run_another_pass(world: World, _: list[str]) -> None:
    world.loop_pass()


@pytest.mark.usefixtures("quiet_logs")
@pytest.mark.parametrize("other", [deliver_again, run_another_pass])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_another_function_at_any_moment_changes_neither_the_end_nor_the_cost(
    scenario: Callable[[World], None], other: Callable[[World, list[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", max)  # without jitter every life has the same moments
    undisturbed = live(scenario)
    submissions = Counter({etag: len(tasks) for etag, tasks in accepted_tasks(undisturbed).items()})
    ends = {job.media.key: job.status for job in undisturbed.records.jobs.values()}
    moments = list(enumerate(undisturbed.crashes.moments, start=1))
    for moment, name in moments[random.randrange(MOMENTS_APART) :: MOMENTS_APART]:  # noqa: S311 - not a secret
        world = live(scenario, moment, other)
        where = f"{other.__name__} at moment {moment}, {name}"
        assert not world.crashes.interleaved, where
        assert {job.media.key: job.status for job in world.records.jobs.values()} == ends, where
        assert {key: {end.status for end in world.bus.terminal_events_of(key)} for key in ends} == {
            key: {status} for key, status in ends.items()
        }, where
        assert Counter({etag: len(tasks) for etag, tasks in accepted_tasks(world).items()}) <= submissions, where
        assert sum(report.ambiguous for report in world.submit_reports) == 0, where
        assert not any(report.broken_batches or report.failed_message_ids for report in world.submit_reports), where
        assert not any(report.failed_steps for report in world.passes), where
        assert all(job.attempts == submissions[job.media.etag or ""] for job in world.records.jobs.values()), where


def live(
    scenario: Callable[[World], None],
    moment: int | None = None,
    other: Callable[[World, list[str]], None] | None = None,
) -> World:
    """Run the scenario until it is quiet, and the other function at this moment of it."""
    world = World(submit_environ=ONE_OUTPUT)
    scenario(world)
    sent = list(world.queue)
    world.crashes.moments.clear()
    escaped: list[Exception] = []

    def guarded() -> None:
        try:
            if other:
                other(world, sent)
        except Exception as error:  # noqa: BLE001 - the interrupted function must not see it
            escaped.append(error)

    if moment is not None:
        world.crashes.interleave_at(moment, guarded)
    for _ in range(3):
        world.step()
    world.key = "sk-late"
    world.run_until_quiet(faults=other is not None)
    assert not escaped
    return world
