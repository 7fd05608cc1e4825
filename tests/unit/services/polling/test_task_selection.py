"""Many tasks and few calls: the loop with a list of tasks that is as it should be, and with every other kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.recognition.task_replies import ListedTask, TaskList, TaskReply
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from tests.support.constants import ENVIRON, ONE_OUTPUT
from tests.support.world import World

SUCCEEDED = "Transcription Succeeded"
FILES = 60
NO_LIST = VendorError("NotFound", "no list", ErrorClass.PERMANENT, 404)
MAX_PAGES = 54
"""What the default rate of 18 a second allows in 3 s."""
ENOUGH_ENDED = 39
"""The same for 2.2 s."""


def a_burst(files: int = FILES, seconds: float = 10, **vendor: object) -> World:
    """Files on their way, one a task."""
    world = World(max_files_per_task=1, submit_environ=ONE_OUTPUT)
    world.vendor.seconds = seconds
    for name, value in vendor.items():
        setattr(world.vendor, name, value)
    for number in range(files):
        world.upload(f"{number}.wav")
    return world


def lags(world: World) -> list[float]:
    """Seconds from each task's end to the end of the pass that found it, for it is then that finalizers begin."""
    ended = {task.submission_id: task for task in world.records.tasks.values()}
    return sorted(
        (task.ended_at - world.vendor.tasks[task.task_id].ready_at).total_seconds()
        for task in ended.values()
        if task.ended_at is not None and task.task_id is not None
    )


def ends(world: World) -> int:
    return sum(kind == SUCCEEDED for kind, _ in world.bus.events)


def calls(world: World) -> float:
    vendor = world.vendor
    return (len(vendor.tasks) + vendor.queries + vendor.list_pages) / len(world.records.jobs)


@pytest.mark.parametrize("seconds", [2, 10, 30])
def test_a_burst_costs_two_and_a_half_calls_a_file(seconds: float) -> None:
    world = a_burst(200, seconds=seconds)
    world.run_until_quiet()
    assert ends(world) == 200
    assert calls(world) <= 2.5
    assert world.vendor.list_pages > 0


def submitted(files: int = FILES, seconds: float = 1000, **vendor: object) -> World:
    """Files whose tasks are in flight, one a task. Each takes `seconds`."""
    world = a_burst(files, seconds, **vendor)
    while world.queue:
        world.deliver()
    return world


def noted_queries(world: World) -> list[str]:
    """The tasks that are queried from now on."""
    queried: list[str] = []
    query = world.vendor.query

    def noted(task_id: str) -> TaskReply:
        queried.append(task_id)
        return query(task_id)

    world.vendor.query = noted  # type: ignore[method-assign]  # the same, and noted
    return queried


def test_at_a_low_rate_a_long_list_leaves_time_for_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRON, "QUERY_REQUESTS_PER_SECOND", "1")
    world = submitted(400, seconds=10_000, largest_page=10)
    first = next(iter(world.vendor.tasks.values()))
    first.ready_at = world.now
    world.now += timedelta(minutes=1)
    report = world.poll_pass()
    assert report is not None
    assert report.finished_tasks == 1


def test_a_pass_queries_few_other_tasks_when_the_list_has_shown_enough_ended_ones() -> None:
    world = submitted(10, seconds=1000, largest_page=ENOUGH_ENDED)
    world.vendor.seconds = 10
    for number in range(ENOUGH_ENDED):
        world.upload(f"short {number}.wav")
    while world.queue:
        world.deliver()
    world.now += timedelta(minutes=1)
    report = world.poll_pass()
    assert report is not None
    assert world.vendor.list_pages == 1
    assert report.queries <= ENOUGH_ENDED + scans.MAX_SINGLE_QUERIES


def test_what_the_list_reports_as_running_costs_no_write() -> None:
    world = submitted()
    world.now += timedelta(seconds=9)
    world.crashes.names.clear()
    for _ in range(5):
        world.poll_pass()
        world.now += timedelta(seconds=2)
    assert world.vendor.list_pages >= 5
    assert world.vendor.queries == 0
    assert world.crashes.names == []


