from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.jobs import delay, request_ids, timeouts
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Due, Job, Status, Usage
from dashscribe.domain.jobs.request_ids import RequestIds
from dashscribe.domain.jobs.retry_policy import RetryDecision
from dashscribe.domain.recognition.options import Fallback, Options
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.result_files import result_folder

FAILURE = Failure(code="FILE_TOO_LARGE", message="too large", category="permanent")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def succeeded(job: Job, now: datetime = NOW) -> Job:
    return jobs.succeed(
        job,
        result_folder("results", job.media.key, job.job_id),
        AudioFacts(duration_ms=3834, speech_ms=2480, channels=[0]),
        Usage(billed_seconds=3, estimated_cost_usd=0.000105),
        ["SUCCESS_WITH_NO_VALID_FRAGMENT"],
        now - timedelta(seconds=1),
        now,
    )


def test_a_new_job_is_due_in_case_its_function_dies(job: Job, now: datetime) -> None:
    assert (job.status, job.attempts, job.due_kind) == (Status.RECEIVED, 0, Due.JOB)
    assert job.due_at == now + timeouts.LOST_MESSAGE_AFTER


def test_the_options_are_stored_with_the_job(job: Job) -> None:
    options = Options(profile="calls", model="fun-asr", parameters={"channel_id": [0]})
    assert jobs.with_options(job, options).options == options


