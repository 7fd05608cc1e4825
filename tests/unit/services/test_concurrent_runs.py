"""The smallest stories of faults that were found: by `test_life_of_jobs`, by its enumeration, or in reading for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.jobs.timeouts import RESULTS_LIVE, TASK_DEADLINE
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from dashscribe.services.messages import FinalizeRequest
from tests.support.world import World

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
    end = world.bus.ends_of("a.wav")[0]
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert (end.attempts, end.task_id) == (1, "task-0")
    assert end.timing.submitted_at is not None


def test_a_start_that_a_finalizer_announced_is_not_announced_again_by_the_next_one() -> None:
    world = World()
    world.bus.failures = 1
    world.vendor.downloads_to_fail = 1
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_death_after_the_answer_gives_no_resubmission_more_than_three() -> None:
    world = World()
    world.vendor.answers["a.wav"] = ["FILE_403_FORBIDDEN"]
    world.crashes.at(effect("save task as IN_FLIGHT"), after=True)
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 4
    assert world.bus.ends_of("a.wav")[0].attempts == 4


def test_a_file_that_was_left_out_never_gets_its_neighbours_transcript() -> None:
    world = World()
    world.vendor.answers["left-out.wav"] = ["missing", "ok"]
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
    assert world.results.files[result.files["text"]] == b"said left-out.wav.\n"


def test_a_file_refused_for_its_neighbours_is_tried_alone_also_when_they_are_done() -> None:
    world = World()
    world.vendor.answers["odd.wav"] = ["InvalidParameter", "ok"]
    world.upload("good.wav")
    world.upload("odd.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    report = world.poll_pass()
    assert report is not None
    request = report.result.finalize[0]
    world.finalize(FinalizeRequest(submission_id=request.submission_id, job_ids=request.job_ids[:1]))
    world.run_until_quiet()
    assert world.bus.of("odd.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize("refusal", [OOPS, UNPAID, NOT_YOURS], ids=lambda refusal: refusal.code)
def test_a_death_after_an_answered_refusal_is_not_ambiguous(refusal: VendorError) -> None:
    world = World()
    world.vendor.refusals = [refusal]
    world.upload("a.wav")
    world.crashes.at(effect("POST") + 1, after=True)  # the refusal is written down in the task, not yet in the job
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
    world.crashes.intrude("before publish", world.loop_pass)
    report = world.deliver()
    assert report.broken_batches == 0
    assert {job.status for job in world.records.jobs.values()} == {Status.FAILED}


def test_two_functions_that_park_the_same_jobs_both_live() -> None:
    world = World()
    world.key = None
    bodies = [world.upload("a.wav"), world.upload("b.wav")]
    world.crashes.intrude("before save job as RECEIVED", lambda: world.deliver(bodies))
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
    world.records.closed = None

    def faster() -> None:
        world.loop_pass()
        world.deliver()

    world.crashes.intrude("after due list PAUSED", faster)
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
    world.crashes.intrude("after query", other_loop)
    world.poll_pass()
    assert requests
    for request in requests:
        world.finalize(request)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_url_that_cannot_be_signed_is_no_lost_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.upload("a.wav")

    def broken(_: object) -> str:
        raise RuntimeError("no credentials")

    with monkeypatch.context() as patch:
        patch.setattr(world.media, "presign", broken)
        world.deliver()
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert sum(report.ambiguous for report in world.submit_reports) == 0


def test_a_task_that_may_never_be_asked_about_is_given_up_once_its_results_are_gone() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.vendor.query_errors = [VendorError("NoSuchTask", "what?", ErrorClass.PERMANENT, 400)] * 5
    world.now += TASK_DEADLINE + RESULTS_LIVE + timedelta(hours=1)
    world.loop_pass()
    assert world.job_of("a.wav").last_error_code == "TASK_TIMED_OUT"
    world.vendor.query_errors = []
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_refused_question_that_two_loops_asked_does_not_end_the_pass() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=5)
    world.vendor.query_errors = [OOPS]
    at = "before save task as IN_FLIGHT"
    world.crashes.intrude(at, world.poll_pass)
    report = world.poll_pass()
    assert at not in world.crashes.intruders
    assert report is not None
    assert report.failed_steps == 0


def test_a_lost_answer_is_not_settled_with_the_task_of_another_upload_of_the_key() -> None:
    """An unversioned bucket: both uploads have the same address, and neither answer came."""
    world = World()
    world.vendor.answers_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.refusals = [ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert {job.task_id for job in world.records.jobs.values()} == {"task-0", "task-1"}


def test_a_task_that_names_no_file_settles_nothing() -> None:
    """It may be the one whose answer was lost: that is ambiguous, and not as good as never accepted."""
    world = World()
    world.vendor.answers_to_lose = 2
    world.vendor.endings = {"task-0": ("FAILED", "InternalError"), "task-1": ("FAILED", "InternalError")}
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert error.code == "SUBMISSION_UNCONFIRMED"


def test_submissions_that_are_never_answered_nor_accepted_end() -> None:
    world = World()
    world.vendor.refusals = [ResponseLost("timed out")] * 100
    world.upload("a.wav")
    world.run_until_quiet(most_steps=10_000)
    assert world.bus.of("a.wav") == [FAILED]
    assert world.now - world.job_of("a.wav").uploaded_at < timedelta(hours=5)


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


def test_a_batch_whose_answer_was_lost_is_looked_into_once_and_at_the_account_s_rate() -> None:
    world = World()
    world.vendor.answers_to_lose = 1
    for number in range(20):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert all(world.vendor.submissions_of(f"{number}.wav") == 1 for number in range(20))
    assert world.vendor.lists <= 2
