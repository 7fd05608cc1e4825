from __future__ import annotations

from datetime import datetime, timedelta

from dashscribe.domain.jobs.pause import (
    MAX_ANNOUNCEMENTS,
    UNUSED_AFTER,
    Pause,
    Pauses,
    announced,
    claim_probes,
    end_pauses,
    start_pause,
)

NONE = Pauses()
SECOND = timedelta(seconds=1)


def account(pauses: Pauses) -> Pause:
    assert pauses.account is not None
    return pauses.account


def test_a_new_pause_has_a_reason_and_no_due_probe(now: datetime) -> None:
    pause = account(start_pause(NONE, "Arrearage", "Pay the bill.", now))
    assert (pause.reason, pause.message, pause.paused_at) == ("Arrearage", "Pay the bill.", now)
    assert not pause.probe_is_due(now)


def test_a_probe_is_due_every_thirty_seconds(now: datetime) -> None:
    pauses = start_pause(NONE, "Arrearage", "", now)
    assert not account(pauses).probe_is_due(now + timedelta(seconds=29, milliseconds=999))
    assert account(pauses).probe_is_due(now + 30 * SECOND)
    claimed = claim_probes(pauses, [None], now + 40 * SECOND)
    assert not account(claimed).probe_is_due(now + 69 * SECOND)
    assert account(claimed).probe_is_due(now + 70 * SECOND)


def test_a_failed_probe_continues_the_pause_with_the_newest_reason(now: datetime) -> None:
    later = now + timedelta(minutes=10)
    again = account(start_pause(start_pause(NONE, "Arrearage", "", now), "InvalidApiKey", "Bad key.", later))
    assert (again.reason, again.paused_at, again.refused_at) == ("InvalidApiKey", now, later)
    assert not again.probe_is_due(later)


def test_further_refusals_do_not_postpone_the_next_probe(now: datetime) -> None:
    pauses = start_pause(NONE, "Arrearage", "", now)
    for seconds in range(5, 60, 5):
        pauses = start_pause(pauses, "Arrearage", "", now + seconds * SECOND, by_query=True)
    assert account(pauses).probe_is_due(now + 30 * SECOND)


def test_the_pause_of_a_model_leaves_the_account_and_other_models_alone(now: datetime) -> None:
    pauses = start_pause(NONE, "AllocationQuota.FreeTierOnly", "", now, model="fun-asr")
    assert pauses.account is None
    assert pauses.find("paraformer-v2") is None
    both = start_pause(pauses, "Arrearage", "", now)
    assert end_pauses(both, [None], now).pauses == pauses.pauses
    assert end_pauses(both, [None, "fun-asr"], now).pauses == []


def test_a_pause_counts_as_one_of_queries_until_a_submission_is_refused(now: datetime) -> None:
    by_query = start_pause(NONE, "InvalidApiKey", "", now, by_query=True)
    assert account(start_pause(by_query, "InvalidApiKey", "", now, by_query=True)).by_query
    by_submission = start_pause(by_query, "InvalidApiKey", "", now)
    assert not account(by_submission).by_query
    assert not account(start_pause(by_submission, "InvalidApiKey", "", now, by_query=True)).by_query


def test_a_pause_is_unused_some_minutes_after_its_last_refusal(now: datetime) -> None:
    pauses = start_pause(NONE, "Arrearage", "", now, by_query=True)
    unused_at = now + 30 * SECOND + UNUSED_AFTER
    assert account(pauses).is_unused(unused_at)
    assert not account(pauses).is_unused(unused_at - SECOND)
    refused_again = start_pause(pauses, "Arrearage", "", unused_at - SECOND, by_query=True)
    assert not account(refused_again).is_unused(unused_at)


def test_each_start_and_each_end_is_announced_once(now: datetime) -> None:
    pauses = start_pause(start_pause(NONE, "Arrearage", "", now), "Arrearage", "", now + SECOND)
    pauses = end_pauses(end_pauses(pauses, [None], now + 2 * SECOND), [None], now + 3 * SECOND)
    assert [each.resumed_at for each in pauses.announcements] == [None, now + 2 * SECOND]
    assert announced(pauses, pauses.announcements[:1]).announcements == pauses.announcements[1:]


def test_announcements_that_cannot_be_published_do_not_grow_without_end(now: datetime) -> None:
    pauses = NONE
    for _ in range(MAX_ANNOUNCEMENTS):
        pauses = end_pauses(start_pause(pauses, "Arrearage", "", now), [None], now)
    assert len(pauses.announcements) == MAX_ANNOUNCEMENTS


def test_stored_pauses_are_read_back_the_same(now: datetime) -> None:
    pauses = start_pause(start_pause(NONE, "Arrearage", "说明", now), "AccessDenied", "", now, model="fun-asr")
    assert Pauses.model_validate_json(pauses.model_dump_json()) == pauses