def test_a_claimed_job_cannot_be_claimed_again_until_its_claim_expires(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s-1", now)
    assert claimed.claimed_at == now
    assert jobs.can_be_claimed(job, now)
    assert not jobs.can_be_claimed(claimed, now + timeouts.CLAIM_LASTS - timedelta(seconds=1))
    assert jobs.can_be_claimed(claimed, now + timeouts.CLAIM_LASTS)


def test_a_submitted_or_ended_job_cannot_be_claimed(job: Job, now: datetime) -> None:
    far = now + timedelta(days=30)
    for taken in (jobs.submitted(job, "t-1", now), succeeded(job), jobs.fail(job, FAILURE, now)):
        assert not jobs.can_be_claimed(taken, far)


def test_an_accepted_submission_counts_an_attempt_and_resets_the_errors(job: Job, now: datetime) -> None:
    retried = jobs.requeued(jobs.retry(job, "InternalError", now, is_failed_attempt=True), now)
    sent = jobs.submitted(jobs.claim(retried, "s-1", now), "t-1", now)
    assert (sent.status, sent.task_id, sent.attempts, sent.submitted_at) == (Status.SUBMITTED, "t-1", 1, now)
    assert (sent.failed_attempts, sent.failed_runs, sent.last_error_code) == (0, 0, None)


def test_a_retried_job_waits_and_can_be_claimed_again(job: Job, now: datetime) -> None:
    waiting = jobs.retry(jobs.claim(job, "s-1", now), "InternalError", now + SECOND, is_failed_attempt=True)
    assert (waiting.submission_id, waiting.failed_attempts, waiting.last_error_code) == (None, 1, "InternalError")
    assert waiting.due_at == now + SECOND
    assert jobs.can_be_claimed(waiting, now)


def test_a_retry_without_a_failed_attempt_counts_nothing(job: Job, now: datetime) -> None:
    assert jobs.retry(job, "Throttling", now).failed_attempts == 0


def test_a_paused_job_waits_in_the_order_of_receipt(job: Job, now: datetime) -> None:
    paused = jobs.pause(jobs.claim(job, "s-1", now + timedelta(hours=1)), "Arrearage")
    assert (paused.status, paused.due_kind, paused.due_at) == (Status.RECEIVED, Due.PAUSED, job.received_at)
    assert (paused.submission_id, paused.last_error_code) == (None, "Arrearage")
    assert jobs.pause(jobs.run_failed(job), "Arrearage").failed_runs == 0


def test_a_retried_job_leaves_its_task_and_keeps_its_attempts(job: Job, now: datetime) -> None:
    first = jobs.scheduled(jobs.submitted(job, "t-1", now), now)
    again = jobs.retry(first, "FILE_403_FORBIDDEN", now)
    assert (again.status, again.task_id, again.attempts, again.due_at) == (Status.RECEIVED, None, 1, now)
    assert (first.scheduled_at, again.scheduled_at) == (now, None)
    assert again.last_error_code == "FILE_403_FORBIDDEN"


def test_a_job_that_needs_a_single_file_task_needs_it_for_every_later_submission(job: Job, now: datetime) -> None:
    single = jobs.retry(job, "MISSING_FROM_RESULTS", now, single_file_task=True)
    assert jobs.retry(single, "InternalError", now).single_file_task


def test_a_decision_is_applied_as_a_failure_a_pause_or_a_retry(job: Job, now: datetime) -> None:
    failed = jobs.apply_retry(job, RetryDecision(failure=FAILURE), "FILE_TOO_LARGE", now)
    paused = jobs.apply_retry(job, RetryDecision(pauses_submissions=True), "Arrearage", now)
    retried = jobs.apply_retry(job, RetryDecision(retry_at=now + SECOND, single_file_task=True), "BadRequest", now)
    assert (failed.status, failed.failure) == (Status.FAILED, FAILURE)
    assert (paused.due_kind, paused.last_error_code) == (Due.PAUSED, "Arrearage")
    assert (retried.due_kind, retried.due_at, retried.single_file_task) == (Due.JOB, now + SECOND, True)


@pytest.mark.parametrize("end", [succeeded, lambda job: jobs.fail(job, FAILURE, NOW)], ids=["succeeded", "failed"])
def test_an_ended_job_is_due_until_its_event_is_published(job: Job, end: Callable[[Job], Job]) -> None:
    over = end(job)
    assert (over.is_terminal, over.is_finished, over.due_at) == (True, False, NOW)
    done = jobs.published(over, NOW)
    assert (done.is_finished, done.due_kind, done.due_at) == (True, None, None)
    assert done.expires_at == int((NOW + timedelta(days=30)).timestamp())


def test_a_success_has_its_files_and_no_failure(job: Job) -> None:
    over = succeeded(job)
    assert over.result == result_folder("results", job.media.key, job.job_id)
    assert (over.failure, over.completed_at) == (None, NOW - timedelta(seconds=1))


def test_a_failure_has_its_reason_and_no_files(job: Job, now: datetime) -> None:
    over = jobs.fail(job, FAILURE, now, completed_at=now)
    assert (over.status, over.failure, over.result, over.completed_at) == (Status.FAILED, FAILURE, None, now)


STEPS: list[Callable[[Job, datetime], Job]] = [
    lambda job, now: jobs.claim(job, "s", now),
    lambda job, now: jobs.submitted(job, "t", now),
    lambda job, now: jobs.retry(job, "InternalError", now, is_failed_attempt=True),
    lambda job, now: jobs.pause(job, "Arrearage"),
    lambda job, now: jobs.rate_limited(job),
    jobs.await_reconciliation,
    lambda job, now: jobs.response_lost(job),
    jobs.requeued,
    lambda job, now: jobs.check_again(job, now + timedelta(minutes=1)),
    succeeded,
    lambda job, now: jobs.fail(job, FAILURE, now),
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.timedeltas(timedelta(0), timedelta(days=2))), max_size=12))
def test_after_any_steps_an_unfinished_job_is_on_a_due_list_and_is_read_back_as_stored(
    job: Job, steps: list[tuple[Callable[[Job, datetime], Job], timedelta]]
) -> None:
    now = NOW
    for step, waits in steps:
        if job.is_terminal:
            break
        now += waits
        job = step(job, now)
        assert job.due_kind is not None
        assert job.due_at is not None
        assert Job.model_validate_json(job.model_dump_json()) == job


