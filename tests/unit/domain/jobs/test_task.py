from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.jobs.job import Due
from dashscribe.domain.jobs.retry_policy import finalize_delay
from dashscribe.domain.jobs.task import (
    MANY_FILES,
    PostOutcome,
    Task,
    TaskPhase,
    accepted,
    adopted,
    closed,
    delay_reported,
    ended,
    failed_by_server,
    finalize_again,
    has_odd_queries,
    is_beyond_querying,
    is_delayed_by_queries,
    is_marked_for_another,
    is_overdue,
    is_unknown_for_good,
    not_adopted,
    open_task,
    query_failed,
    reconciling,
    response_lost,
    still_running,
    time_within,
    unknown,
    wait_between_looks,
)
from dashscribe.domain.recognition.file_urls import find_url_mark

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AGES = st.timedeltas(timedelta(0), timedelta(hours=5))


@pytest.fixture
def posting(now: datetime) -> Task:
    return open_task("s-1", "fun-asr", ["j1", "j2"], now)


@pytest.fixture
def in_flight(posting: Task, now: datetime) -> Task:
    return accepted(posting, "t-1", now)


def test_a_task_that_may_have_been_posted_has_no_task_id_and_is_not_due(posting: Task) -> None:
    assert (posting.phase, posting.task_id, posting.due_at) == (TaskPhase.POSTING, None, None)
    assert posting.job_ids == ["j1", "j2"]


def test_an_accepted_task_is_queried_after_a_second(in_flight: Task, now: datetime) -> None:
    assert (in_flight.phase, in_flight.task_id, in_flight.due_kind) == (TaskPhase.IN_FLIGHT, "t-1", Due.TASK)
    assert in_flight.due_at == now + timedelta(seconds=1)


@given(st.lists(AGES, min_size=1), st.booleans())
def test_the_loop_waits_one_to_three_seconds(ages: list[timedelta], by_list: bool) -> None:
    longest = timedelta(seconds=2.2 if by_list else 3)
    assert timedelta(seconds=1) <= wait_between_looks(ages, 1, by_list=by_list) <= longest
    assert timedelta(seconds=0.4) <= wait_between_looks(ages, 100, by_list=by_list) <= longest


@pytest.mark.parametrize(
    ("ages", "files", "by_list", "seconds"),
    [
        ([0], 1, False, 1),
        ([10], 1, False, 2),
        ([3600], 1, False, 3),
        ([3600], 1, True, 2.2),
        ([1], 10, False, 0.4),
        ([4], 10, False, 0.8),
        ([1], 9.9, False, 1),
        ([100, 7, 100, 100], 1, False, 3),
        ([100, 7, 7.5, 100], 1, False, 1.5),
    ],
)
def test_the_wait_is_a_fifth_of_the_age_of_the_youngest_quarter(
    ages: list[float], files: float, by_list: bool, seconds: float
) -> None:
    wait = wait_between_looks([timedelta(seconds=age) for age in ages], files, by_list=by_list)
    assert wait == timedelta(seconds=seconds)


def test_a_task_of_many_files_is_queried_sooner(now: datetime) -> None:
    """One query serves all of its files, and all of them wait for it."""
    many = open_task("s-1", "fun-asr", [f"j{n}" for n in range(MANY_FILES)], now)
    assert accepted(many, "t-1", now).due_at == now + timedelta(seconds=0.4)


