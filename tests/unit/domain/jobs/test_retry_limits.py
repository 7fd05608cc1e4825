"""The delays and the limits of the retry policy."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import retry_policy, task
from dashscribe.domain.jobs.job import Job, SplitFrom
from dashscribe.domain.jobs.retry_policy import after_lost_response, after_refusal
from dashscribe.domain.jobs.task import PostOutcome, Task, open_task
from dashscribe.errors import ErrorClass, VendorError

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
FOUND = PostOutcome


@pytest.fixture
def posting(now: datetime) -> Task:
    return open_task("s-1", "fun-asr", ["j1", "j2"], now)


@pytest.fixture
def shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low)


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def refused(error_class: ErrorClass, http_status: int | None = 500) -> VendorError:
    return VendorError("SomeCode", "why", error_class, http_status)


BACKOFF = [(1, 4), (2, 8), (3, 16), (7, 256), (8, 512), (9, 600), (25, 600), (10_000, 600)]


@pytest.mark.parametrize(("attempts", "seconds"), BACKOFF)
@pytest.mark.usefixtures("longest")
def test_each_failed_attempt_doubles_the_longest_wait_up_to_ten_minutes(attempts: int, seconds: int) -> None:
    assert retry_policy.retry_delay(attempts) == seconds * SECOND


@pytest.mark.parametrize(("attempts", "seconds"), BACKOFF)
@pytest.mark.usefixtures("shortest")
def test_the_shortest_wait_is_half_of_the_longest(attempts: int, seconds: int) -> None:
    assert retry_policy.retry_delay(attempts) == seconds / 2 * SECOND


@pytest.mark.usefixtures("longest")
def test_a_failed_attempt_waits_longer_than_the_one_before(job: Job, now: datetime) -> None:
    error, waits = refused(ErrorClass.RETRYABLE), []
    for _ in range(4):
        decision = after_refusal(job, error, 1, now)
        assert decision.retry_at is not None
        waits.append((decision.retry_at - now) / SECOND)
        job = jobs.apply_retry(job, decision, error.code, now)
    assert waits == [4, 8, 16, 32]


@pytest.mark.parametrize(("http_status", "attempts"), [(399, 25), (400, 5), (499, 5), (500, 25), (None, 25)])
def test_the_failure_names_the_number_of_failed_attempts(
    job: Job, now: datetime, http_status: int | None, attempts: int
) -> None:
    last = job.model_copy(update={"failed_attempts": attempts - 1})
    failure = after_refusal(last, refused(ErrorClass.RETRYABLE, http_status), 1, now).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("SomeCode", "retryable")
    assert failure.message == f"why (failed after {attempts} attempts)"
    earlier = job.model_copy(update={"failed_attempts": attempts - 2})
    assert after_refusal(earlier, refused(ErrorClass.RETRYABLE, http_status), 1, now).failure is None


@pytest.mark.usefixtures("longest")
def test_a_lost_response_waits_like_a_failed_attempt(job: Job, now: datetime) -> None:
    failed = job.model_copy(update={"failed_attempts": 2})
    assert (after_lost_response(job, now).retry_at, after_lost_response(failed, now).retry_at) == (
        now + 4 * SECOND,
        now + 16 * SECOND,
    )
    assert after_lost_response(job, now).is_failed_attempt


@pytest.mark.parametrize(("limit", "lost"), [(1, "was lost twice."), (3, "was lost 4 times.")])
def test_the_failure_after_lost_responses_says_how_many_were_lost(
    job: Job, now: datetime, limit: int, lost: str
) -> None:
    for _ in range(limit):
        assert after_lost_response(job, now, limit).failure is None
        job = jobs.response_lost(job)
    failure = after_lost_response(job, now, limit).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("SUBMISSION_UNCONFIRMED", "retryable")
    assert lost in failure.message


def test_the_failure_after_a_day_of_throttling_has_the_last_code_and_may_be_tried_again(
    job: Job, now: datetime
) -> None:
    throttled = job.model_copy(update={"throttled_since": now})
    failure = after_refusal(throttled, refused(ErrorClass.THROTTLED, 429), 1, now + 24 * HOUR).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("VENDOR_THROTTLED", "retryable")
    assert "last code: SomeCode" in failure.message


def test_a_job_that_pauses_its_model_five_times_while_others_are_accepted_fails(job: Job, now: datetime) -> None:
    error = refused(ErrorClass.MODEL_WIDE, 403)
    for _ in range(4):
        decision = after_refusal(job, error, 1, now)
        assert (decision.pauses_submissions, decision.goes_to_the_back, decision.failure) == (True, False, None)
        job = jobs.apply_retry(job, decision, error.code, now)
    failure = after_refusal(job, error, 1, now).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("SomeCode", "permanent")
    assert failure.message.startswith("why (refused 5 times")


@pytest.mark.parametrize("error_class", [ErrorClass.ACCOUNT_WIDE, ErrorClass.MODEL_WIDE])
def test_a_refused_probe_counts_nothing_and_lets_the_other_paused_jobs_go_first(
    job: Job, now: datetime, error_class: ErrorClass
) -> None:
    tried = job.model_copy(update={"failed_attempts": 4})
    decision = after_refusal(tried, refused(error_class, 403), 1, now, is_probe=True)
    assert (decision.pauses_submissions, decision.goes_to_the_back) == (True, True)
    assert (decision.is_failed_attempt, decision.failure) == (False, None)
    later = now + HOUR
    assert jobs.apply_retry(tried, decision, "SomeCode", later).due_at == later
    first = after_refusal(tried, refused(ErrorClass.ACCOUNT_WIDE, 403), 1, now)
    assert jobs.apply_retry(tried, first, "SomeCode", later).due_at == job.received_at


@pytest.mark.parametrize("code", ["InvalidParameter", "BadRequest.TooLarge", "InvalidURL", "InvalidFile.X", "HTTP_413"])
def test_a_split_job_remembers_the_refused_submission_until_it_is_accepted(job: Job, now: datetime, code: str) -> None:
    claimed = jobs.claim(job, "s-1", now)
    decision = after_refusal(claimed, VendorError(code, "why", ErrorClass.PERMANENT, 400), 3, now)
    split = jobs.apply_retry(claimed, decision, code, now)
    assert (split.split_from, split.failed_attempts) == (SplitFrom(submission_id="s-1", files=3), 0)
    again = jobs.retry(split, "InternalError", now)
    assert again.split_from == split.split_from
    accepted = jobs.submitted(again, "t-1", now)
    assert (accepted.split_from, accepted.single_file_task) == (None, True)


@pytest.mark.parametrize(("error_class", "seconds"), [
    (ErrorClass.ACCOUNT_WIDE, 32), (ErrorClass.MODEL_WIDE, 32), (ErrorClass.RETRYABLE, 8), (ErrorClass.THROTTLED, 8),
])  # fmt: skip
@pytest.mark.usefixtures("longest")
def test_a_failed_query_waits_longer_where_the_account_is_the_cause(error_class: ErrorClass, seconds: int) -> None:
    assert retry_policy.query_delay_after(refused(error_class)) == seconds * SECOND
    assert retry_policy.unknown_task_delay() == 8 * SECOND


@pytest.mark.usefixtures("longest")
def test_an_error_of_the_server_waits_for_the_slowest_job_before_the_task_list_is_read(job: Job, now: datetime) -> None:
    error, tried = refused(ErrorClass.RETRYABLE, 500), job.model_copy(update={"failed_attempts": 4})
    last = job.model_copy(update={"failed_attempts": 24})
    assert retry_policy.server_error_delay(error, [job], now) == 10 * SECOND
    assert retry_policy.server_error_delay(error, [job, tried], now) == 64 * SECOND
    assert retry_policy.server_error_delay(error, [job, last], now) is None
    for other in (refused(ErrorClass.RETRYABLE, 499), refused(ErrorClass.RETRYABLE, None)):
        assert retry_policy.server_error_delay(other, [job], now) is None
    assert retry_policy.server_error_delay(refused(ErrorClass.THROTTLED, 503), [job], now) is None


@pytest.mark.parametrize(("age", "delay"), [
    (0 * SECOND, 10 * SECOND), (50 * SECOND, 10 * SECOND), (100 * SECOND, 20 * SECOND), (10 * HOUR, 15 * MINUTE),
])  # fmt: skip
def test_a_submission_is_reconciled_again_after_a_fifth_of_its_age(
    posting: Task, now: datetime, age: timedelta, delay: timedelta
) -> None:
    assert retry_policy.reconcile_delay(posting, now + age) == delay


def test_files_that_could_not_be_finalized_are_tried_again_after_4_seconds_and_then_ever_later(
    posting: Task, now: datetime
) -> None:
    delays = []
    for attempts in range(1, 11):
        tried = posting.model_copy(update={"finalize_attempts": attempts})
        delays.append(retry_policy.finalize_delay(tried) / SECOND)
    assert delays == [4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_task_is_given_to_forty_finalizers(job: Job, posting: Task, now: datetime) -> None:
    def is_out(attempts: int, code: str | None, after: timedelta) -> bool:
        ended = posting.model_copy(update={"finalize_attempts": attempts, "ended_at": now})
        failed = job.model_copy(update={"last_error_code": code})
        return retry_policy.is_out_of_finalize_attempts(failed, ended, now + after)

    assert [is_out(attempts, None, HOUR) for attempts in (39, 40)] == [False, True]
    kept = 24 * HOUR + 15 * MINUTE
    assert [is_out(40, "RESULT_UNAVAILABLE", after) for after in (HOUR, kept - SECOND, kept)] == [False, False, True]


def test_a_result_is_downloaded_again_only_while_the_vendor_has_it(now: datetime) -> None:
    last = now + 24 * HOUR - 20 * MINUTE
    assert retry_policy.may_download_again(now, last - SECOND)
    assert not retry_policy.may_download_again(now, last + SECOND)


def test_a_result_that_is_no_transcript_is_downloaded_four_times_more_within_nine_minutes(
    job: Job, now: datetime
) -> None:
    retries = [
        retry_policy.unreadable_result_retry(job.model_copy(update={"unreadable_results": number}), now)
        for number in range(5)
    ]
    assert retries == [now + seconds * SECOND for seconds in (5, 30, 120, 360)] + [None]


@pytest.mark.parametrize(("list_is_missing", "has_candidate", "seconds"), [
    (False, False, 10), (True, False, 600), (False, True, 600), (True, True, 600),
])  # fmt: skip
def test_a_submission_with_an_error_of_the_server_is_repeated_when_its_task_was_not_found(
    posting: Task, now: datetime, list_is_missing: bool, has_candidate: bool, seconds: int
) -> None:
    lost = task.failed_by_server(posting, now, "HTTP_502")
    waited = [
        retry_policy.may_be_repeated(lost, at, list_is_missing=list_is_missing, has_candidate=has_candidate)
        for at in (now + (seconds - 1) * SECOND, now + seconds * SECOND)
    ]
    assert waited == [False, True]


@pytest.mark.parametrize(("found", "age", "list_was_read", "concluded"), [
    (FOUND.ACCEPTED, 30 * HOUR, True, FOUND.ACCEPTED),
    (FOUND.UNDETERMINED, 0 * SECOND, False, FOUND.UNDETERMINED),  # there is no list
    (FOUND.NOT_ACCEPTED, 119 * SECOND, True, FOUND.PENDING),
    (FOUND.NOT_ACCEPTED, 120 * SECOND, True, FOUND.NOT_ACCEPTED),
    (FOUND.UNDETERMINED, 119 * SECOND, True, FOUND.PENDING),
    (FOUND.UNDETERMINED, 120 * SECOND, True, FOUND.UNDETERMINED),
    (FOUND.NOT_ACCEPTED, 23 * HOUR - SECOND, True, FOUND.NOT_ACCEPTED),
    (FOUND.NOT_ACCEPTED, 23 * HOUR, True, FOUND.UNDETERMINED),  # the list may not cover the POST any more
    (FOUND.PENDING, 599 * SECOND, True, FOUND.PENDING),
    (FOUND.PENDING, 600 * SECOND, True, FOUND.UNDETERMINED),
    (FOUND.PENDING, 599 * SECOND, False, FOUND.PENDING),
])  # fmt: skip
def test_what_the_task_list_lacks_counts_after_two_minutes_and_a_doubt_ends_after_ten(
    posting: Task, now: datetime, found: PostOutcome, age: timedelta, list_was_read: bool, concluded: PostOutcome
) -> None:
    lost = task.reconciling(task.response_lost(posting, now), now)
    assert retry_policy.decided_outcome(lost, found, now + age, list_was_read=list_was_read) is concluded