@pytest.mark.parametrize("files", [1, 2])
def test_a_query_that_finds_a_few_tasks_running_writes_nothing_and_reads_no_job(files: int) -> None:
    world = submitted(files)
    world.now += timedelta(seconds=9)
    world.crashes.names.clear()
    world.crashes.moments.clear()
    for _ in range(5):
        report = world.poll_pass()
        assert report is not None
        assert report.queries == files
        world.now += timedelta(seconds=3)
    assert world.crashes.names == []
    assert "after query" in world.crashes.moments
    jobs_of_tasks = world.crashes.moments[: world.crashes.moments.index("after due list JOB")]
    assert "after find jobs" not in jobs_of_tasks


@pytest.mark.parametrize("seconds", [10, 60, 600, 3600])
def test_the_end_of_a_lone_task_is_found_within_four_seconds(seconds: float) -> None:
    world = a_burst(1, seconds + 0.7)
    world.run_until_quiet()
    assert lags(world)[0] <= 4


@pytest.mark.parametrize(("files", "seconds"), [(3, 600), (60, 600), (60, 60)])
def test_the_ends_of_a_burst_are_found_within_five_seconds_whatever_the_tasks_take(files: int, seconds: float) -> None:
    world = a_burst(files, seconds)
    world.run_until_quiet(max_steps=4000)
    assert lags(world)[-1] <= 5


def test_the_tasks_of_other_programs_do_not_delay_ours() -> None:
    world = submitted(200, seconds=60)
    world.vendor.foreign_tasks = [(world.now + timedelta(seconds=number / 40), False) for number in range(800)]
    world.run_until_quiet()
    assert lags(world)[190] <= 5


def test_the_oldest_ended_task_is_queried_first() -> None:
    world = submitted(20, seconds=1)
    world.now += timedelta(seconds=10)
    queried = noted_queries(world)
    world.poll_pass()
    assert queried == [f"task-{number}" for number in range(20)]


def test_one_task_a_pass_is_queried_although_the_list_reports_it_as_running() -> None:
    world = submitted()
    world.now += timedelta(seconds=61)
    for passes in range(1, 4):
        world.poll_pass()
        assert world.vendor.queries == passes
        world.now += timedelta(seconds=2)
    queried = [task for task in world.records.tasks.values() if task.revision > 2]
    assert len(queried) == 3, "each of them once"


def test_a_list_that_reports_an_ended_task_as_running_is_not_used_for_ten_minutes() -> None:
    world = submitted(seconds=50)
    world.vendor.listed_as_running.update(world.vendor.tasks)
    world.now += timedelta(seconds=62)
    world.poll_pass()
    assert world.records.list_states["fun-asr"].off_until == pytest.approx(
        world.now + scans.DISTRUSTED_FOR, abs=timedelta(milliseconds=1)
    )


def test_the_state_of_the_list_is_written_only_when_it_changes() -> None:
    world = a_burst(200)
    world.run_until_quiet()
    assert world.records.list_states == {}
    world = a_burst(200, largest_page=10)
    world.run_until_quiet()
    assert world.crashes.names.count("save list state") == 1


def test_an_error_delays_the_next_query_of_one_task_and_no_other() -> None:
    world = submitted(2)
    world.vendor.query_errors = [VendorError("InternalError", "x", ErrorClass.RETRYABLE, 500)]
    world.now += timedelta(seconds=5)
    queries = []
    for _ in range(2):
        report = world.poll_pass()
        assert report is not None
        queries.append(report.queries)
        world.now += timedelta(seconds=1)
    assert queries == [2, 1]
    world.vendor.seconds = 0
    world.run_until_quiet()
    assert ends(world) == 2


def test_without_a_list_the_last_two_tasks_are_queried_in_every_pass() -> None:
    world = a_burst(20, seconds=600, list_refusal=NO_LIST)
    while world.queue:
        world.deliver()
    for name in ("task-18", "task-19"):
        world.vendor.tasks[name].ready_at += timedelta(seconds=300)
    world.run_until_quiet()
    assert lags(world)[1] <= 4, "these two"


def test_a_scan_that_fails_leaves_the_single_queries() -> None:
    world = a_burst(20)

    def broken() -> None:
        raise ValueError("nobody thought of this")

    world.vendor.before_list_page = broken
    world.run_until_quiet(faults=True)
    assert ends(world) == 20
    assert max(report.failed_steps for report in world.passes) == 1, "and it is counted"


