from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.retry_policy import RetryDecision, after_failed_file, after_lost_response, after_refusal
from dashscribe.errors import ErrorClass, VendorError


def refusal(error_class: ErrorClass, code: str = "SomeCode", http_status: int | None = 500) -> VendorError:
    return VendorError(code, "why", error_class, http_status)


def after(job: Job, attempts: int) -> Job:
    return job.model_copy(update={"attempts": attempts})


@given(st.integers(1, 10_000))
def test_a_retry_waits_two_seconds_to_ten_minutes(attempts: int) -> None:
    assert timedelta(seconds=2) <= retry_policy.retry_delay(attempts) <= timedelta(minutes=10)


def test_jobs_that_failed_together_do_not_return_together() -> None:
    assert len({retry_policy.retry_delay(8) for _ in range(20)}) > 10


def test_an_account_wide_error_pauses_submissions_and_fails_no_job(job: Job, now: datetime) -> None:
    decision = after_refusal(job, refusal(ErrorClass.ACCOUNT_WIDE), 1, now)
    assert decision == RetryDecision(pauses_submissions=True)


def test_throttling_waits_8_to_16_seconds_and_counts_no_failed_attempt(job: Job, now: datetime) -> None:
    decision = after_refusal(job, refusal(ErrorClass.THROTTLED), 1, now)
    assert decision.retry_at is not None
    assert timedelta(seconds=8) <= decision.retry_at - now <= timedelta(seconds=16)
    assert not decision.is_failed_attempt


def test_a_job_that_is_throttled_for_a_day_fails(job: Job, now: datetime) -> None:
    error = refusal(ErrorClass.THROTTLED, "Throttling.RateQuota", 429)
    throttled = jobs.apply_retry(job, after_refusal(job, error, 1, now), error.code, now)
    assert after_refusal(throttled, error, 1, now + timedelta(hours=23, minutes=59)).failure is None
    failure = after_refusal(throttled, error, 1, now + timedelta(hours=24)).failure
    assert failure is not None
    assert failure.code == "VENDOR_THROTTLED"


@pytest.mark.parametrize("progress", ["accepted", "paused"])
def test_the_day_of_throttling_begins_again_after_an_accepted_submission_and_after_a_pause(
    job: Job, now: datetime, progress: str
) -> None:
    error, later = refusal(ErrorClass.THROTTLED, http_status=429), now + timedelta(hours=30)
    throttled = jobs.apply_retry(job, after_refusal(job, error, 1, now), error.code, now)
    between = jobs.submitted(throttled, "t-1", now) if progress == "accepted" else jobs.pause(throttled, "Arrearage")
    assert after_refusal(jobs.retry(between, "InternalError", later), error, 1, later).failure is None


def test_a_permanent_refusal_fails_the_job_with_the_vendors_reason(job: Job, now: datetime) -> None:
    decision = after_refusal(job, refusal(ErrorClass.PERMANENT, "ModelNotFound", 404), 1, now)
    assert decision.failure is not None
    assert (decision.failure.code, decision.failure.message) == ("ModelNotFound", "why")


@pytest.mark.parametrize("error_class", [ErrorClass.PERMANENT, ErrorClass.RETRYABLE])
def test_a_refusal_about_the_request_submits_each_file_by_itself(
    job: Job, now: datetime, error_class: ErrorClass
) -> None:
    decision = after_refusal(job, refusal(error_class, "InvalidParameter", 400), 2, now)
    assert (decision.retry_at, decision.single_file_task) == (now, True)
    assert decision.split_from is not None
    assert decision.split_from.files == 2


@pytest.mark.parametrize(("http_status", "limit"), [(None, 25), (500, 25), (400, 5), (404, 5)])
def test_a_rejected_request_fails_sooner_than_an_error_of_the_vendor(
    job: Job, now: datetime, http_status: int | None, limit: int
) -> None:
    error = refusal(ErrorClass.RETRYABLE, "InternalError", http_status)
    attempts = 1
    while (decision := after_refusal(job, error, 1, now)).failure is None:
        assert decision.is_failed_attempt
        job = jobs.apply_retry(job, decision, error.code, now)
        attempts += 1
    assert attempts == limit
    assert decision.failure.category == "retryable"


