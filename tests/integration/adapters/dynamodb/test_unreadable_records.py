"""An unreadable record affects itself only, and does not hide the records behind it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashscribe.domain.jobs import job_changes as jobs
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.media import Media
from dashscribe.errors import RecordUnreadable
from tests.conftest import LogLines
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
    assert records.dead_lettered == [('{"record": "JOB#bad"}', "The record JOB#bad of the table cannot be read.")]


def test_a_record_that_was_moved_aside_names_the_list_to_put_it_back_on(records: JobsTable) -> None:
    """The update is the one of docs/operations/dead-letter-queue.md#a-record-that-cannot-be-read."""
    paused = new_job("bad").model_copy(update={"due_kind": Due.PAUSED, "due_at": NOW})
    records.create(paused)
    damage(records, "JOB#bad", status={"S": "NO_SUCH_STATUS"})
    assert records.find_many(["bad"]) == {}
    damage(records, "JOB#bad", status={"S": paused.status})
    records._client.update_item(
        TableName=records._table,
        Key={"pk": {"S": "JOB#bad"}},
        UpdateExpression="SET due_kind = unreadable_kind REMOVE unreadable_kind",
    )
    assert [record.record_id for record in records.due(Due.PAUSED, NOW, 10)] == ["bad"]
    assert records.find("bad") == paused


def test_an_unreadable_record_that_is_on_no_list_is_dead_lettered_once(records: JobsTable) -> None:
    records.create(new_job("bad").model_copy(update={"due_kind": None, "due_at": None}))
    damage(records, "JOB#bad", status={"S": "NO_SUCH_STATUS"})
    for _ in range(2):
        assert records.find_many(["bad"]) == {}
    assert len(records.dead_lettered) == 1
    [item] = records._client.scan(TableName=records._table)["Items"]
    assert item["unreadable_kind"] == {"S": "NONE"}


def test_a_record_that_is_put_back_unchanged_is_moved_aside_again(records: JobsTable) -> None:
    records.create(new_job("bad"))
    damage(records, "JOB#bad", status={"S": "NO_SUCH_STATUS"})
    assert records.find_many(["bad"]) == {}
    damage(records, "JOB#bad", due_kind={"S": Due.JOB})
    assert records.find_many(["bad"]) == {}
    assert not records.due(Due.JOB, NOW + timedelta(days=1), 10)
    assert len(records.dead_lettered) == 2


