"""The index of due records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.services.ports import DueRecord, DueTask
from tests.support.table import JobsTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)
MakeJob = Callable[..., Job]


def test_due_records_come_earliest_first_and_only_those_whose_time_has_come(
    records: JobsTable, make_job: MakeJob, full_task: Task, now: datetime
) -> None:
    for name, offset in (("c", 2), ("a", 0), ("later", 4), ("b", 1)):
        records.create(make_job(name, due_kind=Due.JOB, due_at=now + offset * SECOND))
    records.create(make_job("parked", due_kind=Due.PAUSED, due_at=now))
    records.save_task(full_task.model_copy(update={"revision": 0, "due_at": now}))
    assert records.due(Due.JOB, now + 2 * SECOND, 10) == [
        DueRecord("a", now),
        DueRecord("b", now + SECOND),
        DueRecord("c", now + 2 * SECOND),
    ]
    assert records.due(Due.PAUSED, now, 10) == [DueRecord("parked", now)]
    assert records.due(Due.TASK, now, 10) == [DueRecord(full_task.submission_id, now, full_task.model)]


def test_the_due_list_of_tasks_has_the_fields_that_a_scan_needs(
    records: JobsTable, full_task: Task, now: datetime
) -> None:
    for name, seconds in (("b", 1), ("a", 0), ("later", 9)):
        changed = {"submission_id": name, "revision": 0, "due_at": now + seconds * SECOND}
        records.save_task(full_task.model_copy(update=changed))
    first, second = records.due_tasks(now + SECOND, 10)
    assert first == DueTask("a", now, "任务-1", "paraformer-v2", TaskPhase.ENDED, now + SECOND, len(full_task.job_ids))
    assert second.submission_id == "b"
    assert records.due_tasks(now + SECOND, 1) == [first]


def test_a_task_of_an_older_version_without_its_number_of_files_counts_as_one_file(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, now: datetime
) -> None:
    records.save_task(full_task.model_copy(update={"revision": 0}))
    dynamodb.update_item(
        TableName="jobs", Key={"pk": {"S": f"TASK#{full_task.submission_id}"}}, UpdateExpression="REMOVE files"
    )
    assert [task.files for task in records.due_tasks(now + 60 * SECOND, 10)] == [1]


def test_a_due_list_of_several_pages_is_read_to_its_end(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        changed = {"submission_id": f"t{number}", "revision": 0, "due_at": now + number * SECOND}
        records.save_task(full_task.model_copy(update=changed))
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **request: query(**{**request, "Limit": min(request["Limit"], 3)}))
    found = JobsTable(dynamodb, "jobs").due_tasks(now + 60 * SECOND, 100)
    assert [task.submission_id for task in found] == [f"t{number}" for number in range(7)]
    assert JobsTable(dynamodb, "jobs").due_tasks(now + 60 * SECOND, 5) == found[:5]


def test_a_limited_due_list_has_the_earliest_records(records: JobsTable, make_job: MakeJob, now: datetime) -> None:
    for number in range(5):
        records.create(make_job(str(number), due_kind=Due.JOB, due_at=now - number * SECOND))
    assert [record.record_id for record in records.due(Due.JOB, now, 2)] == ["4", "3"]


def test_a_record_without_a_due_time_is_on_no_due_list(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, now: datetime
) -> None:
    job = make_job(due_kind=Due.JOB, due_at=now)
    records.create(job)
    records.save(job.model_copy(update={"due_kind": None, "due_at": None}))
    records.save_outcomes("s", {})
    records.replace(pauses.Pauses(), pauses.start_pause(pauses.Pauses(), "Arrearage", "", now))
    records.reserve("query", 1, now, SECOND)
    assert dynamodb.scan(TableName="jobs", IndexName="due")["Items"] == []
    assert dynamodb.scan(TableName="jobs")["Count"] == 4


def test_the_next_due_time_may_be_in_the_future(records: JobsTable, make_job: MakeJob, now: datetime) -> None:
    assert records.next_due(Due.JOB) is None
    for name, offset in (("late", 3600), ("soon", 60)):
        records.create(make_job(name, due_kind=Due.JOB, due_at=now + offset * SECOND))
    assert records.next_due(Due.JOB) == now + 60 * SECOND
    assert records.next_due(Due.TASK) is None


def test_the_oldest_unfinished_job_is_the_one_received_first(
    records: JobsTable, make_job: MakeJob, now: datetime
) -> None:
    assert records.oldest_received() is None
    for number, hours in enumerate((1, 5, 3)):
        received = now - timedelta(hours=hours)
        kind = Due.PAUSED if number == 1 else Due.JOB
        records.create(make_job(job_id=f"j{number}", received_at=received, due_kind=kind, due_at=now))
    records.create(make_job(job_id="done", received_at=now - timedelta(days=9), due_kind=None, due_at=None))
    assert records.oldest_received() == now - timedelta(hours=5)


def test_each_model_has_its_own_backlog_oldest_first(records: JobsTable, make_job: MakeJob) -> None:
    for number, model in enumerate(["fun-asr", "paraformer-v2", "fun-asr"]):
        due_at = f"2026-01-01T12:00:0{number}.000Z"
        records.create(make_job(job_id=f"{number}" * 32, model=model, due_kind=Due.RATE_LIMITED, due_at=due_at))
    records.create(make_job(job_id="9" * 32, due_kind=Due.JOB, due_at="2026-01-01T12:00:00.000Z"))
    assert records.rate_limited_jobs(10) == {"fun-asr": ["0" * 32, "2" * 32], "paraformer-v2": ["1" * 32]}
    assert records.rate_limited_jobs(1) == {"fun-asr": ["0" * 32]}


def test_a_watched_job_is_on_the_list_of_delays_once_until_the_watch_ends(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, now: datetime
) -> None:
    job = make_job("a", due_kind=Due.JOB, due_at=now)
    records.create(job)
    records.watch_delay("a", now + 2 * SECOND)
    records.watch_delay("a", now + SECOND)
    assert records.due(Due.DELAY, now, 10) == []
    assert records.due(Due.DELAY, now + SECOND, 10) == [DueRecord("a", now + SECOND)]
    assert records.due(Due.JOB, now, 10) == [DueRecord("a", now)]
    assert records.find("a") == job
    records.end_delay_watch("a", now)
    assert records.due(Due.DELAY, now + 900 * SECOND, 10) == []
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "DELAY#a"}})["Item"]
    assert item["expires_at"] == {"N": str(int(now.timestamp()))}, "the record would be kept for ever"
