"""An unreadable record affects itself only, and does not hide the records behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.recognition.media import Media
from tests.support.table import JobsTable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def new_job(job_id: str) -> Job:
    return jobs.receive(job_id, Media(bucket="media", key="a.wav", size_bytes=1), uploaded_at=NOW, now=NOW)


def damage(records: JobsTable, pk: str, **attributes: Any) -> None:
    for name, value in attributes.items():
        records._client.update_item(
            TableName=records._table,
            Key={"pk": {"S": pk}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )


def test_a_job_with_an_unknown_status_is_left_out_and_taken_off_its_due_list(records: JobsTable) -> None:
    for job_id in ("bad", "good"):
        records.create(new_job(job_id))
    damage(records, "JOB#bad", status={"S": "NO_SUCH_STATUS"})
    assert set(records.find_many(["bad", "good"])) == {"good"}
    due = records.due(Due.JOB, NOW + timedelta(days=1), 10)
    assert [record.record_id for record in due] == ["good"]
    assert set(records.find_many(["bad", "good"])) == {"good"}  # once more, now that it is off the list


def test_a_key_that_occurs_twice_is_read_once(records: JobsTable) -> None:
    records.create(new_job("a"))
    assert set(records.find_many(["a", "a"])) == {"a"}
