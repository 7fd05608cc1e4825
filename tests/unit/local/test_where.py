"""`make where`: every value that a record can hold has an explanation, and a file is found in each place."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from moto import mock_aws
from rich.console import Console

from dashscribe.domain.jobs import pause
from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.recognition.media import job_id_of
from dashscribe.errors import ErrorClass
from local import where
from local.processes import StackError
from local.target import Target

KEY = "calls/talk.mp3"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "job_id": "0" * 32,
        "status": "RECEIVED",
        "media": {"key": KEY},
        "uploaded_at": "2026-01-01T00:00:00.000Z",
        "due_kind": "JOB",
        "due_at": "2026-01-01T00:01:40.000Z",
        **changes,
    }


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("due_kind", [*Due, None])
def test_every_status_says_what_happens_next(status: Status, due_kind: Due | None) -> None:
    sentence = where.next_step(record(status=status, due_kind=due_kind))
    assert sentence.endswith(".")
    assert "{" not in sentence


@pytest.mark.parametrize(
    "code", [*where.OUR_CODES, *sorted(pause.LOCALLY_CHECKED), "Arrearage", "InternalError", "BrandNew"]
)
def test_every_code_is_explained(code: str) -> None:
    assert where.meaning_of(code).endswith(".")


def test_every_error_class_is_explained() -> None:
    assert set(where.VENDOR_CODES) == set(ErrorClass)


def test_a_failed_job_shows_its_reason() -> None:
    failure = {"code": "FILE_TOO_LARGE", "message": "The object has 3 GB."}
    lines = dict(where.rows(record(status="FAILED", failure=failure, published_at="2026-01-01T00:00:09.000Z")))
    assert lines["reason"] == "FILE_TOO_LARGE: The object has 3 GB."
    assert "upload the file again" in lines["next"]


def test_a_waiting_job_shows_why_it_waits() -> None:
    lines = dict(where.rows(record(due_kind="PAUSED", last_error_code="API_KEY_MISSING")))
    assert "paused" in lines["next"]
    assert lines["last error"].startswith("API_KEY_MISSING: The secret holds no API key")


@pytest.fixture
def target() -> Iterator[Target]:
    with mock_aws():
        clients: dict[str, Any] = {"s3": boto3.client("s3"), "dynamodb": boto3.client("dynamodb")}
        for bucket in ("media", "results"):
            clients["s3"].create_bucket(Bucket=bucket)
        versioning = {"Status": "Enabled"}
        clients["s3"].put_bucket_versioning(Bucket="media", VersioningConfiguration=versioning)
        clients["dynamodb"].create_table(
            TableName="jobs",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        outputs = {"MediaBucketName": "media", "ResultsBucketName": "results", "JobsTableName": "jobs"}
        yield Target(clients.__getitem__, outputs, {})


def put(target: Target, job_id: str, **changes: Any) -> None:
    fields = record(job_id=job_id, pk=f"JOB#{job_id}", **changes)
    item = {name: TypeSerializer().serialize(value) for name, value in fields.items()}
    target.client("dynamodb").put_item(TableName="jobs", Item=item)


def shown(target: Target, key: str = KEY) -> tuple[int, str]:
    console = Console(record=True, file=io.StringIO(), width=200)
    return where.show(target, key, console), console.export_text()


def test_the_record_is_found_by_the_version_of_the_object(target: Target) -> None:
    version = target.client("s3").put_object(Bucket="media", Key=KEY, Body=b"x")["VersionId"]
    put(target, job_id_of("media", KEY, version), status="SUBMITTED", task_id="task-1")
    status, text = shown(target)
    assert status == 0
    assert "DashScope transcribes it (task task-1)" in text


def test_the_record_of_an_unversioned_upload_is_found_too(target: Target) -> None:
    put(target, "1" * 32, due_kind="RATE_LIMITED", model="fun-asr")
    assert "backlog of fun-asr" in shown(target)[1]


def test_an_expired_record_leaves_its_report(target: Target) -> None:
    report = {"job_id": "2" * 32, "status": "SUCCEEDED", "media": {"key": KEY}, "timing": {"published_at": "2026"}}
    target.client("s3").put_object(Bucket="results", Key=f"{KEY}/{'2' * 32}/job.json", Body=json.dumps(report).encode())
    assert f"s3://results/{KEY}/{'2' * 32}/" in shown(target)[1]


def test_an_unknown_key_says_what_can_be_the_reason(target: Target) -> None:
    status, text = shown(target, "nothing.mp3")
    assert status == 1
    assert "make backfill" in text
    with pytest.raises(StackError, match="KEY=calls"):
        shown(target, "")
