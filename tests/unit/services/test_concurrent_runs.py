"""The smallest stories of faults that were found: by `test_job_histories`, by its enumeration, or in reading for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.services.messages import FinalizeRequest
from tests.support.world import World, accepted_tasks

SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"
UNPAID = VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)
NOT_YOURS = VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)
OOPS = VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)


def effect(name: str) -> int:
    """Which side effect of one recording's undisturbed life that is."""
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    return world.crashes.names.index(name) + 1


def test_a_task_that_ends_before_its_acceptance_is_written_down_is_announced_and_counted() -> None:
    world = World()
    world.bus.failures = 1  # the submit function gives up at the announcement: the job is SUBMITTING, its task runs
    world.upload("a.wav")
    world.run_until_quiet()
    end = world.bus.terminal_events_of("a.wav")[0]
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert (end.attempts, end.task_id) == (1, "task-0")
    assert end.timing.submitted_at is not None


def test_a_start_that_a_finalizer_announced_is_not_announced_again_by_the_next_one() -> None:
    world = World()
    world.bus.failures = 1
    world.vendor.downloads_to_fail = 1
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_death_after_the_answer_gives_no_resubmission_more_than_three() -> None:
    world = World()
    world.vendor.file_outcomes["a.wav"] = ["FILE_403_FORBIDDEN"]
    world.crashes.kill_at(effect("save task as IN_FLIGHT"), after=True)
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 4
    assert world.bus.terminal_events_of("a.wav")[0].attempts == 4


def test_a_file_that_was_left_out_never_gets_its_neighbours_transcript() -> None:
    world = World()
    world.vendor.file_outcomes["left-out.wav"] = ["missing", "ok"]
    world.upload("there.wav")
    world.upload("left-out.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    report = world.poll_pass()
    assert report is not None
    request = report.result.finalize[0]
    for job_id in request.job_ids[:1]:  # the finalizer dies after its first file
        world.finalize(FinalizeRequest(submission_id=request.submission_id, job_ids=[job_id]))
    world.run_until_quiet()
    result = world.job_of("left-out.wav").result
    assert result is not None
    assert world.results.files[result.files.text] == b"said left-out.wav.\n"


def test_a_file_refused_for_its_neighbours_is_tried_alone_also_when_they_are_done() -> None:
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


@pytest.mark.parametrize("refusal", [OOPS, UNPAID, NOT_YOURS], ids=lambda refusal: refusal.code)
def test_a_death_after_an_answered_refusal_is_not_ambiguous(refusal: VendorError) -> None:
    world = World()
    world.vendor.refusals = [refusal]
    world.upload("a.wav")
    world.crashes.kill_at(effect("POST") + 1, after=True)  # the refusal is written down in the task, not yet in the job
    world.deliver()
    assert world.job_of("a.wav").status is Status.SUBMITTING
    world.run_until_quiet()
    assert sum(report.ambiguous for report in world.submit_reports) == 0
    assert world.job_of("a.wav").ambiguous_submissions == 0


def test_a_refused_batch_is_failed_whole_although_the_loop_publishes_meanwhile() -> None:
    world = World()
    world.vendor.refusals = [NOT_YOURS]
    world.upload("a.wav")
    world.upload("b.wav")
    world.crashes.interleave_at("before publish", world.loop_pass)
    report = world.deliver()
    assert report.broken_batches == 0
    assert {job.status for job in world.records.jobs.values()} == {Status.FAILED}


def test_two_functions_that_park_the_same_jobs_both_live() -> None:
    world = World()
    world.key = None
    bodies = [world.upload("a.wav"), world.upload("b.wav")]
    world.crashes.interleave_at("before save job as RECEIVED", lambda: world.deliver(bodies))
    world.deliver()
    assert {job.due_kind for job in world.records.jobs.values()} == {Due.PAUSED}
    world.key = "sk-late"
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 2


def test_the_loop_wakes_no_job_that_is_parked_only_in_its_list() -> None:
    """The list comes from an index, which lags: the record is what counts."""
    world = World()
    world.vendor.refusals = [UNPAID]
    world.upload("a.wav")
    world.deliver()
    world.records.pause = None

    def faster() -> None:
        world.loop_pass()
        world.deliver()

    world.crashes.interleave_at("after due list PAUSED", faster)
    report = world.poll_pass()
    assert report is not None
    assert report.requeued == 0
    assert world.job_of("a.wav").status is Status.SUBMITTED


def test_a_loop_that_gave_a_task_up_does_not_overrule_one_that_has_its_results() -> None:
    world = World()
    world.vendor.seconds = (TASK_DEADLINE + timedelta(seconds=10)).total_seconds()
    world.upload("a.wav")
    world.deliver()
    requests: list[FinalizeRequest] = []

    def other_loop() -> None:
        world.now += timedelta(seconds=10)
        report = world.poll_pass()
        requests.extend(report.result.finalize if report else [])

    world.now += TASK_DEADLINE + timedelta(seconds=5)
    world.crashes.interleave_at("after query", other_loop)
    world.poll_pass()
    assert requests
    for request in requests:
        world.finalize(request)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_refused_question_that_two_loops_asked_does_not_end_the_pass() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    world.vendor.query_errors = [OOPS]
    at = "before save task as IN_FLIGHT"
    world.crashes.interleave_at(at, world.poll_pass)
    report = world.poll_pass()
    assert at not in world.crashes.interleaved
    assert report is not None
    assert report.failed_steps == 0


def an_ordinary_life(world: World) -> None:
    world.vendor.file_outcomes["bad.wav"] = ["DECODE_ERROR"]
    for key in ("a.wav", "bad.wav", "notes.txt"):
        world.upload(key)


def a_late_message(world: World) -> None:
    """The function died early, and its message comes back when the loop sends one of its own."""
    world.crashes.kill_at(2, after=False)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_death_before_the_post(world: World) -> None:
    world.crashes.kill_at(2, after=True)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_death_after_the_answer(world: World) -> None:
    world.crashes.kill_at(5, after=True)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_dead_url_and_a_missing_file(world: World) -> None:
    world.vendor.file_outcomes |= {"a.wav": ["FILE_403_FORBIDDEN", "ok"], "b.wav": ["missing", "ok"]}
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_vendor_that_takes_one_file_a_task(world: World) -> None:
    world.vendor.max_files = 1
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def trouble_with_the_account(world: World) -> None:
    world.vendor.refusals = [VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)] * 2
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def no_key_at_first(world: World) -> None:
    world.key = None
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_refusal_for_good(world: World) -> None:
    world.vendor.refusals = [VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)] * 9
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_refusal_for_now(world: World) -> None:
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 2
    for key in ("a.wav", "b.wav"):
        world.upload(key)