def test_two_tasks_are_queried_without_the_list() -> None:
    world = a_burst(2, seconds=20)
    world.run_until_quiet()
    assert world.vendor.list_pages == 0


def test_without_a_list_a_burst_stays_within_the_limit_of_calls() -> None:
    world = a_burst(200, list_refusal=NO_LIST)
    world.run_until_quiet()
    assert ends(world) == 200
    assert world.vendor.list_pages == 1
    assert calls(world) <= 2.5


def test_without_a_list_younger_tasks_are_left_out_while_the_oldest_still_run_for_a_minute_at_most() -> None:
    world = submitted(list_refusal=NO_LIST)
    world.now += timedelta(seconds=15)
    world.poll_pass()  # finds out that there is no list
    world.poll_pass()
    assert world.vendor.queries == scans.ENOUGH_REPLIES
    world.now += scans.QUERY_ANYWAY_AFTER
    world.poll_pass()  # tries the list again
    world.poll_pass()
    assert world.vendor.queries >= FILES


def test_without_a_list_a_query_that_finds_a_task_running_is_not_repeated_at_once() -> None:
    world = submitted(list_refusal=NO_LIST)
    world.now += 2 * scans.QUERY_ANYWAY_AFTER
    world.poll_pass()  # finds out that there is no list
    world.poll_pass()
    before = world.vendor.queries
    world.poll_pass()
    assert before >= FILES
    assert world.vendor.queries == before


def test_a_list_without_our_tasks_is_read_again_after_30_seconds() -> None:
    world = submitted()
    world.vendor.unlisted.update(world.vendor.tasks)
    pages = []
    for _ in range(2):
        world.poll_pass()
        pages.append(world.vendor.list_pages)
        world.now += timedelta(seconds=2)
    assert pages == [1, 1]
    world.now += scans.OFF_AFTER_ERROR
    world.poll_pass()
    assert world.vendor.list_pages == 2


def test_a_pass_whose_list_is_throttled_sends_no_query_and_waits() -> None:
    throttled = VendorError("Throttling.RateQuota", "slow down", ErrorClass.THROTTLED, 429)
    world = submitted(10, seconds=2, list_refusal=throttled)
    world.now += timedelta(minutes=2)
    report = world.poll_pass()
    assert report is not None
    assert report.queries == 0
    assert report.next_task_at is not None
    assert report.next_task_at > world.now + timedelta(seconds=2)


def test_the_tasks_that_a_list_leaves_out_are_queried_in_every_pass_while_it_leaves_pages_over() -> None:
    world = submitted()
    left_out = {f"task-{number}" for number in range(20, 30)}
    world.vendor.unlisted.update(left_out)
    for passes in (1, 2):
        world.poll_pass()
        assert world.vendor.queries == passes * len(left_out)


@pytest.mark.parametrize(("files", "seconds"), [(2, 3), (3, 2.2)])
def test_the_next_look_comes_sooner_where_a_list_was_read(files: int, seconds: float) -> None:
    world = submitted(files, seconds=1000)
    world.now += timedelta(minutes=2)
    began = world.now
    report = world.poll_pass()
    assert report is not None
    assert report.next_query_at == began + timedelta(seconds=seconds)


@pytest.mark.parametrize("rate", ["1", "2", "3"])
def test_at_a_low_rate_the_ends_on_every_page_are_found(rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRON, "QUERY_REQUESTS_PER_SECOND", rate)
    world = submitted(140, seconds=10_000, largest_page=10)
    world.now += timedelta(minutes=10)
    for task in list(world.vendor.tasks.values())[5::10]:
        task.ready_at = world.now
    began = world.now
    while world.now - began < timedelta(seconds=500 / float(rate)):
        world.poll_pass()
        world.now += timedelta(seconds=1)
    assert sum(task.ended_at is not None for task in world.records.tasks.values()) == 14


def test_without_a_list_the_youngest_tasks_have_their_turn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """220 tasks are due once a minute, and the rate allows 135 queries."""
    monkeypatch.setitem(ENVIRON, "QUERY_REQUESTS_PER_SECOND", "2.5")
    world = submitted(220, seconds=100_000, list_refusal=NO_LIST)
    world.now += timedelta(minutes=20)
    until, queried = world.now + timedelta(minutes=4), noted_queries(world)
    while world.now < until:
        world.poll_pass()
        world.now += timedelta(seconds=1)
    assert len(set(queried)) == 220


