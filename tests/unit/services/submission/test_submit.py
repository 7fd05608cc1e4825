"""What goes out together: full tasks when much arrives, no waiting when little does, like beside like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.services.submission.submit import GATHER_AT_MOST, GATHER_FOR
from tests.support.world import World, key_in

SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"
MB = 1024**2


def files_in_tasks(world: World) -> list[int]:
    return sorted(len(task.urls) for task in world.vendor.tasks.values())


def test_a_burst_that_lambda_hands_over_in_tens_leaves_in_one_task() -> None:
    world = World()
    world.batch_size = 10
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert files_in_tasks(world) == [100]
    assert world.queue == []


def test_a_task_is_never_larger_than_allowed_and_the_rest_stays_in_the_queue() -> None:
    world = World(max_files_per_task=30)
    world.batch_size = 10
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert files_in_tasks(world) == [30]
    assert len(world.queue) == 70


def test_a_file_that_comes_alone_waits_for_nobody() -> None:
    world = World()
    world.upload("a.wav")
    world.arrivals = [world.upload("late.wav", queued=False)]
    started = world.now
    world.deliver()
    assert files_in_tasks(world) == [1]
    assert world.now == started


def test_when_much_arrives_a_run_waits_a_second_for_more() -> None:
    world = World()
    for number in range(10):
        world.upload(f"{number}.wav")
    world.arrivals = [world.upload(f"late{number}.wav", queued=False) for number in range(5)]
    started = world.now
    world.deliver()
    assert files_in_tasks(world) == [15]
    assert world.now - started <= GATHER_FOR + timedelta(seconds=0.2)


def test_with_one_file_a_task_nothing_is_gathered() -> None:
    world = World(max_files_per_task=1)
    world.batch_size = 10
    for number in range(20):
        world.upload(f"{number}.wav")
    world.deliver()
    assert files_in_tasks(world) == [1] * 10
    assert len(world.queue) == 10


def test_gathering_ends_although_the_queue_does_not() -> None:
    world = World()
    world.batch_size = 10
    for number in range(100):
        world.upload(f"{number}.wav")
    take = world.take

    def slow(most: int, wait_seconds: int) -> list[object]:
        world.now += timedelta(seconds=3)
        return list(take(most, wait_seconds))

    world.take = slow  # type: ignore[method-assign, assignment]  # the same, three seconds later
    world.deliver()
    assert files_in_tasks(world) == [10 + 10 * (GATHER_AT_MOST // timedelta(seconds=3) + 1)]


def test_messages_that_cannot_be_had_or_deleted_cost_nobody_anything() -> None:
    world = World()
    world.batch_size = 1
    world.upload("a.wav")
    world.upload("b.wav")

    def refused(*_: object) -> list[object]:
        raise OSError("SQS is away")

    world.done = refused  # type: ignore[method-assign, assignment]  # breaks
    world.deliver()
    assert files_in_tasks(world) == [2]
    world.take = refused  # type: ignore[method-assign, assignment]  # breaks too
    world.upload("c.wav")
    world.run_until_quiet()
    assert {key: world.vendor.submissions_of(key) for key in ("a.wav", "b.wav", "c.wav")} == dict.fromkeys(
        ("a.wav", "b.wav", "c.wav"), 1
    )


def test_a_jingle_does_not_wait_for_a_board_meeting() -> None:
    world = World()
    for number in range(3):
        world.upload(f"jingle{number}.wav", size=1 * MB)
        world.upload(f"call{number}.wav", size=20 * MB)
        world.upload(f"meeting{number}.wav", size=600 * MB)
    world.deliver()
    alike = [{key_in(url).rstrip("0123456789.wav") for url in task.urls} for task in world.vendor.tasks.values()]
    assert sorted(map(sorted, alike)) == [["call"], ["jingle"], ["meeting"]]


class SignalledWorld(World):
    """Notes how many tasks there were at each wake-up signal of the loop."""

    def __init__(self, *, max_files_per_task: int) -> None:
        super().__init__(max_files_per_task=max_files_per_task)
        self.tasks_at_signals: list[int] = []

    def send_wake_up(self) -> None:
        self.tasks_at_signals.append(len(self.vendor.tasks))


def test_the_loop_hears_of_the_first_task_before_the_last_is_submitted() -> None:
    world = SignalledWorld(max_files_per_task=1)
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert world.tasks_at_signals[0] == 1
    assert len(world.tasks_at_signals) == 2


def test_one_task_is_one_wake_up_signal() -> None:
    world = SignalledWorld(max_files_per_task=100)
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert world.tasks_at_signals == [1]


def test_a_run_ends_in_its_time_and_the_rest_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(max_files_per_task=1)
    for number in range(100):
        world.upload(f"{number}.wav")
    quick = world.vendor.submit

    def slow(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> str:
        world.now += timedelta(seconds=3)
        return quick(spec, file_urls, parameters)

    monkeypatch.setattr(world.vendor, "submit", slow)
    before = world.now
    world.deliver()
    assert world.now - before < timedelta(seconds=60)
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 100
