from __future__ import annotations

from datetime import datetime, timedelta

from dashscribe.domain.jobs.pause import Pause, probe_is_due, start_pause


def test_a_new_pause_has_a_reason_and_no_due_probe(now: datetime) -> None:
    pause = start_pause("Arrearage", "Pay the bill.", now)
    assert (pause.reason, pause.message, pause.paused_at) == ("Arrearage", "Pay the bill.", now)
    assert not probe_is_due(pause, now)


def test_a_probe_is_due_every_thirty_seconds(now: datetime) -> None:
    pause = start_pause("Arrearage", "", now)
    assert not probe_is_due(pause, now + timedelta(seconds=29, milliseconds=999))
    assert probe_is_due(pause, now + timedelta(seconds=30))


def test_a_failed_probe_continues_the_pause_with_the_newest_reason(now: datetime) -> None:
    later = now + timedelta(minutes=10)
    again = start_pause("InvalidApiKey", "Bad key.", later, since=start_pause("Arrearage", "", now))
    assert (again.reason, again.paused_at) == ("InvalidApiKey", now)
    assert not probe_is_due(again, later)


def test_a_stored_pause_is_read_back_the_same(now: datetime) -> None:
    pause = start_pause("Arrearage", "说明", now)
    assert Pause.model_validate_json(pause.model_dump_json()) == pause
