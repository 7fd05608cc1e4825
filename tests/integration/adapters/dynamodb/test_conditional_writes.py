"""A conditional write whose response was lost is recognised as our own write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.recognition.media import Media
from dashscribe.errors import StaleRecord
from tests.support.table import JobsTable


class ResponseLosingClient:
    """A DynamoDB client that performs each put twice, as the SDK does when the first response is lost."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        self._client.put_item(**arguments)
        return self._client.put_item(**arguments)


@pytest.fixture
def new_job() -> Job:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return jobs.receive("0" * 32, Media(bucket="media", key="a.wav", size_bytes=1), uploaded_at=now, now=now)


@pytest.fixture
def losing(records: JobsTable) -> JobsTable:
    client: Any = ResponseLosingClient(records._client)
    return JobsTable(client, records._table)


def test_a_claim_whose_response_was_lost_is_ours(losing: JobsTable, records: JobsTable, new_job: Job) -> None:
    job = new_job.model_copy(update={"job_id": "claimed"})
    assert losing.create(job)
    claimed = losing.save(jobs.claim(job, "s-1", job.received_at))
    stored = records.find("claimed")
    assert stored == claimed
    assert losing.save(jobs.requeued(claimed, job.received_at)).revision == claimed.revision + 1


def test_a_write_over_another_ones_record_is_still_stale(losing: JobsTable, records: JobsTable, new_job: Job) -> None:
    job = new_job.model_copy(update={"job_id": "raced"})
    records.create(job)
    records.save(jobs.claim(job, "s-1", job.received_at))
    with pytest.raises(StaleRecord):
        losing.save(jobs.claim(job, "s-2", job.received_at))
    assert not losing.create(job)


def test_a_probe_whose_response_was_lost_is_ours(losing: JobsTable, new_job: Job) -> None:
    now = new_job.received_at
    assert losing.replace(pauses.Pauses(), pauses.start_pause(pauses.Pauses(), "Arrearage", "unpaid", now))
    seen = losing.pauses()
    assert losing.replace(seen, pauses.claim_probes(seen, [None], now + pauses.PROBE_EVERY))