def test_an_unreadable_record_that_was_deleted_meanwhile_is_not_created_again(
    records: JobsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.create(new_job("bad"))
    damage(records, "JOB#bad", status={"S": "NO_SUCH_STATUS"})

    def deleted(body: str, reason: str) -> None:
        records._client.delete_item(TableName=records._table, Key={"pk": {"S": "JOB#bad"}})

    monkeypatch.setattr(records, "send", deleted)
    assert records.find_many(["bad"]) == {}
    assert records._client.scan(TableName=records._table)["Items"] == []


@pytest.mark.parametrize(
    ("pk", "attributes"),
    [
        ("JOB#bad", {"due_at": {"S": "0000-no-time"}}),
        ("JOB#bad", {"due_at": {"S": "2026-01-01T00:00:00"}}),
        ("TASK#bad", {"phase": {"S": "NO_SUCH_PHASE"}}),
        ("TASK#bad", {"accepted_at": {"S": "yesterday"}}),
        ("TASK#bad", {"files": {"S": "many"}}),
    ],
)
def test_an_odd_entry_of_a_due_list_is_moved_aside_and_hides_no_other(
    records: JobsTable, pk: str, attributes: dict[str, Any]
) -> None:
    for job_id in ("bad", "good"):
        records.create(new_job(job_id))
        records.save_task(tasks.accepted(tasks.open_task(job_id, "fun-asr", [job_id], NOW), f"t-{job_id}", NOW))
    damage(records, pk, **attributes)
    tomorrow = NOW + timedelta(days=1)
    for _ in range(2):
        jobs_due = [record.record_id for record in records.due(Due.JOB, tomorrow, 10)]
        tasks_due = [task.submission_id for task in records.due_tasks(tomorrow, 10)]
        assert "good" in jobs_due
        assert "good" in tasks_due
        assert len(jobs_due + tasks_due) == 3
    assert [body for body, _ in records.dead_lettered] == [json.dumps({"record": pk})]


def test_an_odd_first_entry_does_not_stop_the_look_at_the_next_due_time(records: JobsTable) -> None:
    records.create(new_job("bad"))
    damage(records, "JOB#bad", due_at={"S": "0000-no-time"})
    assert records.next_due(Due.JOB) is None
    records.create(new_job("good"))
    assert records.next_due(Due.JOB) == new_job("good").due_at


@pytest.mark.parametrize("received", ["long ago", "2025-01-01T00:00:00", None])
def test_a_time_of_receipt_that_cannot_be_read_does_not_hide_the_oldest_job(
    records: JobsTable, received: str | None
) -> None:
    for job_id in ("bad", "good"):
        records.create(new_job(job_id))
    if received:
        damage(records, "JOB#bad", received_at={"S": received})
    else:
        records._client.update_item(
            TableName=records._table, Key={"pk": {"S": "JOB#bad"}}, UpdateExpression="REMOVE received_at"
        )
    assert records.oldest_received() == NOW


def test_the_log_names_the_record_and_what_is_wrong_in_it(records: JobsTable, log_lines: LogLines) -> None:
    records.create(new_job("bad"))
    damage(records, "JOB#bad", due_at={"S": "2026-01-01T00:00:00"})
    records.due(Due.JOB, NOW + timedelta(days=1), 10)
    [line] = log_lines()
    assert (line["message"], line["record"]) == ("record unreadable", "JOB#bad")
    assert "due_at has no time zone" in line["exception"]
    damage(records, "TASK#bad", phase={"S": "LATER"})
    with pytest.raises(RecordUnreadable, match="The record TASK#bad cannot be read"):
        records.find_task("bad")


def test_a_hundred_unreadable_records_do_not_hide_the_record_behind_them(records: JobsTable) -> None:
    for number in range(100):
        job = new_job(f"bad{number:03}").model_copy(update={"due_at": NOW})
        records.create(job)
        damage(records, f"JOB#{job.job_id}", status={"S": "NO_SUCH_STATUS"})
    records.create(new_job("good"))
    first = records.due(Due.JOB, NOW + timedelta(days=1), 100)
    assert records.find_many([record.record_id for record in first]) == {}
    second = records.due(Due.JOB, NOW + timedelta(days=1), 100)
    assert [record.record_id for record in second] == ["good"]
    assert len(records.dead_lettered) == 100


def test_a_record_that_cannot_be_read_raises_its_own_error_and_is_shown_once(records: JobsTable) -> None:
    records.create(new_job("bad"))
    records.save_task(tasks.open_task("bad", "fun-asr", ["bad"], NOW))
    for pk in ("JOB#bad", "TASK#bad"):
        damage(records, pk, revision={"S": "none"})
    for _ in range(2):
        with pytest.raises(RecordUnreadable):
            records.find("bad")
        with pytest.raises(RecordUnreadable):
            records.find_task("bad")
    assert [body for body, _ in records.dead_lettered] == ['{"record": "JOB#bad"}', '{"record": "TASK#bad"}']


def test_an_unreadable_record_stays_listed_until_it_is_dead_lettered(
    records: JobsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.create(new_job("bad"))
    damage(records, "JOB#bad", status={"S": "NO_SUCH_STATUS"})

    def refuse(body: str, reason: str) -> None:
        raise ConnectionError("the queue does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(records, "send", refuse)
        assert records.find_many(["bad"]) == {}
    assert records.due(Due.JOB, NOW + timedelta(days=1), 10)
    assert records.find_many(["bad"]) == {}
    assert not records.due(Due.JOB, NOW + timedelta(days=1), 10)
    assert len(records.dead_lettered) == 1


@pytest.mark.parametrize("stored", ["{broken", "[]", '{"job": {"status": 1}}', '{"job": null}'])
def test_outcomes_that_cannot_be_read_count_as_absent(records: JobsTable, stored: str) -> None:
    records.save_outcomes("s-1", {})
    damage(records, "OUTCOMES#s-1", outcomes={"S": stored})
    assert records.find_batch("s-1", []).outcomes == {}


def test_a_task_list_state_that_cannot_be_read_counts_as_absent(records: JobsTable) -> None:
    records.save_task_list_state("fun-asr", TaskListState())
    damage(records, "TASK_LIST#fun-asr", off_until={"S": "soon"})
    assert records.task_list_state("fun-asr") is None


def test_a_key_that_occurs_twice_is_read_once(records: JobsTable) -> None:
    records.create(new_job("a"))
    assert set(records.find_many(["a", "a"])) == {"a"}