def test_a_running_task_stays_due_and_is_left_alone_after_an_error(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(seconds=100)
    assert still_running(in_flight, later).due_at == later
    assert still_running(in_flight, later, delay=timedelta(seconds=30)).due_at == later + timedelta(seconds=30)


def test_a_task_is_overdue_after_four_hours(in_flight: Task, posting: Task, now: datetime) -> None:
    for task in (in_flight, posting):
        assert not is_overdue(task, now + timedelta(hours=4))
        assert is_overdue(task, now + timedelta(hours=4, seconds=1))


def test_an_ended_task_stays_due_so_that_a_dead_finalizer_is_noticed(in_flight: Task, now: datetime) -> None:
    over = ended(in_flight, now)
    assert (over.phase, over.due_kind, over.due_at, over.ended_at) == (TaskPhase.ENDED, Due.TASK, now, now)


def test_the_first_end_is_kept_when_finalizing_is_repeated(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(hours=1)
    again = ended(finalize_again(ended(in_flight, now), now), later)
    assert (again.ended_at, again.finalize_attempts) == (now, 2)


def test_each_attempt_to_finalize_waits_longer_than_the_last_up_to_a_quarter_of_an_hour(
    in_flight: Task, now: datetime
) -> None:
    delays = []
    task = in_flight
    for _ in range(15):
        task = ended(task, now)
        delays.append(finalize_delay(task))
        task = finalize_again(task, now + delays[-1])
        assert (task.phase, task.due_kind, task.due_at) == (TaskPhase.IN_FLIGHT, Due.TASK, now + delays[-1])
    assert delays == sorted(delays)
    assert delays[0] < timedelta(seconds=10)
    assert delays[-1] == timedelta(minutes=15)


def test_a_closed_task_is_no_longer_due_and_expires_after_thirty_days(in_flight: Task, now: datetime) -> None:
    done = closed(ended(in_flight, now), now)
    assert (done.phase, done.due_kind, done.due_at) == (TaskPhase.CLOSED, None, None)
    assert done.expires_at == int((now + timedelta(days=30)).timestamp())


def test_a_stored_task_is_read_back_the_same(in_flight: Task, now: datetime) -> None:
    task = closed(ended(in_flight, now), now)
    assert Task.model_validate_json(task.model_dump_json()) == task


# the response to the POST


def test_an_accepted_task_has_the_id_and_the_time_of_its_request(posting: Task, now: datetime) -> None:
    task = accepted(posting, "t-1", now + SECOND, "r-1")
    assert (task.request_id, task.accepted_at, task.posted_at) == ("r-1", now + SECOND, now)


def test_a_record_of_a_post_expires_after_thirty_days_even_if_nothing_follows(posting: Task, now: datetime) -> None:
    assert posting.expires_at == int((now + timedelta(days=30)).timestamp())


def test_the_first_lost_response_counts_and_an_error_of_the_server_begins_anew(posting: Task, now: datetime) -> None:
    lost = response_lost(posting, now)
    assert response_lost(lost, now + SECOND).response_lost_at == now
    refused = failed_by_server(lost, now + SECOND, "HTTP_502")
    assert (refused.response_lost_at, refused.server_error) == (now + SECOND, "HTTP_502")


def test_the_time_of_reconciliation_begins_with_the_first_task_list(posting: Task, now: datetime) -> None:
    first = reconciling(posting, now)
    again = reconciling(first, now + SECOND)
    assert (again.reconciled_since, again.response_lost_at) == (now, now)
    assert reconciling(response_lost(posting, now), now + SECOND).response_lost_at == now


def test_reconciliation_records_its_outcome(posting: Task, now: datetime) -> None:
    found = adopted(posting, "t-1", now)
    assert (found.phase, found.task_id, found.post_outcome) == (TaskPhase.IN_FLIGHT, "t-1", PostOutcome.ACCEPTED)
    missing = not_adopted(posting, PostOutcome.UNDETERMINED, now)
    assert (missing.phase, missing.due_at, missing.post_outcome) == (TaskPhase.CLOSED, None, PostOutcome.UNDETERMINED)


# queries


def test_a_query_that_failed_is_repeated_after_the_delay_and_its_first_time_is_kept(
    in_flight: Task, now: datetime
) -> None:
    failed = query_failed(in_flight, now, 5 * SECOND)
    again = query_failed(failed, now + MINUTE, 7 * SECOND)
    assert (failed.due_at, again.due_at) == (now + 5 * SECOND, now + MINUTE + 7 * SECOND)
    assert (again.query_failing_since, again.unknown_since) == (now, None)
    assert has_odd_queries(again)


def test_an_unknown_task_is_queried_again_after_the_delay_until_two_minutes_are_over(
    in_flight: Task, now: datetime
) -> None:
    first = unknown(query_failed(in_flight, now, SECOND), now, 5 * SECOND)
    again = unknown(first, now + MINUTE, 7 * SECOND)
    assert (first.due_at, again.due_at) == (now + 5 * SECOND, now + MINUTE + 7 * SECOND)
    assert (again.unknown_since, again.query_failing_since) == (now, None)
    assert has_odd_queries(again)
    assert not is_unknown_for_good(again, now + 2 * MINUTE - SECOND)
    assert is_unknown_for_good(again, now + 2 * MINUTE)
    assert not is_unknown_for_good(in_flight, now + 2 * MINUTE)


@pytest.mark.parametrize("end", [still_running, ended])
def test_a_reply_about_the_task_ends_the_count_of_odd_queries(
    in_flight: Task, now: datetime, end: Callable[[Task, datetime], Task]
) -> None:
    odd = query_failed(unknown(in_flight, now, SECOND), now, SECOND)
    assert (odd.unknown_since, odd.query_failing_since) == (now, now)
    assert not has_odd_queries(end(odd, now))
    assert not has_odd_queries(in_flight)


def test_the_jobs_of_a_task_are_delayed_after_fifteen_minutes_of_failed_queries(in_flight: Task, now: datetime) -> None:
    failing = query_failed(in_flight, now, SECOND)
    assert not is_delayed_by_queries(failing, now + 15 * MINUTE - SECOND)
    assert is_delayed_by_queries(failing, now + 15 * MINUTE)
    assert not is_delayed_by_queries(delay_reported(failing), now + 15 * MINUTE)
    assert not is_delayed_by_queries(in_flight, now + 15 * MINUTE)


def test_a_task_is_beyond_querying_when_the_vendor_has_deleted_its_results(
    in_flight: Task, posting: Task, now: datetime
) -> None:
    """Four hours until it ends at the latest, and 24 hours after that."""
    for task in (in_flight, posting):
        assert not is_beyond_querying(task, now + timedelta(hours=28))
        assert is_beyond_querying(task, now + timedelta(hours=28, seconds=1))
    late = accepted(posting, "t-1", now + timedelta(hours=1))
    assert not is_overdue(late, now + timedelta(hours=5))
    assert not is_beyond_querying(late, now + timedelta(hours=29))


# times and files


def test_a_time_of_the_vendor_is_used_if_it_lies_between_the_post_and_now(in_flight: Task, now: datetime) -> None:
    later = now + timedelta(hours=1)
    assert time_within(in_flight, now + MINUTE, later) == now + MINUTE
    assert time_within(in_flight, now - 2 * MINUTE, later) == now
    assert time_within(in_flight, later + 2 * MINUTE, later) == later
    for impossible in (None, now - 2 * MINUTE - SECOND, later + 2 * MINUTE + SECOND):
        assert time_within(in_flight, impossible, later) is None


def test_an_ended_task_whose_due_time_is_in_the_future_is_due_at_once(in_flight: Task, now: datetime) -> None:
    assert ended(still_running(in_flight, now, delay=MINUTE), now).due_at == now
    assert ended(still_running(in_flight, now), now + MINUTE).due_at == now


def test_a_url_with_the_mark_of_another_file_is_recognised(now: datetime) -> None:
    urls = [f"https://b.s3.amazonaws.com/a.wav?X-Amz-Signature={sign * 64}" for sign in "abc"]
    marks = [find_url_mark(url) or "" for url in urls[:2]]
    task = open_task("s-1", "fun-asr", ["j1", "j2"], now, marks)
    found = [is_marked_for_another(task, "j1", url) for url in (*urls, "https://b.s3.amazonaws.com/a.wav", None, 7)]
    assert found == [False, True, False, False, False, False]
    assert task.mark_of_job == {"j1": marks[0], "j2": marks[1]}
    assert open_task("s-1", "fun-asr", ["j1", "j2"], now, marks[:1]).mark_of_job == {}
