"""What was learned of the vendor, in the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dashscribe.domain.jobs.task_list_scan import TaskListState
from tests.support.table import JobsTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)


def kept_for(dynamodb: DynamoDBClient, pk: str) -> timedelta:
    """How long the record is kept from now on."""
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": pk}})["Item"]
    return datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC) - datetime.now(UTC)


def test_the_state_of_a_scan_is_stored_per_model(records: JobsTable, now: datetime) -> None:
    assert records.task_list_state("fun-asr") is None
    state = TaskListState(next_at=now, off_until=now + SECOND, page_size=10)
    records.save_task_list_state("fun-asr", state)
    assert records.task_list_state("fun-asr") == state
    assert records.task_list_state("paraformer-v2") is None


def test_one_file_per_task_is_remembered_per_model_until_it_expires(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    assert not records.takes_one_file_only("fun-asr", now)
    records.remember_one_file_only("fun-asr", now + timedelta(hours=1))
    item = dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "ONE_FILE_ONLY#fun-asr"}})["Item"]
    assert item["expires_at"] == {"N": str(int((now + timedelta(hours=1)).timestamp()))}
    assert records.takes_one_file_only("fun-asr", now)
    assert not records.takes_one_file_only("fun-asr", now.replace(microsecond=0) + timedelta(hours=1))
    assert not records.takes_one_file_only("paraformer-v2", now)


def test_a_task_id_names_its_submission_and_is_kept_for_as_long_as_the_task_is_listed(
    records: JobsTable, dynamodb: DynamoDBClient
) -> None:
    assert records.submission_of("task-1") is None
    records.remember_task_id("task-1", "s-1")
    records.remember_task_id("task-2", "s-2")
    assert [records.submission_of(name) for name in ("task-1", "task-2", "task-3")] == ["s-1", "s-2", None]
    dynamodb.put_item(TableName="jobs", Item={"pk": {"S": "TASK_ID#odd"}})
    assert records.submission_of("odd") == "", "a known task of an unknown submission is nobody's lost response"
    assert timedelta(days=1, hours=1) < kept_for(dynamodb, "TASK_ID#task-1") < timedelta(days=3)


def test_the_files_that_were_accepted_by_themselves_are_counted_per_submission_for_as_long_as_their_tasks_are_listed(
    records: JobsTable, dynamodb: DynamoDBClient
) -> None:
    assert [records.count_single_acceptance(name) for name in ("s-1", "s-1", "s-2", "s-1")] == [1, 2, 1, 3]
    assert timedelta(days=1, hours=1) < kept_for(dynamodb, "SPLIT#s-1") < timedelta(days=3)
