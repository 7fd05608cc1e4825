"""A message that SQS or EventBridge moved to the dead-letter queue still leads to a terminal event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.services.ports import DeadLetter
from tests.support.constants import SUCCEEDED
from tests.support.world import World


def moved_upload(world: World, key: str) -> str:
    """An upload whose message SQS moved before the job was recorded."""
    body = world.upload(key, queued=False)
    world.moved_by_sqs.append(body)
    return body


def test_an_upload_whose_message_sqs_gave_up_is_transcribed() -> None:
    world = World()
    moved_upload(world, "a.wav")
    world.run_until_quiet()
    report = world.poll_pass()
    assert report is not None
    world.now += timedelta(minutes=5)
    world.run_until_quiet()
    assert [kind for kind, _ in world.bus.events][-1] == SUCCEEDED
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.moved_by_sqs == []


def test_an_upload_that_is_recorded_already_is_not_submitted_again() -> None:
    world = World()
    world.moved_by_sqs.append(world.upload("a.wav"))
    world.run_until_quiet()
    world.now += timedelta(minutes=5)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.moved_by_sqs == []


def test_our_own_dead_letters_stay_and_hide_nothing() -> None:
    world = World()
    world.dead_lettered = [(f"broken {number}", "no JSON") for number in range(50)]
    moved_upload(world, "a.wav")
    world.poll_pass()
    world.run_until_quiet()
    assert len(world.bus.terminal_events_of("a.wav")) == 1
    assert len(world.dead_lettered) == 50
    assert world.hidden_letters == set()


def test_a_moved_message_that_cannot_be_parsed_stays_with_a_reason() -> None:
    world = World()
    world.moved_by_sqs.append("{broken")
    world.poll_pass()
    world.deliver()
    assert world.moved_by_sqs == []
    [(body, reason)] = world.dead_lettered
    assert (body, reason) == ("{broken", "The message is not JSON.")


def test_a_message_that_cannot_be_redriven_stays_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    first = moved_upload(world, "a.wav")
    moved_upload(world, "b.wav")
    redrive = world.redrive

    def refuse_the_first(letter: DeadLetter) -> None:
        if letter.body == first:
            raise ConnectionError("the queue does not answer")
        redrive(letter)

    with monkeypatch.context() as patch:
        patch.setattr(world, "redrive", refuse_the_first)
        report = world.poll_pass()
    assert report is not None
    assert (report.redriven, report.failed_steps) == (1, 0)
    assert world.moved_by_sqs == [first]
    world.now += timedelta(minutes=5)
    world.poll_pass()
    world.run_until_quiet()
    assert len(world.bus.terminal_events_of("a.wav")) == len(world.bus.terminal_events_of("b.wav")) == 1


def test_the_queue_is_looked_at_every_five_minutes_only() -> None:
    world = World()
    service = world.poll_service()
    looks = 0
    receive = world.receive

    def counted() -> list[object]:
        nonlocal looks
        looks += 1
        return list(receive())

    world.receive = counted  # type: ignore[method-assign,assignment]
    for _ in range(10):
        service.run()
        world.now += timedelta(minutes=1)
    assert looks == 2
