"""When a job counts as delayed, and what `Transcription Delayed` says about the reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dashscribe.domain.jobs import delay
from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FAILURE = Failure(code="FILE_TOO_LARGE", message="too large", category="permanent")


def waiting(code: str) -> Callable[[Job, datetime], Job]:
    return lambda job, now: jobs.retry(job, code, now)


def submitted(code: str) -> Callable[[Job, datetime], Job]:
    return lambda job, now: delay.stalled(jobs.submitted(job, "t-1", now), now, code)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda job, now: jobs.pause(job, "AccessDenied"), "AccessDenied", "Submissions are paused (AccessDenied)"),
        (waiting("Arrearage"), "Arrearage", "Submissions are paused (Arrearage)"),
        (waiting("Throttling.RateQuota"), "Throttling.RateQuota", "because of its rate (Throttling.RateQuota)"),
        (waiting("RATE_LIMITED"), "RATE_LIMITED", "waits for a slot of its model's rate"),
        (waiting("FILE_403_FORBIDDEN"), "FILE_403_FORBIDDEN", "without a transcript (FILE_403_FORBIDDEN)"),
        (waiting("AccessDenied"), "AccessDenied", "without a transcript (AccessDenied)"),
        (lambda job, now: job, "NOT_PROCESSED", "SubmitTranscriptionFunction shows the reason"),
        (
            lambda job, now: jobs.await_reconciliation(jobs.claim(job, "s-1", now), now),
            "RESPONSE_LOST",
            "queries DashScope's task list",
        ),
        (submitted("RESULT_UNAVAILABLE"), "RESULT_UNAVAILABLE", "its result cannot be downloaded"),
        (submitted("INTERNAL_ERROR"), "INTERNAL_ERROR", "FinalizeTranscriptionFunction shows the reason"),
        (submitted("HTTP_503"), "HTTP_503", "The task cannot be queried (HTTP_503)"),
        (submitted("Arrearage"), "Arrearage", "The task cannot be queried (Arrearage)"),
    ],
)
def test_the_reason_of_a_delay_says_what_the_job_waits_for(
    job: Job, now: datetime, change: Callable[[Job, datetime], Job], code: str, words: str
) -> None:
    found = delay.delay_of(delay.stalled(change(job, now), now))
    assert (found.code, found.since) == (code, now)
    assert words in found.message


def test_a_job_is_delayed_after_fifteen_minutes_without_progress(job: Job, now: datetime) -> None:
    stalled = delay.stalled(job, now)
    assert delay.delayed_from(stalled) == now + 15 * MINUTE
    assert not delay.is_delayed(stalled, now + 15 * MINUTE - SECOND)
    assert delay.is_delayed(stalled, now + 15 * MINUTE)


def test_only_the_first_stall_counts(job: Job, now: datetime) -> None:
    again = delay.stalled(delay.stalled(job, now, "HTTP_503"), now + MINUTE, "HTTP_500")
    assert (again.stalled_since, again.last_error_code) == (now, "HTTP_503")


def test_a_stall_without_a_code_keeps_the_last_error(job: Job, now: datetime) -> None:
    failed = jobs.retry(job, "InternalError", now)
    assert delay.stalled(failed, now).last_error_code == "InternalError"


def test_a_delay_is_reported_once_and_never_of_an_ended_job(job: Job, now: datetime) -> None:
    stalled = delay.stalled(job, now)
    reported = delay.reported(stalled, now + 16 * MINUTE)
    assert reported.delayed_at == now + 16 * MINUTE
    for other in (reported, jobs.fail(stalled, FAILURE, now), job, jobs.submitted(stalled, "t-1", now)):
        assert not delay.is_delayed(other, now + 60 * MINUTE)


@pytest.mark.parametrize(("code", "is_stalled"), [("InternalError", True), ("RATE_LIMITED", False)])
def test_a_job_that_waits_because_of_an_error_makes_no_progress(
    job: Job, now: datetime, code: str, is_stalled: bool
) -> None:
    for before in (job, jobs.claim(job, "s-1", now)):
        waits = before.model_copy(update={"last_error_code": code})
        assert delay.after_change(waits, now).stalled_since == (now if is_stalled else None)
        assert delay.after_change(before, now).stalled_since is None
    sent = jobs.submitted(job, "t-1", now).model_copy(update={"last_error_code": code})
    assert delay.after_change(sent, now).stalled_since is None


def test_a_job_whose_message_was_lost_waits_since_its_message_was_sent(job: Job, now: datetime) -> None:
    assert delay.unanswered_since(job) == now
    requeued = jobs.requeued(job, now + 10 * MINUTE)
    assert delay.unanswered_since(requeued) == now + 10 * MINUTE
    assert delay.unanswered_since(job.model_copy(update={"due_at": None})) == now


def test_a_result_that_cannot_be_downloaded_stalls_its_job(job: Job, now: datetime) -> None:
    sent = jobs.submitted(job, "t-1", now)
    unreadable = delay.result_unreadable(sent, "RESULT_UNREADABLE", now + SECOND, now)
    assert (unreadable.unreadable_results, unreadable.result_retry_at) == (1, now + SECOND)
    assert (unreadable.last_error_code, unreadable.stalled_since) == ("RESULT_UNREADABLE", now)
    later = delay.result_unavailable(unreadable, now + MINUTE)
    assert (later.last_error_code, later.result_retry_at, later.stalled_since) == ("RESULT_UNAVAILABLE", None, now)
    assert delay.result_unreadable(unreadable, "X", now + MINUTE, now + MINUTE).unreadable_results == 2
    assert delay.result_unavailable(sent, now + MINUTE).stalled_since == now + MINUTE
