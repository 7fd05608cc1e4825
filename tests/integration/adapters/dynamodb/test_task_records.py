"""Tasks and their outcomes in the table."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.recognition.file_outcomes import FileOutcome, read_outcomes
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import TaskOutput
from dashscribe.errors import StaleRecord
from tests.support.table import JobsTable, as_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


SECOND = timedelta(seconds=1)
MakeJob = Callable[..., Job]


def test_every_field_of_a_task_survives_a_round_trip(records: JobsTable, full_task: Task) -> None:
    unset = [name for name, value in full_task.model_dump().items() if value in (None, 0, [])]
    assert unset == [], "a new field of Task: set it in full_task"
    first = full_task.model_copy(update={"revision": 0})
    assert as_json(records.save_task(first)) == {**as_json(full_task), "revision": 1}
    found = records.find_task(full_task.submission_id)
    assert found is not None
    assert as_json(found) == {**as_json(full_task), "revision": 1}


def test_a_task_that_does_not_exist_is_not_found(records: JobsTable, make_job: MakeJob) -> None:
    records.create(make_job("same"))
    assert records.find_task("same") is None


def test_a_second_new_task_under_the_same_name_is_refused(records: JobsTable, full_task: Task) -> None:
    first = full_task.model_copy(update={"revision": 0})
    records.save_task(first)
    with pytest.raises(StaleRecord):
        records.save_task(first)


def test_saving_a_task_over_a_stale_revision_is_refused(records: JobsTable, full_task: Task) -> None:
    read = records.save_task(full_task.model_copy(update={"revision": 0}))
    newer = records.save_task(read.model_copy(update={"finalize_attempts": 9}))
    with pytest.raises(StaleRecord):
        records.save_task(read)
    assert records.find_task(full_task.submission_id) == newer


def test_outcomes_survive_a_round_trip(records: JobsTable, now: datetime) -> None:
    outcomes = {
        "a" * 32: FileOutcome(
            status="SUCCEEDED",
            transcription_url="http://r.aliyuncs.com/pre/20250213%2F1%3A2.json?Expires=1&Signature=a%2Bb%3D",
            completed_at=now,
        ),
        "b" * 32: FileOutcome(status="FAILED", code="FILE_403_FORBIDDEN", message="拒绝 😀", completed_at=None),
    }
    records.save_outcomes("s", outcomes)
    assert records.find_batch("s", []).outcomes == outcomes


def test_newer_outcomes_replace_older_ones(records: JobsTable, now: datetime) -> None:
    records.save_outcomes("s", {"a": FileOutcome(status="SUCCEEDED", transcription_url="old", completed_at=now)})
    newer = {"a": FileOutcome(status="SUCCEEDED", transcription_url="new", completed_at=now)}
    records.save_outcomes("s", newer)
    assert records.find_batch("s", []).outcomes == newer


def test_cleared_outcomes_leave_no_result_url_and_expire(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    records.save_outcomes("s", {"a": FileOutcome(status="SUCCEEDED", transcription_url="secret", completed_at=now)})
    records.clear_outcomes("s", now)
    records.clear_outcomes("s", now)
    [item] = dynamodb.scan(TableName="jobs")["Items"]
    assert "secret" not in str(item)
    assert item["expires_at"] == {"N": str(int((now + timedelta(days=2)).timestamp()))}
    assert records.find_batch("s", []).outcomes == {}


def test_outcomes_of_an_unknown_submission_are_empty(records: JobsTable) -> None:
    assert records.find_batch("unknown", []).outcomes == {}


def test_outcomes_expire_two_days_after_the_last_file_ended(
    records: JobsTable, dynamodb: DynamoDBClient, now: datetime
) -> None:
    """Outcomes contain signed URLs, which expire after a day."""
    records.save_outcomes(
        "s",
        {
            "a": FileOutcome(status="FAILED", completed_at=now),
            "b": FileOutcome(status="FAILED", completed_at=now + SECOND),
        },
    )
    [item] = dynamodb.scan(TableName="jobs")["Items"]
    assert item["expires_at"] == {"N": str(int((now + SECOND + timedelta(days=2)).timestamp()))}


def item_bytes(item: dict[str, Any]) -> int:
    """The size as DynamoDB counts it: names and values in UTF-8, a little less than their JSON."""
    return len(json.dumps(item, ensure_ascii=False).encode())


def test_a_task_of_a_hundred_files_and_its_outcomes_stay_far_below_400_kb(
    records: JobsTable, dynamodb: DynamoDBClient, full_task: Task, now: datetime
) -> None:
    """The largest outcomes: signed URLs of 2 KB, and the longest message that is stored of a failed file."""
    job_ids = [f"{number:032x}" for number in range(100)]
    marks = [f"{number:016x}" for number in range(100)]
    records.save_task(full_task.model_copy(update={"revision": 0, "job_ids": job_ids, "url_marks": marks}))
    long_text = "😀" * 5000
    subtasks = [
        {"file_url": f"https://b.s3.amazonaws.com/{n}", "transcription_url": "https://r/" + "u" * 2038}
        if n % 2
        else {"file_url": f"https://b.s3.amazonaws.com/{n}", "code": long_text, "message": long_text}
        for n in range(100)
    ]
    failed = [{"file_url": task["file_url"], "code": long_text, "message": long_text} for task in subtasks]
    media = {job_id: Media(bucket="b", key=str(n), size_bytes=1) for n, job_id in enumerate(job_ids)}
    for name, results in (("half failed", subtasks), ("all failed", failed)):
        output = TaskOutput.model_validate({"task_status": "SUCCEEDED", "results": results})
        records.save_outcomes(name, read_outcomes(output, media))
    records.save_outcomes(
        "all succeeded",
        {job_id: FileOutcome(status="SUCCEEDED", transcription_url="u" * 2048, completed_at=now) for job_id in job_ids},
    )
    sizes = {item["pk"]["S"]: item_bytes(item) for item in dynamodb.scan(TableName="jobs")["Items"]}
    assert sizes[f"TASK#{full_task.submission_id}"] < 10_000
    assert 200_000 < sizes["OUTCOMES#all failed"] < 300_000
    assert 200_000 < sizes["OUTCOMES#half failed"] < 300_000
    assert 200_000 < sizes["OUTCOMES#all succeeded"] < 250_000
