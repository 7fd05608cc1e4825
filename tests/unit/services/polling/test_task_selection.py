"""Many tasks and few calls: the loop with a list of tasks that is as it should be, and with every other kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from tests.support.world import World

SUCCEEDED = "Transcription Succeeded"
FILES = 60


def a_burst(files: int = FILES, seconds: float = 10, **vendor: object) -> World:
    """Files on their way, one a task."""
    world = World(max_files_per_task=1)
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


def test_what_the_list_calls_unfinished_costs_no_write() -> None:
    world = a_burst(seconds=1000)
    world.deliver()
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=9)
    world.crashes.names.clear()
    world.poll_pass()
    assert world.vendor.list_pages >= 1
    assert world.vendor.queries == 0
    assert [name for name in world.crashes.names if name != "save list state"] == []


def test_a_sweep_that_breaks_down_leaves_the_questions() -> None:
    world = a_burst(20)

    def broken() -> None:
        raise ValueError("nobody thought of this")

    world.vendor.before_list_page = broken
    world.run_until_quiet()
    assert ends(world) == 20
    assert max(report.failed_steps for report in world.passes) == 1, "and it is counted"


def test_two_tasks_are_asked_about_without_the_list() -> None:
    world = a_burst(2, seconds=20)
    world.run_until_quiet()
    assert world.vendor.list_pages == 0


def test_without_a_list_a_burst_costs_no_more_than_the_bar_either() -> None:
    refusal = VendorError("NotFound", "no list", ErrorClass.PERMANENT, 404)
    world = a_burst(200, list_refusal=refusal)
    world.run_until_quiet()
    assert ends(world) == 200
    assert world.vendor.list_pages == 1
    assert calls(world) <= 2.5


def test_without_a_list_those_behind_the_oldest_are_not_asked_while_the_oldest_still_run() -> None:
    world = a_burst(seconds=1000, list_refusal=VendorError("NotFound", "no list", ErrorClass.PERMANENT, 404))
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=15)
    world.poll_pass()
    assert world.vendor.queries == scans.MAX_MISSES
    world.now += timedelta(seconds=30)
    world.poll_pass()
    assert world.vendor.queries >= FILES - scans.MAX_MISSES, "nobody is passed over for long"


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
def test_whatever_the_list_is_like_every_task_s_end_is_found(kind: str) -> None:
    world = a_burst()
    BROKEN[kind](world)
    world.run_until_quiet()
    assert ends(world) == FILES
    assert len(world.vendor.tasks) == FILES
    late = lags(world)
    assert late[FILES // 2] <= 40, "a list that is wrong is soon not believed any more"
    assert late[-1] <= scans.TRUSTED_FOR.total_seconds() + 10


def test_pages_that_shift_under_the_sweep_make_no_task_look_ended() -> None:
    world = a_burst(seconds=1000, largest_page=10)
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=5)
    world.vendor.before_list_page = lambda: world.vendor.foreign_tasks.extend([(world.now, False)] * 4)
    for _ in range(5):
        world.poll_pass()
        world.now += timedelta(seconds=1)
    assert world.vendor.list_pages >= 5
    assert world.vendor.queries <= 1  # a spot check


def test_a_list_that_calls_running_tasks_ended_is_turned_off() -> None:
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


def test_a_server_that_refuses_a_hundred_a_page_is_asked_for_ten() -> None:
    world = a_burst()
    world.vendor.refuses_pages_over = 10
    world.run_until_quiet()
    assert ends(world) == FILES
    assert world.records.list_states["fun-asr"].page_size == 10
    assert world.records.list_states["fun-asr"].off_until is None


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
