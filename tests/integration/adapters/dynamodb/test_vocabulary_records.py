"""Records of hotword lists: of several concurrent writers one succeeds."""

from __future__ import annotations

from datetime import datetime

import pytest

from dashscribe.domain.recognition.vocabulary import Vocabulary
from dashscribe.errors import StaleRecord
from tests.support.table import JobsTable, one_at_a_time, run_concurrently


@pytest.fixture
def absent() -> Vocabulary:
    return Vocabulary(prefix="abc123xyz", target_model="fun-asr")


def test_every_field_survives_a_round_trip(records: JobsTable, absent: Vocabulary, now: datetime) -> None:
    claimed = records.save_vocabulary(absent.claimed(now))
    assert records.find_vocabulary("abc123xyz") == claimed
    prepared = records.save_vocabulary(claimed.prepared("vocab-abc123xyz-1", now, is_ready=True))
    assert records.find_vocabulary("abc123xyz") == prepared
    assert (prepared.claimed_until, prepared.is_ready, prepared.needs_check(now)) == (None, True, False)


def test_one_of_many_runs_claims_a_list(
    records: JobsTable, absent: Vocabulary, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records._client, "put_item", one_at_a_time(records._client.put_item))

    def claims() -> bool:
        try:
            records.save_vocabulary(absent.claimed(now))
        except StaleRecord:
            return False
        return True

    assert sum(run_concurrently([claims] * 8)) == 1


def test_an_older_revision_is_not_written_over_a_newer_one(
    records: JobsTable, absent: Vocabulary, now: datetime
) -> None:
    claimed = records.save_vocabulary(absent.claimed(now))
    records.save_vocabulary(claimed.released())
    with pytest.raises(StaleRecord):
        records.save_vocabulary(claimed.prepared("late", now, is_ready=True))


def test_a_deleted_record_is_not_found(records: JobsTable, absent: Vocabulary, now: datetime) -> None:
    records.save_vocabulary(absent.claimed(now))
    records.delete_vocabulary_record("abc123xyz")
    assert records.find_vocabulary("abc123xyz") is None
