"""A submission whose response was lost is never paid for twice without need."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.timeouts import LIST_COMPLETE_AFTER
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from dashscribe.services.rate_limits import QUERY_RATE_KEY
from dashscribe.services.submission.reconcile import MAX_CANDIDATES, MAX_PAGES
from tests.conftest import LogLines
from tests.support.constants import START
from tests.support.world import World

LOST = "timed out"
QUERIES_PER_SECOND = 20


def without_query(url: str) -> str:
    return url.partition("?")[0]


def world_with_a_known_task() -> World:
    """The account has a task of ours at that time: the list is known to be ours and to be up to date."""
    world = World()
    world.upload("known.wav")
    world.deliver()
    return world


def test_many_lost_responses_are_reconciled_with_one_set_of_list_pages() -> None:
    world = World(max_files_per_task=1)
    for number in range(25):
        world.upload(f"{number}.wav")
    world.vendor.responses_to_lose = 25
    world.run_until_quiet()
    assert [world.vendor.submissions_of(f"{number}.wav") for number in range(25)] == [1] * 25


@pytest.mark.parametrize("seconds", [31, 60, 110])
def test_a_post_that_the_vendor_accepts_late_is_not_repeated(seconds: int) -> None:
    world = world_with_a_known_task()
    world.vendor.accepts_late_by = timedelta(seconds=seconds)
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_list_without_any_task_of_ours_proves_nothing_for_ten_minutes() -> None:
    world = World()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.unlisted = {"task-0"}
    began = world.now
    while world.vendor.submissions_of("a.wav") == 1 and world.now - began < timedelta(hours=1):
        world.step()
    assert timedelta(minutes=10) <= world.now - began < timedelta(minutes=30)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2


def test_while_the_list_does_not_answer_nothing_is_submitted_again_for_hours() -> None:
    world = World()
    world.vendor.list_refusal = VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    while world.now - START < timedelta(hours=3):
        world.step()
    world.vendor.list_refusal = None
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_list_that_always_leaves_the_task_out_costs_one_more_submission_and_no_third() -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 25
    world.vendor.unlisted = {f"task-{number}" for number in range(1, 30)}
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2


def test_a_first_look_hours_later_still_asks_before_it_repeats() -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(hours=2)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_accepted_times_are_those_of_the_post_also_when_its_response_was_lost() -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("a.wav")
    times = end.timing
    assert times.submitted_at is not None
    assert times.completed_at is not None
    assert times.uploaded_at <= times.submitted_at <= times.completed_at <= times.published_at


def test_an_event_that_cannot_be_published_while_a_task_is_adopted_delays_that_submission_only() -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=30)
    world.poll_pass()
    world.bus.failures = 1
    world.upload("b.wav")
    world.deliver()
    world.run_until_quiet(faults=True)
    for key in ("a.wav", "b.wav"):
        assert world.vendor.submissions_of(key) == 1
        assert world.bus.events_of(key) == ["Transcription Submitted", "Transcription Succeeded"]


def test_a_task_record_that_cannot_be_read_delays_its_own_submission_only(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    lost = world.job_of("a.wav").submission_id
    find_task = world.records.find_task

    def unreadable(submission_id: str) -> Task | None:
        if submission_id == lost:
            raise ValueError("the record cannot be read")
        return find_task(submission_id)

    world.now += timedelta(seconds=30)
    world.poll_pass()
    world.upload("b.wav")
    with monkeypatch.context() as patch:
        patch.setattr(world.records, "find_task", unreadable)
        report = world.deliver()
    assert [job.media.key for job in report.submitted] == ["b.wav"]
    assert report.broken_batches == 1
    world.run_until_quiet(faults=True)
    assert world.vendor.submissions_of("a.wav") == 1


@pytest.mark.parametrize("version_id", ["v1", None])
def test_a_lost_submission_is_found_by_its_path_when_the_vendor_names_the_url_without_its_query(
    version_id: str | None,
) -> None:
    world = world_with_a_known_task()
    world.vendor.echo = without_query
    world.vendor.responses_to_lose = 1
    world.upload("a.wav", version_id=version_id)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def reconcile_two_versions() -> World:
    """Two versions of a key, whose responses were lost. The vendor's URLs have no query, and so no version."""
    world = World(max_files_per_task=1)
    world.upload("known.wav")
    world.deliver()
    world.vendor.echo = without_query
    world.vendor.responses_to_lose = 2
    for version_id in ("v1", "v2"):
        world.upload("a.wav", version_id=version_id)
    world.run_until_quiet()
    return world


def test_two_versions_of_one_key_whose_responses_were_lost_never_exchange_their_transcripts() -> None:
    world = reconcile_two_versions()
    texts = {end.media.version_id: world.text_of(end) for end in world.bus.terminal_events_of("a.wav")}
    assert texts == {"v1": "said a.wavv1.\n", "v2": "said a.wavv2.\n"}


def test_the_task_of_another_program_for_the_same_file_is_not_adopted() -> None:
    world = world_with_a_known_task()
    world.vendor.refusals = [ResponseLost(LOST)]
    world.upload("a.wav")
    world.deliver()
    [lost] = [media for media in world.media.signed_for.values() if media.key == "a.wav"]
    world.vendor.submit(CATALOGUE["fun-asr"], [world.media.presign(lost)], {})
    world.run_until_quiet()
    assert world.job_of("a.wav").task_id == "task-2"


