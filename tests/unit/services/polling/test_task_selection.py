"""The loop finds the end of many tasks with few calls, whatever is wrong with the task list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from tests.support.world import SUCCEEDED, World

FILES = 60


def a_burst(files: int = FILES, seconds: float = 10, **vendor: object) -> World:
    """Uploads with one file per task. `vendor` sets fields of the fake vendor."""
    world = World(max_files_per_task=1)
    world.vendor.seconds = seconds
    for name, value in vendor.items():
        setattr(world.vendor, name, value)
    for number in range(files):
        world.upload(f"{number}.wav")
    return world


def lags(world: World) -> list[float]:
    """Seconds from each task's end to the end of the pass that found it, when its finalizers start."""
    return sorted(
        (task.ended_at - world.vendor.tasks[task.task_id].ready_at).total_seconds()
        for task in world.records.tasks.values()
        if task.ended_at is not None and task.task_id is not None
    )


def successes(world: World) -> int:
    return sum(kind == SUCCEEDED for kind, _ in world.bus.events)


def calls_per_file(world: World) -> float:
    vendor = world.vendor
    return (len(vendor.tasks) + vendor.queries + vendor.list_pages) / len(world.records.jobs)


@pytest.mark.parametrize("seconds", [2, 10, 30])
def test_a_burst_needs_at_most_two_and_a_half_calls_per_file(seconds: float) -> None:
    world = a_burst(200, seconds=seconds)
    world.run_until_quiet()
    assert successes(world) == 200
    assert calls_per_file(world) <= 2.5
    assert world.vendor.list_pages > 0


def test_tasks_that_the_list_reports_as_running_cost_no_write() -> None:
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


def test_tasks_are_queried_when_the_scan_raises_an_error() -> None:
    world = a_burst(20)

    def fail() -> None:
        raise ValueError("an unexpected error")

    world.vendor.before_list_page = fail
    world.run_until_quiet(faults=True)
    assert successes(world) == 20
    assert max(report.failed_steps for report in world.passes) == 1, "the failure is counted"


def test_two_tasks_are_queried_without_the_list() -> None:
    world = a_burst(2, seconds=20)
    world.run_until_quiet()
    assert world.vendor.list_pages == 0


def test_without_a_list_a_burst_also_needs_at_most_two_and_a_half_calls_per_file() -> None:
    refusal = VendorError("NotFound", "no list", ErrorClass.PERMANENT, 404)
    world = a_burst(200, list_refusal=refusal)
    world.run_until_quiet()
    assert successes(world) == 200
    assert world.vendor.list_pages == 1
    assert calls_per_file(world) <= 2.5


def test_without_a_list_newer_tasks_are_not_queried_while_the_oldest_still_run() -> None:
    world = a_burst(seconds=1000, list_refusal=VendorError("NotFound", "no list", ErrorClass.PERMANENT, 404))
    while world.queue:
        world.deliver()
    world.now += timedelta(seconds=15)
    world.poll_pass()
    assert world.vendor.queries == scans.MAX_MISSES
    world.now += timedelta(seconds=30)
    world.poll_pass()
    assert world.vendor.queries >= FILES - scans.MAX_MISSES, "no task is left out for long"


LISTS: dict[str, Callable[[World], None]] = {
    "has no response": lambda world: setattr(world.vendor, "list_refusal", ResponseLost("timed out")),
    "fails": lambda world: setattr(
        world.vendor, "list_refusal", VendorError("InternalError", "x", ErrorClass.RETRYABLE, 500)
    ),
    "is throttled": lambda world: setattr(
        world.vendor, "list_refusal", VendorError("Throttling", "x", ErrorClass.THROTTLED, 429)
    ),
    "is 8 s behind": lambda world: setattr(world.vendor, "list_seconds_behind", 8),
    "is an hour behind": lambda world: setattr(world.vendor, "list_seconds_behind", 3600),
    "has 10 a page": lambda world: setattr(world.vendor, "largest_page", 10),
    "has 1 a page": lambda world: setattr(world.vendor, "largest_page", 1),
    "has tasks of other programs": lambda world: world.vendor.foreign_tasks.extend(
        (world.now + timedelta(seconds=number / 10), number % 2 == 0) for number in range(300)
    ),
    "reports all as running": lambda world: world.vendor.listed_as_running.update(f"task-{n}" for n in range(FILES)),
    "reports one as running for ever": lambda world: world.vendor.listed_as_running.add("task-7"),
    "leaves one out": lambda world: world.vendor.unlisted.add("task-7"),
    "leaves all out": lambda world: world.vendor.unlisted.update(f"task-{n}" for n in range(FILES)),
}


@pytest.mark.parametrize("kind", LISTS)
def test_the_end_of_every_task_is_found_whatever_is_wrong_with_the_list(kind: str) -> None:
    world = a_burst()
    LISTS[kind](world)
    world.run_until_quiet()
    assert successes(world) == FILES
    assert len(world.vendor.tasks) == FILES
    seconds = lags(world)
    assert seconds[FILES // 2] <= 40, "a wrong list is soon turned off"
    assert seconds[-1] <= scans.TRUSTED_FOR.total_seconds() + 10


def test_pages_that_shift_during_a_scan_make_no_task_look_ended() -> None:
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


def test_a_page_size_of_ten_is_used_after_a_hundred_was_refused() -> None:
    world = a_burst()
    world.vendor.refuses_pages_over = 10
    world.run_until_quiet()
    assert successes(world) == FILES
    assert world.records.list_states["fun-asr"].page_size == 10
    assert world.records.list_states["fun-asr"].off_until is None


def test_two_hundred_tasks_that_end_at_once_are_polled_below_the_query_rate() -> None:
    world = a_burst(200, seconds=30)
    called_at: list[float] = []
    for name in ("query", "list_page"):
        call = getattr(world.vendor, name)

        def record(*given: object, call: Callable[..., object] = call) -> object:
            called_at.append(world.now.timestamp())
            return call(*given)

        setattr(world.vendor, name, record)
    world.run_until_quiet()
    assert max(sum(moment <= other < moment + 1 for other in called_at) for moment in called_at) <= 20
