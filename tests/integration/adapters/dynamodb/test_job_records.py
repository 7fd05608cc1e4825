"""Jobs in the table: a record survives a round trip, and one of several concurrent writers succeeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.errors import StaleRecord
from tests.support.table import JobsTable, as_json, one_at_a_time, run_concurrently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)
MakeJob = Callable[..., Job]


def test_every_field_of_a_job_survives_a_round_trip(records: JobsTable, full_job: Job) -> None:
    unset = [name for name, value in full_job.model_dump().items() if value in (None, 0, [], False)]
    assert unset == [], "a new field of Job: set it in full_job"
    assert records.create(full_job)
    found = records.find(full_job.job_id)
    assert found is not None
    assert as_json(found) == as_json(full_job)


def test_a_submission_changes_nothing_in_the_index(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, now: datetime
) -> None:
    """DynamoDB bills another write when an attribute changes that the index projects."""

    def entry() -> object:
        [found] = dynamodb.scan(TableName="jobs", IndexName="due")["Items"]
        return found

    job = make_job(due_kind=Due.JOB, due_at=now)
    records.create(job)
    before = entry()
    records.save(job.model_copy(update={"status": Status.SUBMITTED, "task_id": "t-1", "submitted_at": now}))
    assert entry() == before
    found = records.find(job.job_id)
    assert found is not None
    assert found.task_id == "t-1"


def test_a_job_that_an_older_version_stored_keeps_its_task_id(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob
) -> None:
    job = make_job()
    records.create(job)
    dynamodb.update_item(
        TableName="jobs",
        Key={"pk": {"S": f"JOB#{job.job_id}"}},
        UpdateExpression="SET task_id = :id",
        ExpressionAttributeValues={":id": {"S": "t-1"}},
    )
    found = records.find(job.job_id)
    assert found is not None
    assert found.task_id == "t-1"


def test_a_job_with_nothing_but_its_required_fields_survives_a_round_trip(
    records: JobsTable, make_job: MakeJob
) -> None:
    job = make_job()
    records.create(job)
    found = records.find(job.job_id)
    assert found is not None
    assert found.warnings == []
    assert as_json(found) == as_json(job)


@pytest.mark.parametrize("cost", [0.0, 0.000035, 0.00000001, 1 / 3, 1234567.875])
def test_a_float_survives_a_round_trip_exactly(records: JobsTable, make_job: MakeJob, cost: float) -> None:
    job = make_job(usage={"billed_seconds": 0, "estimated_cost_usd": cost})
    records.create(job)
    found = records.find(job.job_id)
    assert found is not None
    assert found.usage is not None
    assert type(found.usage.estimated_cost_usd) is float
    assert found.usage.estimated_cost_usd == cost


def test_a_write_of_an_ordinary_job_costs_one_write_unit(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, now: datetime
) -> None:
    records.create(
        make_job(
            status="SUBMITTED",
            media={
                "bucket": "dashscribe-mediabucket-1abc",
                "key": "calls/2026/a.wav",
                "version_id": "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
                "etag": "d41d8cd98f00b204e9800998ecf8427e",
                "size_bytes": 12_345_678,
            },
            model="fun-asr",
            options={"profile": "default", "model": "fun-asr", "parameters": {}},
            submission_id="b" * 32,
            task_id="c2e5d63b-96e1-4607-bb91-000000000000",
            request_ids={"submission": "d2e5d63b-96e1-4607-bb91-000000000000"},
            attempts=1,
            submitted_at=now,
            due_kind=Due.JOB,
            due_at=now,
        )
    )
    [item] = dynamodb.scan(TableName="jobs")["Items"]
    assert len(json.dumps(item, separators=(",", ":"))) < 1024  # DynamoDB counts less than the JSON


def test_a_job_that_does_not_exist_is_not_found(records: JobsTable) -> None:
    assert records.find("0" * 32) is None


def test_creating_a_job_twice_leaves_the_first_one(records: JobsTable, make_job: MakeJob) -> None:
    assert records.create(make_job(last_error_code="first")) is True
    assert records.create(make_job(last_error_code="second")) is False
    found = records.find(make_job().job_id)
    assert found is not None
    assert found.last_error_code == "first"


def test_only_one_of_many_concurrent_creators_succeeds(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    assert sorted(run_concurrently([lambda: records.create(make_job())] * 8)) == [False] * 7 + [True]


def test_saving_increments_the_revision_and_stores_the_change(records: JobsTable, make_job: MakeJob) -> None:
    job = make_job()
    records.create(job)
    saved = records.save(job.model_copy(update={"attempts": 1}))
    assert (saved.revision, saved.attempts) == (1, 1)
    assert records.find(job.job_id) == saved


def test_saving_over_a_stale_revision_is_refused_and_changes_nothing(records: JobsTable, make_job: MakeJob) -> None:
    job = make_job()
    records.create(job)
    newer = records.save(job.model_copy(update={"attempts": 1}))
    with pytest.raises(StaleRecord, match=f"JOB#{job.job_id} was changed by another process"):
        records.save(job.model_copy(update={"attempts": 2}))
    assert records.find(job.job_id) == newer


def test_saving_a_job_that_was_never_created_is_refused(records: JobsTable, make_job: MakeJob) -> None:
    with pytest.raises(StaleRecord):
        records.save(make_job())
    assert records.find(make_job().job_id) is None


def test_only_one_of_many_concurrent_saves_of_one_revision_succeeds(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "put_item", one_at_a_time(dynamodb.put_item))
    job = make_job()
    records.create(job)

    def save() -> bool:
        try:
            records.save(job)
        except StaleRecord:
            return False
        return True

    assert sum(run_concurrently([save] * 8)) == 1


def test_a_field_set_to_none_is_removed_from_the_record(records: JobsTable, make_job: MakeJob, now: datetime) -> None:
    job = make_job(due_kind=Due.JOB, due_at=now, task_id="t")
    records.create(job)
    records.save(job.model_copy(update={"due_kind": None, "due_at": None, "task_id": None}))
    found = records.find(job.job_id)
    assert found is not None
    assert (found.due_kind, found.due_at, found.task_id) == (None, None, None)


def test_a_missing_table_raises_an_error_and_not_a_conflict(dynamodb: DynamoDBClient, make_job: MakeJob) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        JobsTable(dynamodb, "elsewhere").create(make_job())


def test_more_jobs_than_one_request_may_read_are_all_found(records: JobsTable, make_job: MakeJob) -> None:
    job_ids = [f"{number:032x}" for number in range(205)]
    for name in job_ids[:-1]:
        records.create(make_job(name))
    found = records.find_many(job_ids)
    assert sorted(found) == job_ids[:-1]
    assert all(job.job_id == name for name, job in found.items())


def test_keys_that_dynamodb_left_unprocessed_are_requested_again(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_ids = [f"{number:032x}" for number in range(130)]
    for name in job_ids:
        records.create(make_job(name))
    batch_get_item: Callable[..., Any] = dynamodb.batch_get_item
    sizes: list[int] = []
    consistent: list[bool | None] = []

    def process_forty(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - the SDK's own name
        [(table, request)] = RequestItems.items()
        sizes.append(len(request["Keys"]))
        consistent.append(request.get("ConsistentRead"))
        reply: dict[str, Any] = dict(batch_get_item(RequestItems={table: {**request, "Keys": request["Keys"][:40]}}))
        rest = request["Keys"][40:]
        return {**reply, "UnprocessedKeys": {table: {**request, "Keys": rest}} if rest else {}}

    monkeypatch.setattr(dynamodb, "batch_get_item", process_forty)
    assert sorted(records.find_many(job_ids)) == job_ids
    assert sizes == [100, 60, 20, 30]
    assert set(consistent) == {True}


def test_every_read_of_a_record_is_consistent(
    records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older state of a job would be submitted and paid for again."""
    records.create(make_job("a"))
    get_item: Callable[..., Any] = dynamodb.get_item
    consistent: list[object] = []

    def recording(**request: Any) -> Any:
        consistent.append(request.get("ConsistentRead"))
        return get_item(**request)

    monkeypatch.setattr(dynamodb, "get_item", recording)
    assert records.find("a") is not None
    records.pauses()
    records.submission_of("t-1")
    assert consistent == [True, True, True]


def test_a_number_in_any_form_is_read_exactly(records: JobsTable, dynamodb: DynamoDBClient, make_job: MakeJob) -> None:
    """DynamoDB may return 100 as 1E+2."""
    records.create(make_job("a", attempts=100, options={"profile": "p", "model": "m", "parameters": {"x": 0.5}}))
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "JOB#a"}})["Item"]
    item["attempts"] = {"N": "1E+2"}
    item["options"]["M"]["parameters"]["M"]["y"] = {"N": "1.0"}
    dynamodb.put_item(TableName="jobs", Item=item)
    found = records.find("a")
    assert found is not None
    assert found.options is not None
    assert (found.attempts, found.options.parameters) == (100, {"x": 0.5, "y": 1})
    assert [type(value) for value in found.options.parameters.values()] == [float, int]


def test_finding_no_jobs_makes_no_request(
    records: JobsTable, dynamodb: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(type(dynamodb), "batch_get_item")
    assert records.find_many([]) == {}
