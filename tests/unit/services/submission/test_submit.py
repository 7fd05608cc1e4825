"""How one run gathers messages and submits them: full tasks with much traffic, no wait with little."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask
from dashscribe.services.submission.submit import GATHER_AT_MOST, GATHER_FOR
from tests.support.constants import SUCCEEDED
from tests.support.vendor import key_in
from tests.support.world import World

MB = 1024**2


def files_in_tasks(world: World) -> list[int]:
    return sorted(len(task.urls) for task in world.vendor.tasks.values())


def test_a_burst_that_lambda_delivers_in_tens_is_submitted_as_one_task() -> None:
    world = World()
    world.batch_size = 10
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert files_in_tasks(world) == [100]
    assert world.queue == []


def test_a_task_has_at_most_the_allowed_number_of_files_and_the_rest_stays_queued() -> None:
    world = World(max_files_per_task=30)
    world.batch_size = 10
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert files_in_tasks(world) == [30]
    assert len(world.queue) == 70


def test_a_single_upload_is_submitted_without_waiting() -> None:
    world = World()
    world.upload("a.wav")
    world.arrivals = [world.upload("late.wav", queued=False)]
    started = world.now
    world.deliver()
    assert files_in_tasks(world) == [1]
    assert world.now == started


def test_with_ten_messages_a_run_waits_a_second_for_more() -> None:
    world = World()
    for number in range(10):
        world.upload(f"{number}.wav")
    world.arrivals = [world.upload(f"late{number}.wav", queued=False) for number in range(5)]
    started = world.now
    world.deliver()
    assert files_in_tasks(world) == [15]
    assert world.now - started <= GATHER_FOR + timedelta(seconds=0.2)


def test_with_one_file_per_task_a_run_receives_no_further_messages() -> None:
    world = World(max_files_per_task=1)
    world.batch_size = 10
    for number in range(20):
        world.upload(f"{number}.wav")
    world.deliver()
    assert files_in_tasks(world) == [1] * 10
    assert len(world.queue) == 10


def test_a_run_stops_receiving_messages_although_the_queue_has_more() -> None:
    world = World()
    world.batch_size = 10
    for number in range(100):
        world.upload(f"{number}.wav")
    take = world.take

    def take_slowly(most: int, wait_seconds: int) -> list[object]:
        world.now += timedelta(seconds=3)
        return list(take(most, wait_seconds))

    world.take = take_slowly  # type: ignore[method-assign, assignment]  # three seconds slower
    world.deliver()
    assert files_in_tasks(world) == [10 + 10 * (GATHER_AT_MOST // timedelta(seconds=3) + 1)]


def test_uploads_are_submitted_once_when_messages_can_be_neither_received_nor_deleted() -> None:
    world = World()
    world.batch_size = 1
    world.upload("a.wav")
    world.upload("b.wav")

    def fail(*_: object) -> list[object]:
        raise OSError("SQS is not reachable")

    world.done = fail  # type: ignore[method-assign, assignment]
    world.deliver()
    assert files_in_tasks(world) == [2]
    world.take = fail  # type: ignore[method-assign, assignment]
    world.upload("c.wav")
    world.run_until_quiet()
    assert {key: world.vendor.submissions_of(key) for key in ("a.wav", "b.wav", "c.wav")} == dict.fromkeys(
        ("a.wav", "b.wav", "c.wav"), 1
    )


def test_small_files_do_not_share_a_task_with_large_files() -> None:
    world = World()
    for number in range(3):
        world.upload(f"jingle{number}.wav", size=1 * MB)
        world.upload(f"call{number}.wav", size=20 * MB)
        world.upload(f"meeting{number}.wav", size=600 * MB)
    world.deliver()
    names = [{key_in(url).rstrip("0123456789.wav") for url in task.urls} for task in world.vendor.tasks.values()]
    assert sorted(map(sorted, names)) == [["call"], ["jingle"], ["meeting"]]


class SignalledWorld(World):
    """Records how many tasks there were at each wake-up signal."""

    def __init__(self, *, max_files_per_task: int) -> None:
        super().__init__(max_files_per_task=max_files_per_task)
        self.tasks_at_signals: list[int] = []

    def send_wake_up(self) -> None:
        self.tasks_at_signals.append(len(self.vendor.tasks))


def test_a_wake_up_signal_is_sent_after_the_first_task_of_a_run() -> None:
    world = SignalledWorld(max_files_per_task=1)
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert world.tasks_at_signals[0] == 1
    assert len(world.tasks_at_signals) == 2


def test_one_task_sends_one_wake_up_signal() -> None:
    world = SignalledWorld(max_files_per_task=100)
    for number in range(100):
        world.upload(f"{number}.wav")
    world.deliver()
    assert world.tasks_at_signals == [1]


def test_a_run_ends_within_its_time_and_later_runs_submit_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(max_files_per_task=1)
    for number in range(100):
        world.upload(f"{number}.wav")
    submit = world.vendor.submit

    def submit_slowly(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        world.now += timedelta(seconds=3)
        return submit(spec, file_urls, parameters)

    monkeypatch.setattr(world.vendor, "submit", submit_slowly)
    started = world.now
    world.deliver()
    assert world.now - started < timedelta(seconds=60)
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 100


def test_new_uploads_are_recorded_and_submitted_before_requeued_jobs() -> None:
    world = World(max_files_per_task=1)
    requeued = world.upload("requeued.wav", queued=False)
    world.crashes.kill_at(2, after=False)  # killed right after the job was recorded
    world.deliver([requeued])
    [job_id] = world.records.jobs
    world.crashes.clear()
    world.crashes.moments.clear()
    world.deliver([json.dumps({"job_id": job_id}), world.upload("new.wav", queued=False)])
    moments = world.crashes.moments
    assert moments.index("before create job") < moments.index("after find job")
    assert [key_in(task.urls[0]) for task in world.vendor.tasks.values()] == ["new.wav", "requeued.wav"]


@pytest.mark.parametrize("files", [1, 3])
def test_uploads_are_submitted_in_the_order_of_their_messages_before_requeued_jobs(files: int) -> None:
    world = World(max_files_per_task=files)
    requeued = world.upload("requeued.wav", queued=False)
    world.key = None
    world.deliver([requeued])
    world.key = "sk-test"
    world.now += timedelta(minutes=1)
    world.queue.append(json.dumps({"job_id": world.job_of("requeued.wav").job_id}))
    for number in range(4):
        world.upload(f"{number}.wav")
    world.deliver()
    submitted = [key_in(url) for task in world.vendor.tasks.values() for url in task.urls]
    assert submitted == ["0.wav", "1.wav", "2.wav", "3.wav", "requeued.wav"]