def test_a_claim_soon_after_the_receipt_changes_nothing_in_the_index(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s", now + timedelta(seconds=2))
    assert (claimed.due_kind, claimed.due_at) == (job.due_kind, job.due_at)
    assert claimed.claimed_until is not None
    assert claimed.due_at is not None
    assert claimed.due_at >= claimed.claimed_until


def test_a_late_claim_is_due_when_it_ends(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s", now + timedelta(seconds=100))
    assert claimed.due_at == claimed.claimed_until


def test_a_job_handed_over_to_the_calls_waits_half_an_hour_for_its_message(job: Job, now: datetime) -> None:
    handed = jobs.hand_over(jobs.run_failed(job), now)
    assert (handed.status, handed.failed_runs) == (Status.RECEIVED, 0)
    assert (handed.due_kind, handed.due_at) == (Due.JOB, now + timedelta(minutes=30))


def test_a_job_falls_back_to_the_fallback_model_of_its_options(job: Job, now: datetime) -> None:
    with pytest.raises(ValueError, match="no fallback model"):
        jobs.fall_back(job, "FILE_TOO_LARGE", now)
    fallback = Fallback(model="fun-asr", family="fun-asr", parameters={"channel_id": [0]})
    options = Options(profile="p", model="qwen3-asr-flash", parameters={}, fallback=fallback)
    fallen = jobs.fall_back(jobs.claim(jobs.with_options(job, options), "s-1", now), "FILE_TOO_LARGE", now + SECOND)
    assert fallen.options is not None
    assert (fallen.options.model, fallen.options.parameters) == ("fun-asr", {"channel_id": [0]})
    assert (fallen.status, fallen.last_error_code, fallen.due_at) == (Status.RECEIVED, "FILE_TOO_LARGE", now + SECOND)


def test_a_lost_response_is_reconciled_after_ten_seconds_and_frees_the_claim(job: Job, now: datetime) -> None:
    later = now + SECOND
    claimed = jobs.run_failed(jobs.claim(job, "s-1", now))
    lost = jobs.await_reconciliation(claimed, later)
    assert (lost.status, lost.submission_id, lost.last_error_code) == (Status.SUBMITTING, "s-1", "RESPONSE_LOST")
    assert (lost.claimed_until, lost.due_kind, lost.due_at) == (later, Due.JOB, later + 10 * SECOND)
    assert (lost.failed_attempts, lost.failed_runs) == (0, 0)
    failed = jobs.await_reconciliation(claimed, later, 7 * SECOND, "HTTP_502", is_failed_attempt=True)
    assert (failed.due_at, failed.last_error_code, failed.failed_attempts) == (later + 7 * SECOND, "HTTP_502", 1)


def test_a_lost_response_is_counted(job: Job) -> None:
    assert jobs.response_lost(jobs.response_lost(job)).ambiguous_submissions == 2


def test_a_waiting_job_says_for_which_model_it_waits(job: Job, now: datetime) -> None:
    known = jobs.with_options(job, Options(profile="p", model="fun-asr", parameters={}))
    paused, limited = jobs.pause(known, "AccessDenied", is_failed_attempt=True), jobs.rate_limited(known)
    assert (paused.model, limited.model, jobs.pause(job, "Arrearage").model) == ("fun-asr", "fun-asr", None)
    assert (paused.failed_attempts, jobs.pause(known, "AccessDenied").failed_attempts) == (1, 0)
    assert (limited.due_kind, limited.due_at, limited.last_error_code) == (
        Due.RATE_LIMITED,
        job.received_at,
        "RATE_LIMITED",
    )


def test_a_requeued_job_is_requeued_again_if_its_message_is_lost(job: Job, now: datetime) -> None:
    requeued = jobs.requeued(jobs.rate_limited(job), now + SECOND)
    assert (requeued.due_kind, requeued.due_at) == (Due.JOB, now + SECOND + timeouts.LOST_MESSAGE_AFTER)
    checked = jobs.check_again(requeued, now + 5 * SECOND)
    assert (checked.due_kind, checked.due_at) == (Due.JOB, now + 5 * SECOND)


def test_a_submitted_job_has_a_safety_net_and_the_id_of_its_request_only(job: Job, now: datetime) -> None:
    waited = job.model_copy(update={"stalled_since": now, "throttled_since": now})
    sent = jobs.submitted(request_ids.refused_by(waited, "r-0"), "t-1", now, "r-1")
    assert (sent.due_kind, sent.due_at) == (Due.JOB, job.due_at)
    assert jobs.safety_net(sent) == now + timedelta(hours=6)
    assert (sent.stalled_since, sent.throttled_since) == (None, None)
    assert sent.request_ids == RequestIds(submission="r-1")


def test_a_submitted_job_without_a_task_or_a_due_time_to_come_is_due_at_its_safety_net(job: Job, now: datetime) -> None:
    due = (Due.JOB, now + timedelta(hours=6))
    for sent in (
        jobs.submitted(job, None, now),
        jobs.submitted(jobs.check_again(job, now), "t-1", now),
    ):
        assert (sent.due_kind, sent.due_at) == due


def test_a_success_keeps_the_due_time_of_its_task_and_ends_the_stall(job: Job, now: datetime) -> None:
    """Each change of the due time costs two writes of the index."""
    sent = delay.stalled(jobs.submitted(job, "t-1", now), now, "RESULT_UNAVAILABLE")
    over = succeeded(sent)
    assert (over.due_kind, over.due_at) == (Due.JOB, sent.due_at)
    assert (over.last_error_code, over.stalled_since) == (None, None)
    assert over.audio == AudioFacts(duration_ms=3834, speech_ms=2480, channels=[0])
    assert (over.usage, over.warnings) == (
        Usage(billed_seconds=3, estimated_cost_usd=0.000105),
        ["SUCCESS_WITH_NO_VALID_FRAGMENT"],
    )
    assert succeeded(jobs.submitted(job, None, now)).due_at == NOW


def test_only_a_success_without_its_event_is_published_again(job: Job, now: datetime) -> None:
    over = succeeded(job)
    assert jobs.is_unpublished_success(over)
    for other in (job, jobs.published(over, now), jobs.fail(job, FAILURE, now)):
        assert not jobs.is_unpublished_success(other)


def test_a_claim_of_a_call_lasts_as_long_as_the_function_runs(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s-1", now, timeouts.CALL_CLAIM_LASTS, "vocab-1")
    assert (claimed.status, claimed.submission_id, claimed.vocabulary_id) == (Status.SUBMITTING, "s-1", "vocab-1")
    assert (claimed.claimed_until, claimed.due_at) == (now + timedelta(seconds=390), now + timedelta(seconds=390))


@pytest.mark.parametrize(("due_in", "stays"), [(89, False), (90, True), (190, True), (191, False)])
def test_a_claim_leaves_a_due_time_that_is_at_most_100_seconds_after_its_end(
    job: Job, now: datetime, due_in: int, stays: bool
) -> None:
    due = jobs.check_again(job, now + due_in * SECOND)
    assert jobs.claim(due, "s-1", now).due_at == (due.due_at if stays else now + 90 * SECOND)
    assert jobs.claim(jobs.pause(due, "Arrearage", due.due_at), "s-1", now).due_at == now + 90 * SECOND


def test_a_retry_ends_at_the_time_of_its_decision_or_at_once(job: Job, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    decision = RetryDecision(throttled_since=now, is_failed_attempt=True)
    retried = jobs.apply_retry(job, decision, "InternalError", later)
    assert (retried.due_at, retried.throttled_since, retried.failed_attempts) == (later, now, 1)
    assert jobs.retry(retried, "InternalError", later).throttled_since == now
    failed = jobs.apply_retry(job, RetryDecision(failure=FAILURE), "X", later)
    assert (failed.due_at, failed.completed_at) == (later, None)
    paused = jobs.apply_retry(job, RetryDecision(pauses_submissions=True, is_failed_attempt=True), "X", later)
    assert (paused.failed_attempts, paused.due_at) == (1, job.received_at)
