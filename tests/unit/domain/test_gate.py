from __future__ import annotations

from datetime import datetime, timedelta

from dashscribe.domain.gate import Gate, close, probe_is_due


def test_a_closed_gate_says_why_and_lets_nothing_through_at_first(now: datetime) -> None:
    gate = close("Arrearage", "Pay the bill.", now)
    assert (gate.reason, gate.message, gate.closed_at) == ("Arrearage", "Pay the bill.", now)
    assert not probe_is_due(gate, now)


def test_one_file_is_tried_every_thirty_seconds(now: datetime) -> None:
    gate = close("Arrearage", "", now)
    assert not probe_is_due(gate, now + timedelta(seconds=29, milliseconds=999))
    assert probe_is_due(gate, now + timedelta(seconds=30))


def test_a_failed_probe_keeps_the_gate_closed_since_the_beginning_with_the_newest_reason(now: datetime) -> None:
    later = now + timedelta(minutes=10)
    again = close("InvalidApiKey", "Bad key.", later, since=close("Arrearage", "", now))
    assert (again.reason, again.closed_at) == ("InvalidApiKey", now)
    assert not probe_is_due(again, later)


def test_a_stored_gate_is_read_back_the_same(now: datetime) -> None:
    gate = close("Arrearage", "说明", now)
    assert Gate.model_validate_json(gate.model_dump_json()) == gate