def test_a_list_without_times_and_without_our_tasks_is_not_read_in_every_pass() -> None:
    world = submitted(10)
    listed = TaskList(
        total_page=1000,
        page_size=100,
        data=[ListedTask(task_id=f"foreign {number}", status="RUNNING") for number in range(100)],
    )
    world.vendor.list_page = lambda *_: listed  # type: ignore[method-assign]  # the list of another account
    pages = []
    for _ in range(2):
        world.now += timedelta(seconds=5)
        report = world.poll_pass()
        assert report is not None
        pages.append(report.list_pages)
    assert pages == [MAX_PAGES, 0]


BROKEN: dict[str, Callable[[World], None]] = {
    "does not answer": lambda world: setattr(world.vendor, "list_refusal", ResponseLost("timed out")),
    "breaks": lambda world: setattr(
        world.vendor, "list_refusal", VendorError("InternalError", "x", ErrorClass.RETRYABLE, 500)
    ),
    "throttles": lambda world: setattr(
        world.vendor, "list_refusal", VendorError("Throttling", "x", ErrorClass.THROTTLED, 429)
    ),
    "is 8 s behind": lambda world: setattr(world.vendor, "list_seconds_behind", 8),
    "is an hour behind": lambda world: setattr(world.vendor, "list_seconds_behind", 3600),
    "has 10 a page": lambda world: setattr(world.vendor, "largest_page", 10),
    "has 1 a page": lambda world: setattr(world.vendor, "largest_page", 1),
    "has tasks of others": lambda world: world.vendor.foreign_tasks.extend(
        (world.now + timedelta(seconds=number / 10), number % 2 == 0) for number in range(300)
    ),
    "calls nothing ended": lambda world: world.vendor.listed_as_running.update(f"task-{n}" for n in range(FILES)),
    "calls one unfinished for ever": lambda world: world.vendor.listed_as_running.add("task-7"),
    "leaves one out": lambda world: world.vendor.unlisted.add("task-7"),
    "leaves all out": lambda world: world.vendor.unlisted.update(f"task-{n}" for n in range(FILES)),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_tasks_end_is_found_with_any_kind_of_list(kind: str) -> None:
    world = a_burst()
    BROKEN[kind](world)
    world.run_until_quiet()
    assert ends(world) == FILES
    assert len(world.vendor.tasks) == FILES
    late = lags(world)
    # A list that reports nothing as ended is found out by the first query that contradicts it, after a minute.
    assert late[FILES // 2] <= (60 if kind == "calls nothing ended" else 40)
    assert late[-1] <= 90


def test_pages_that_shift_during_the_scan_make_no_task_look_ended() -> None:
    world = a_burst(seconds=1000, largest_page=10)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=5)
    world.vendor.before_list_page = lambda: world.vendor.foreign_tasks.extend([(world.now, False)] * 4)
    for _ in range(5):
        report = world.poll_pass()
        assert report is not None
        assert report.queries + report.list_pages <= MAX_PAGES + scans.MAX_SINGLE_QUERIES
        world.now += timedelta(seconds=1)
    assert world.vendor.list_pages >= 5
    state = world.records.list_states.get("fun-asr")
    assert state is None or state.off_until is None, "no reply contradicted the list"


def test_a_list_that_reports_running_tasks_as_ended_is_turned_off() -> None:
    world = a_burst(seconds=100)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=5)
    for task in world.vendor.tasks.values():
        task.listed_as_ended = True
    world.poll_pass()
    state = world.records.list_states["fun-asr"]
    assert state.off_until is not None
    assert state.off_until >= world.now + timedelta(minutes=9)


def test_a_thousand_ends_at_once_never_break_the_account_s_rate() -> None:
    world = a_burst(200, seconds=30)
    asked: list[float] = []
    for name in ("query", "list_page"):
        plain = getattr(world.vendor, name)

        def counted(*given: object, plain: Callable[..., object] = plain) -> object:
            asked.append(world.now.timestamp())
            return plain(*given)

        setattr(world.vendor, name, counted)
    world.run_until_quiet()
    assert max(sum(moment <= other < moment + 1 for other in asked) for moment in asked) <= 20