def test_a_lost_submission_whose_record_has_no_url_marks_is_found_by_its_path() -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    lost = world.job_of("a.wav").submission_id or ""
    world.records.tasks[lost] = world.records.tasks[lost].model_copy(update={"url_marks": []})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_task_that_the_vendors_clock_dates_before_our_post_is_found_and_not_paid_twice() -> None:
    """It is on the second page of the list, behind the tasks of another program."""
    world = World()
    world.vendor.largest_page = 10
    for number in range(12):
        world.vendor.submit(CATALOGUE["fun-asr"], [f"https://other.s3.us-east-1.amazonaws.com/{number}.wav?X"], {})
    world.now += timedelta(seconds=30)
    world.upload("known.wav")
    world.deliver()
    world.vendor.accepts_late_by = timedelta(seconds=-90)
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.bus.events_of("a.wav") == ["Transcription Submitted", "Transcription Succeeded"]


def a_task_of_another_program(world: World) -> None:
    world.vendor.submit(CATALOGUE["fun-asr"], ["https://other.s3.us-east-1.amazonaws.com/1.wav?X"], {})


def many_tasks_of_other_programs(world: World) -> None:
    for _ in range(MAX_CANDIDATES):
        a_task_of_another_program(world)


def a_task_that_names_no_file(world: World) -> None:
    a_task_of_another_program(world)
    world.vendor.endings = {"task-1": ("FAILED", "InternalError")}


def too_many_tasks_of_other_programs(world: World) -> None:
    world.vendor.foreign_tasks = [(world.now, True)] * (MAX_CANDIDATES + 1)


@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        (a_task_of_another_program, "NOT_ACCEPTED"),
        (many_tasks_of_other_programs, "NOT_ACCEPTED"),
        (a_task_that_names_no_file, "UNDETERMINED"),
        (too_many_tasks_of_other_programs, "UNDETERMINED"),
    ],
)
def test_the_log_says_whether_a_resubmitted_file_may_be_paid_for_twice(
    others: Callable[[World], object], outcome: str, log_lines: LogLines
) -> None:
    world = world_with_a_known_task()
    others(world)
    world.vendor.refusals = [ResponseLost(LOST)]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert last_outcome(log_lines) == outcome


@pytest.mark.parametrize("others", [a_task_of_another_program, a_task_that_names_no_file])
def test_absence_counts_only_some_time_after_the_response_was_lost(others: Callable[[World], object]) -> None:
    world = world_with_a_known_task()
    others(world)
    world.vendor.refusals = [ResponseLost(LOST)]
    world.upload("a.wav")
    world.deliver()
    began = world.now
    while not world.vendor.submissions_of("a.wav"):
        world.step()
    assert world.now - began >= LIST_COMPLETE_AFTER


def test_one_reconciliation_reads_a_bounded_part_of_a_long_list() -> None:
    world = world_with_a_known_task()
    world.vendor.refusals = [ResponseLost(LOST)]
    world.upload("a.wav")
    world.deliver()
    [lost] = [job_id for job_id, job in world.records.jobs.items() if job.media.key == "a.wav"]
    world.vendor.largest_page = 1
    world.vendor.foreign_tasks = [(world.now + timedelta(minutes=5), True)] * 2 * MAX_PAGES
    world.now += timedelta(seconds=30)
    began = world.now
    world.deliver([json.dumps({"job_id": lost})])
    assert world.vendor.list_pages == MAX_PAGES
    assert world.now - began > timedelta(seconds=MAX_PAGES - 1) / QUERIES_PER_SECOND
    assert world.records.next_slots[QUERY_RATE_KEY] > began, "the loop's queries wait for the same slots"


def test_a_slow_list_does_not_delay_the_other_uploads_of_the_run() -> None:
    world = world_with_a_known_task()
    world.vendor.refusals = [ResponseLost(LOST)]
    world.upload("a.wav")
    world.deliver()
    lost = world.job_of("a.wav").job_id
    world.vendor.largest_page = 1
    world.vendor.foreign_tasks = [(world.now + timedelta(minutes=5), True)] * MAX_PAGES
    world.vendor.before_list_page = lambda: world.sleep(5)
    world.now += timedelta(seconds=30)
    report = world.deliver([json.dumps({"job_id": lost}), world.upload("b.wav", queued=False)])
    assert [job.media.key for job in report.submitted] == ["b.wav"]
    assert world.vendor.list_pages == 3


def test_the_list_is_read_no_further_than_to_the_time_of_the_post() -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.largest_page = 10
    world.vendor.foreign_tasks = [(world.now - timedelta(minutes=5), True)] * 50
    world.run_until_quiet()
    assert world.vendor.list_pages == 1


@pytest.mark.parametrize("created", [0, -1, 86_400_000, 4_102_444_800_000])
def test_an_impossible_time_at_the_end_of_a_page_does_not_end_the_search(created: int) -> None:
    world = world_with_a_known_task()
    world.vendor.responses_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.largest_page = 10
    world.vendor.foreign_tasks = [(world.now + timedelta(minutes=1), True)] * 20
    list_page = world.vendor.list_page

    def with_an_odd_last_entry(model: str, page: int, page_size: int) -> TaskList:
        found = list_page(model, page, page_size)
        last = found.data[-1].model_copy(update={"gmt_create": created})
        return found.model_copy(update={"data": [*found.data[:-1], last]})

    world.vendor.list_page = with_an_odd_last_entry  # type: ignore[method-assign]
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1, "the accepted task is on a later page"


def last_outcome(log_lines: LogLines) -> object:
    return [line["outcome"] for line in log_lines() if line["message"] == "lost response reconciled"][-1]


def test_the_log_does_not_say_that_one_of_two_unclear_submissions_was_not_accepted(log_lines: LogLines) -> None:
    """The vendor names both files by the same URL, so its tasks may be of either version."""
    reconcile_two_versions()
    assert last_outcome(log_lines) == "UNDETERMINED"
