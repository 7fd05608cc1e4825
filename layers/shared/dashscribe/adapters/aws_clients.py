"""Makes the AWS clients of the functions.

boto3's clients are botocore's. They are made by botocore here, because the import of boto3 and of its upload manager
would add a tenth to each cold start (docs/performance.md#cold-start).
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.handlers import add_expect_header
from botocore.session import Session, get_session
from botocore.utils import determine_content_length

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.credentials import Credentials
    from botocore.model import OperationModel
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

AWS = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=30,  # sized for parallel uploads; overflow opens extra connections
)
DYNAMODB = AWS.merge(Config(parameter_validation=False))
"""Checking an item's shape is a quarter of the CPU time of a write, and all items are made by `to_item`."""


EXPECT_CONTINUE_BYTES = 1024**2
"""Smaller files are sent to S3 without waiting for its consent."""


@cache
def dynamodb() -> DynamoDBClient:
    """One client for all adapters of the table."""
    return cast("DynamoDBClient", _client("dynamodb", DYNAMODB))


def events() -> EventBridgeClient:
    return cast("EventBridgeClient", _client("events"))


def lambda_functions() -> LambdaClient:
    return cast("LambdaClient", _client("lambda"))


def s3() -> S3Client:
    """Presigned URLs must use signature version 4 and the regional, virtual-hosted endpoint.

    A local endpoint has no host name for each bucket, so there the bucket is part of the path.
    """
    local = "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ
    style = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if local else "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    client = _client("s3", AWS.merge(style))
    client.meta.events.unregister("before-call.s3", add_expect_header)
    client.meta.events.register("before-call.s3.PutObject", _expect_continue)
    return cast("S3Client", client)


def _expect_continue(model: OperationModel, params: dict[str, Any], **_: object) -> None:
    """Have S3 accept the headers of a large file before the file is sent: it may exist already.

    botocore does the same for a file of any size. For a small one it costs more than it can save: another round trip,
    and a quarter of the CPU time of finalizing a short recording.
    """
    if (determine_content_length(params.get("body", b"")) or 0) > EXPECT_CONTINUE_BYTES:
        add_expect_header(model, params)


def secrets() -> SecretsManagerClient:
    return cast("SecretsManagerClient", _client("secretsmanager"))


def sqs() -> SQSClient:
    return cast("SQSClient", _client("sqs"))


def ssm() -> SSMClient:
    return cast("SSMClient", _client("ssm"))


def step_functions() -> SFNClient:
    return cast("SFNClient", _client("stepfunctions"))


def credentials() -> Credentials | None:
    """The credentials that all clients sign with."""
    return _session().get_credentials()


@cache
def _session() -> Session:
    """One session for all clients, which reads its files and finds the credentials once."""
    return get_session()


def _client(service: str, config: Config = AWS) -> BaseClient:
    return _session().create_client(service, config=config)
