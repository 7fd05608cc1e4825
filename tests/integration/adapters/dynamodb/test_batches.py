"""What a finalizer reads: a task, its outcomes and its jobs, in one request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.errors import ItemsNotRead, RecordUnreadable
from tests.support.table import JobsTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MakeJob = Callable[..., Job]


def counted_batches(dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool | None]]:
    """How many keys each request of a batch has, and whether it is consistent."""
    batch_get_item: Callable[..., Any] = dynamodb.batch_get_item
    requests: list[tuple[int, bool | None]] = []

    def counted(RequestItems: dict[str, Any]) -> Any:  # noqa: N803 - the SDK's own name
        requests.append((len(RequestItems["jobs"]["Keys"]), RequestItems["jobs"].get("ConsistentRead")))
        return batch_get_item(RequestItems=RequestItems)

    monkeypatch.setattr(dynamodb, "batch_get_item", counted)
    return requests


def test_a_finalizer_reads_its_task_outcomes_and_jobs_in_one_consistent_request(
    records: JobsTable,
    dynamodb: DynamoDBClient,
    full_task: Task,
    make_job: MakeJob,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = records.save_task(full_task.model_copy(update={"revision": 0}))
    outcomes = {"a": FileOutcome(status="SUCCEEDED", transcription_url="url", completed_at=now)}
    records.save_outcomes(task.submission_id, outcomes)
    for name in ("a", "b"):
        records.create(make_job(name))
    requests = counted_batches(dynamodb, monkeypatch)
    batch = records.find_batch(task.submission_id, ["a", "b", "a", "gone"])
    assert (batch.task, batch.outcomes) == (task, outcomes)
    assert sorted(batch.jobs) == ["a", "b"]
    assert requests == [(5, True)]


def test_jobs_without_a_task_are_read_without_one(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.create(make_job("a"))
    requests = counted_batches(dynamodb, monkeypatch)
    batch = records.find_batch(None, ["a"])
    assert (batch.task, batch.outcomes, list(batch.jobs)) == (None, {}, ["a"])
    assert requests == [(1, True)]


def test_a_batch_of_more_jobs_than_one_request_may_read_is_whole(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = records.save_task(full_task.model_copy(update={"revision": 0}))
    names = [f"{number:032x}" for number in range(150)]
    for name in names:
        records.create(make_job(name))
    requests = counted_batches(dynamodb, monkeypatch)
    batch = records.find_batch(task.submission_id, names)
    assert batch.task == task
    assert sorted(batch.jobs) == names
    assert [keys for keys, _ in requests] == [100, 52]


def test_items_that_dynamodb_leaves_out_every_time_are_an_error(
    records: JobsTable, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def throttled(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - the SDK's own name
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(dynamodb, "batch_get_item", throttled)
    monkeypatch.setattr("dashscribe.adapters.dynamodb.items.time.sleep", waits.append)
    with pytest.raises(ItemsNotRead, match="left out 3 of 3 items"):
        records.find_batch("s", ["a"])
    longest = [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert len(waits) == len(longest)
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len({wait / most for wait, most in zip(waits, longest, strict=True)}) > 1, "all callers would retry at once"


def test_an_unreadable_job_is_left_out_and_an_unreadable_task_is_an_error(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, make_job: MakeJob
) -> None:
    task = records.save_task(full_task.model_copy(update={"revision": 0}))
    records.create(make_job("a"))
    dynamodb.put_item(TableName="jobs", Item={"pk": {"S": "JOB#bad"}, "status": {"S": "LATER"}})
    assert list(records.find_batch(task.submission_id, ["bad", "a"]).jobs) == ["a"]
    dynamodb.put_item(TableName="jobs", Item={"pk": {"S": "TASK#bad"}, "phase": {"S": "LATER"}})
    with pytest.raises(RecordUnreadable):
        records.find_batch("bad", ["a"])