SCENARIOS: list[Callable[[World], None]] = [
    an_ordinary_life,
    a_late_message,
    a_death_before_the_post,
    a_death_after_the_answer,
    a_dead_url_and_a_missing_file,
    a_vendor_that_takes_one_file_a_task,
    trouble_with_the_account,
    no_key_at_first,
    a_refusal_for_good,
    a_refusal_for_now,
]


def the_same_messages_again(world: World, sent: list[str]) -> None:
    world.deliver([*world.queue, *sent])


def another_loop(world: World, _: list[str]) -> None:
    world.loop_pass()


@pytest.mark.usefixtures("quiet_logs")
@pytest.mark.parametrize("intruder", [the_same_messages_again, another_loop])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_another_function_at_any_moment_changes_neither_the_end_nor_the_price(
    scenario: Callable[[World], None], intruder: Callable[[World, list[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", max)  # without jitter, so that each life has the same moments
    undisturbed = lived(scenario)
    price = Counter({etag: len(tasks) for etag, tasks in accepted_tasks(undisturbed).items()})
    ends = {job.media.key: job.status for job in undisturbed.records.jobs.values()}
    for moment, name in enumerate(undisturbed.crashes.moments, start=1):
        world = lived(scenario, moment, intruder)
        where = f"{intruder.__name__} at moment {moment}, {name}"
        assert not world.crashes.interleaved, where
        assert {job.media.key: job.status for job in world.records.jobs.values()} == ends, where
        assert {key: {end.status for end in world.bus.terminal_events_of(key)} for key in ends} == {
            key: {status} for key, status in ends.items()
        }, where
        assert Counter({etag: len(tasks) for etag, tasks in accepted_tasks(world).items()}) <= price, where
        assert sum(report.ambiguous for report in world.submit_reports) == 0, where
        assert not any(report.broken_batches or report.failed_message_ids for report in world.submit_reports), where
        assert not any(report.failed_steps for report in world.passes), where
        assert all(job.attempts == price[job.media.etag or ""] for job in world.records.jobs.values()), where


def lived(
    scenario: Callable[[World], None],
    moment: int | None = None,
    intruder: Callable[[World, list[str]], None] | None = None,
) -> World:
    """The scenario until all is quiet; from its first moment on, the intruder comes at that one."""
    world = World()
    scenario(world)
    sent = list(world.queue)
    world.crashes.moments.clear()
    escaped: list[Exception] = []

    def guarded() -> None:
        try:
            intruder(world, sent) if intruder else None
        except Exception as error:  # noqa: BLE001 - the function that it came into must not see it
            escaped.append(error)

    if moment is not None:
        world.crashes.interleave_at(moment, guarded)
    for _ in range(3):
        world.step()
    world.key = "sk-late"
    world.run_until_quiet()
    assert not escaped
    return world
