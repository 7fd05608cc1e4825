"""Test adapters against moto and `httpx.MockTransport`: the real SDKs, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.recognition.media import Media
from tests.support.network import no_connections
from tests.support.table import JobsTable, create_jobs_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "jobs"


@pytest.fixture(scope="session")
def boto3_session() -> boto3.Session:
    """One session for all tests, because a new one reads the services' descriptions for a third of a second."""
    return boto3.Session()


@pytest.fixture(autouse=True)
def no_network(boto3_session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make every network connection an error."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3_session)
    with no_connections():
        yield


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 1, 1, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:
    """A client, and the table of template.yaml."""
    client = boto3.client("dynamodb")
    create_jobs_table(client, TABLE)
    return client


@pytest.fixture
def records(dynamodb: DynamoDBClient) -> JobsTable:
    return JobsTable(dynamodb, TABLE)


@pytest.fixture
def make_job(now: datetime) -> Callable[..., Job]:
    """Make a small job. Any field can be given."""

    def make(job_id: str = "a" * 32, **fields: object) -> Job:
        return Job.model_validate(
            {
                "job_id": job_id,
                "status": Status.RECEIVED,
                "media": Media(bucket="media", key="calls/a.wav", size_bytes=7).model_dump(),
                "uploaded_at": now,
                "received_at": now,
                **fields,
            }
        )

    return make