def test_after_a_lost_response_the_file_is_submitted_once_more_and_then_fails_with_a_reason(
    job: Job, now: datetime
) -> None:
    assert after_lost_response(job, now).retry_at is not None
    failure = after_lost_response(jobs.response_lost(job), now).failure
    assert failure is not None
    assert failure.code == "SUBMISSION_UNCONFIRMED"
    assert "billed" in failure.message


def test_an_accepted_submission_in_between_does_not_reset_the_count_of_lost_responses(job: Job, now: datetime) -> None:
    once = jobs.submitted(jobs.response_lost(job), "t-1", now)
    assert after_lost_response(jobs.retry(once, "FILE_403_FORBIDDEN", now), now).failure is not None


@pytest.mark.parametrize(
    "code", ["FILE_403_FORBIDDEN", "InvalidFile.DownloadFailed", "InternalError", "TASK_UNKNOWN", "NEW"]
)
def test_a_file_with_a_retryable_error_is_resubmitted_three_times_and_then_fails(
    job: Job, now: datetime, code: str
) -> None:
    decisions = [after_failed_file(after(job, attempts), code, "why", 1, now) for attempts in (1, 2, 3, 4)]
    assert [decision.retry_at for decision in decisions] == [now, now, now, None]
    assert decisions[3].failure is not None


def test_a_file_that_failed_after_all_resubmissions_keeps_its_reason_and_is_retryable(job: Job, now: datetime) -> None:
    failure = after_failed_file(after(job, 4), "FILE_403_FORBIDDEN", "no permission", 1, now).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("FILE_403_FORBIDDEN", "retryable")
    assert "no permission" in failure.message
    assert "3 resubmissions" in failure.message


def test_a_refusal_for_several_files_that_outlasts_the_resubmissions_is_permanent(job: Job, now: datetime) -> None:
    failure = after_failed_file(after(job, 4), "InvalidParameter", "too many files", 2, now).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("InvalidParameter", "permanent")


def test_a_file_that_the_vendor_left_out_is_submitted_by_itself(job: Job, now: datetime) -> None:
    decision = after_failed_file(after(job, 1), "MISSING_FROM_RESULTS", "why", 5, now)
    assert (decision.retry_at, decision.single_file_task) == (now, True)
    assert after_failed_file(after(job, 4), "MISSING_FROM_RESULTS", "why", 1, now).failure is not None


@pytest.mark.parametrize("code", ["InvalidParameter", "BadRequest.IllegalInput", "REQUEST_INVALID_FILE_URL_VALUE"])
def test_a_task_that_was_refused_for_having_several_files_is_split(job: Job, now: datetime, code: str) -> None:
    assert after_failed_file(after(job, 1), code, "why", 2, now).single_file_task
    assert after_failed_file(after(job, 2), code, "why", 1, now).failure is not None


def test_a_job_whose_task_is_lost_is_resubmitted_three_times_and_then_fails(job: Job, now: datetime) -> None:
    assert retry_policy.after_lost_task(after(job, 3), now).retry_at == now
    lost = after(job, 4).model_copy(update={"last_error_code": "TASK_LOST"})
    failure = retry_policy.after_lost_task(lost, now).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("INTERNAL_ERROR", "retryable")
    assert "last error: TASK_LOST" in failure.message


def test_a_job_may_be_requeued_twenty_times_without_progress(job: Job, now: datetime) -> None:
    for _ in range(19):
        job = jobs.run_failed(job)
    assert not retry_policy.has_failed_too_often(job)
    assert retry_policy.has_failed_too_often(jobs.run_failed(job))


@given(
    code=st.text() | st.sampled_from(["InternalError", "InvalidParameter", "FILE_TOO_LARGE"]),
    message=st.text(min_size=1),
    attempts=st.integers(1, 6),
    files=st.integers(1, 100),
)
def test_any_failed_file_is_resubmitted_or_fails_with_a_reason_and_resubmissions_end(
    job: Job, now: datetime, code: str, message: str, attempts: int, files: int
) -> None:
    decision = after_failed_file(after(job, attempts), code, message, files, now)
    assert (decision.failure is None) != (decision.retry_at is None)
    assert attempts <= 3 or decision.failure is not None
    assert decision.failure is None or decision.failure.message
