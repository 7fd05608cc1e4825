from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.job import AudioFacts, Due, Failure, Job, Status, Usage
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.result_files import result_folder

FAILURE = Failure(code="FILE_TOO_LARGE", message="too large", category="permanent")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


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


def test_a_new_job_is_looked_at_again_should_its_maker_die(job: Job, now: datetime) -> None:
    assert (job.status, job.attempts, job.due_kind) == (Status.RECEIVED, 0, Due.JOB)
    assert job.due_at == now + jobs.LOST_MESSAGE_AFTER


def test_the_options_are_kept_with_the_job(job: Job) -> None:
    options = Options(profile="calls", model="fun-asr", parameters={"channel_id": [0]})
    assert jobs.with_options(job, options).options == options


def test_a_claimed_job_is_nobody_elses_until_its_claimer_must_be_dead(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s-1", now)
    assert jobs.can_be_claimed(job, now)
    assert not jobs.can_be_claimed(claimed, now + jobs.CLAIM_LASTS - timedelta(seconds=1))
    assert jobs.can_be_claimed(claimed, now + jobs.CLAIM_LASTS)


def test_a_job_that_the_vendor_has_or_that_is_over_cannot_be_claimed(job: Job, now: datetime) -> None:
    far = now + timedelta(days=30)
    for taken in (jobs.submitted(job, "t-1", now), succeeded(job), jobs.fail(job, FAILURE, now)):
        assert not jobs.can_be_claimed(taken, far)


def test_a_submission_counts_an_attempt_and_forgets_earlier_trouble(job: Job, now: datetime) -> None:
    troubled = jobs.requeued(jobs.defer(job, "InternalError", now), now)
    sent = jobs.submitted(jobs.claim(troubled, "s-1", now), "t-1", now)
    assert (sent.status, sent.task_id, sent.attempts, sent.submitted_at) == (Status.SUBMITTED, "t-1", 1, now)
    assert (sent.failed_attempts, sent.requeues, sent.last_error_code) == (0, 0, None)


def test_a_deferred_job_waits_and_can_be_claimed_anew(job: Job, now: datetime) -> None:
    waiting = jobs.defer(jobs.claim(job, "s-1", now), "InternalError", now)
    assert (waiting.submission_id, waiting.failed_attempts, waiting.last_error_code) == (None, 1, "InternalError")
    assert waiting.due_at is not None
    assert timedelta(seconds=2) <= waiting.due_at - now <= timedelta(seconds=4)
    assert jobs.can_be_claimed(waiting, now)


def test_waiting_for_ones_turn_is_no_failed_try(job: Job, now: datetime) -> None:
    waiting = jobs.defer(job, "Throttling", now, delay=timedelta(seconds=7), counts=False)
    assert (waiting.failed_attempts, waiting.due_at) == (0, now + timedelta(seconds=7))


@pytest.mark.parametrize(("http_status", "tries"), [(None, 25), (500, 25), (400, 5), (404, 5)])
def test_a_refusal_about_the_request_is_given_up_sooner_than_trouble_of_the_vendor_s(
    http_status: int | None, tries: int
) -> None:
    assert jobs.max_attempts_for(http_status) == tries


@given(st.integers(1, 10_000))
def test_a_retry_waits_two_seconds_to_ten_minutes(tries: int) -> None:
    assert timedelta(seconds=2) <= jobs.retry_delay(tries) <= timedelta(minutes=10)


def test_files_that_failed_together_do_not_come_back_together() -> None:
    assert len({jobs.retry_delay(8) for _ in range(20)}) > 10


def test_a_parked_job_waits_in_the_order_of_arrival(job: Job, now: datetime) -> None:
    parked = jobs.park(jobs.claim(job, "s-1", now + timedelta(hours=1)), "Arrearage")
    assert (parked.status, parked.due_kind, parked.due_at) == (Status.RECEIVED, Due.PARKED, job.received_at)
    assert (parked.submission_id, parked.last_error_code) == (None, "Arrearage")
    assert jobs.park(jobs.requeued(job, now), "Arrearage").requeues == 0


def test_a_lost_answer_is_followed_by_one_more_submission_and_then_the_user_hears_of_it(
    job: Job, now: datetime
) -> None:
    once = jobs.response_lost(jobs.claim(job, "s-1", now), now)
    assert (once.status, once.submission_id) == (Status.RECEIVED, None)
    twice = jobs.response_lost(jobs.claim(once, "s-2", now), now)
    assert twice.status is Status.FAILED
    assert twice.failure is not None
    assert twice.failure.code == "SUBMISSION_UNCONFIRMED"
    assert "billed" in twice.failure.message


def test_an_answered_submission_between_does_not_make_a_second_lost_answer_the_first(job: Job, now: datetime) -> None:
    once = jobs.submitted(jobs.response_lost(job, now), "t-1", now)
    assert jobs.response_lost(jobs.resubmit(once, "FILE_403_FORBIDDEN", now), now).status is Status.FAILED


def test_a_resubmitted_job_leaves_its_task_and_keeps_its_attempts(job: Job, now: datetime) -> None:
    again = jobs.resubmit(jobs.submitted(job, "t-1", now), "FILE_403_FORBIDDEN", now)
    assert (again.status, again.task_id, again.attempts, again.due_at) == (Status.RECEIVED, None, 1, now)
    assert again.last_error_code == "FILE_403_FORBIDDEN"


def test_a_job_that_must_go_alone_goes_alone_ever_after(job: Job, now: datetime) -> None:
    alone = jobs.resubmit(job, "MISSING_FROM_RESULTS", now, single_file_task=True)
    assert jobs.resubmit(alone, "InternalError", now).single_file_task


def test_a_file_is_resubmitted_three_times_at_most(job: Job, now: datetime) -> None:
    resubmissions = 0
    job = jobs.submitted(job, "t-0", now)
    while jobs.may_be_resubmitted(job) and resubmissions < 10:
        resubmissions += 1
        job = jobs.submitted(jobs.resubmit(job, "FILE_403_FORBIDDEN", now), f"t-{resubmissions}", now)
    assert (resubmissions, job.attempts) == (3, 4)


def test_a_job_asked_for_twenty_times_without_progress_is_beyond_waking(job: Job, now: datetime) -> None:
    for _ in range(19):
        job = jobs.requeued(job, now)
    assert not jobs.is_out_of_requeues(job)
    assert jobs.is_out_of_requeues(jobs.requeued(job, now))


@pytest.mark.parametrize("end", [succeeded, lambda job: jobs.fail(job, FAILURE, NOW)], ids=["succeeded", "failed"])
def test_an_ended_job_is_due_until_its_event_is_out(job: Job, end: Callable[[Job], Job]) -> None:
    over = end(job)
    assert (over.is_terminal, over.is_finished, over.due_at) == (True, False, NOW)
    told = jobs.published(over, NOW)
    assert (told.is_finished, told.due_kind, told.due_at) == (True, None, None)
    assert told.expires_at == int((NOW + timedelta(days=30)).timestamp())


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
    lambda job, now: jobs.defer(job, "InternalError", now),
    lambda job, now: jobs.park(job, "Arrearage"),
    jobs.response_lost,
    lambda job, now: jobs.resubmit(job, "FILE_403_FORBIDDEN", now),
    jobs.requeued,
    lambda job, now: jobs.look_again(job, now + timedelta(minutes=1)),
    succeeded,
    lambda job, now: jobs.fail(job, FAILURE, now),
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.timedeltas(timedelta(0), timedelta(days=2))), max_size=12))
def test_whatever_happens_an_unfinished_job_is_on_a_list_and_is_read_back_as_it_was_stored(
    job: Job, steps: list[tuple[Callable[[Job, datetime], Job], timedelta]]
) -> None:
    now = NOW
    for step, pause in steps:
        if job.is_terminal:
            break
        now += pause
        job = step(job, now)
        assert job.due_kind is not None
        assert job.due_at is not None
        assert Job.model_validate_json(job.model_dump_json()) == job


def test_a_claim_soon_after_the_receipt_moves_nothing_in_the_index(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s", now + timedelta(seconds=2))
    assert (claimed.due_kind, claimed.due_at) == (job.due_kind, job.due_at)
    assert claimed.claimed_until is not None
    assert claimed.due_at is not None
    assert claimed.due_at >= claimed.claimed_until


def test_a_late_claim_is_due_when_it_ends(job: Job, now: datetime) -> None:
    claimed = jobs.claim(job, "s", now + timedelta(seconds=100))
    assert claimed.due_at == claimed.claimed_until
