"""Messages that cannot be processed."""

from __future__ import annotations

import json

import pytest

from tests.support.constants import SUBMITTED, SUCCEEDED
from tests.support.refusals import refusing
from tests.support.world import World


@pytest.mark.parametrize(
    "body", ["no json", "[]", "{}", '{"source": "aws.s3"}', '{"job_id": "unknown"}', "[" * 100_000]
)
def test_a_malformed_message_is_dead_lettered_and_the_other_messages_are_processed(body: str) -> None:
    world = World()
    world.queue.append(body)
    world.upload("a.wav")
    world.run_until_quiet()
    assert [dead_lettered for dead_lettered, _ in world.dead_lettered] == [body]
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize("odd", [{"time": "2026-01-01T00:00:00"}, {"time": "0001-01-01T00:00:00+14:00"}, {"size": -5}])
def test_an_event_with_an_impossible_time_or_size_is_dead_lettered(odd: dict[str, object]) -> None:
    world = World()
    event = json.loads(world.upload("a.wav", queued=False))
    event["detail"]["object"]["size"] = odd.get("size", 1000)
    event["time"] = odd.get("time", event["time"])
    world.queue.append(json.dumps(event))
    world.run_until_quiet()
    assert len(world.dead_lettered) == 1
    assert not world.records.jobs


def test_a_malformed_message_that_we_received_ourselves_is_dead_lettered_once() -> None:
    world = World()
    world.batch_size = 1
    world.upload("a.wav")
    world.queue.append("nonsense")
    world.deliver()
    assert [body for body, _ in world.dead_lettered] == ["nonsense"]
    assert world.queue == []


def test_a_failed_message_that_we_received_ourselves_returns_and_is_not_reported_to_lambda() -> None:
    world = World()
    world.batch_size = 1
    world.upload("a.wav")
    world.upload("b.wav")
    world.media.objects["b.wav"] = None  # type: ignore[assignment]  # resolving its options raises an error
    report = world.deliver()
    assert report.failed_message_ids == []
    assert len(world.queue) == 1
    world.media.objects["b.wav"] = {}
    world.run_until_quiet()
    assert world.vendor.submissions_of("b.wav") == 1


def test_an_upload_whose_record_cannot_be_written_returns_to_the_queue_and_is_transcribed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.upload("a.wav")
    returned = world.upload("b.wav")
    with refusing(monkeypatch, world.records, "create", "b.wav"):
        report = world.deliver()
    assert report.failed_message_ids == ["1"]
    assert world.queue == [returned]
    world.run_until_quiet(faults=True)
    for key in ("a.wav", "b.wav"):
        assert world.bus.events_of(key) == [SUBMITTED, SUCCEEDED]
        assert world.vendor.submissions_of(key) == 1


def test_a_malformed_message_stays_in_the_queue_while_the_dead_letter_queue_refuses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.queue.append("nonsense")

    def refuse(body: str, reason: str) -> None:
        raise ConnectionError("SQS does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(world, "send", refuse)
        report = world.deliver()
    assert (report.failed_message_ids, report.dead_lettered, world.queue) == (["0"], 0, ["nonsense"])
    report = world.deliver()
    assert (report.failed_message_ids, report.dead_lettered, world.queue) == ([], 1, [])
