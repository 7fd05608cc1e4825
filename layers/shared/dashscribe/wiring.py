"""The real object graph of each function, made once for each execution environment.

Adapters are imported where they are used: a function starts with its own ones only.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config

from dashscribe.domain.recognition.catalogue import region_of
from dashscribe.settings import (
    BackfillSettings,
    FinalizeSettings,
    PollSettings,
    SubmitSettings,
    TranscribeSettings,
    VendorSettings,
)

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from dashscribe.adapters.configuration import ApiKey
    from dashscribe.adapters.dashscope_http import DashScopeHttp
    from dashscribe.adapters.dynamodb_records import DynamoDbRecords
    from dashscribe.adapters.result_download import ResultDownload
    from dashscribe.adapters.s3_media import S3Media
    from dashscribe.adapters.stepfunctions_loop import StepFunctionsLoop
    from dashscribe.services.backfill import BackfillService
    from dashscribe.services.finalize import FinalizeService
    from dashscribe.services.polling.poll import PollService
    from dashscribe.services.submission.submit import SubmitService
    from dashscribe.services.submission.waiting_room import WaitingRoom
    from dashscribe.services.transcribe import TranscribeService

Made = TypeVar("Made")
AWS = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=30,  # some files side by side, each with several puts: who finds none free makes a new one
)


def made_once(make: Callable[[], Made]) -> Callable[[], Made]:
    """For the first event, and kept for the others. What the start left is no garbage to look for."""

    @cache
    def made() -> Made:
        try:
            return make()
        finally:
            gc.freeze()
            gc.enable()

    return made


def _now() -> datetime:
    return datetime.now(UTC)


def _s3_client() -> S3Client:
    """Presigned URLs must name the regional, virtual-hosted endpoint, and be of version 4.

    A local endpoint has no host name for each bucket, so there the bucket stands in the path.
    """
    local = "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ
    style = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if local else "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    return boto3.client("s3", config=AWS.merge(style))


def _api_key(settings: VendorSettings) -> ApiKey:
    from dashscribe.adapters.configuration import ApiKey

    return ApiKey(boto3.client("secretsmanager", config=AWS), settings.api_key_secret_arn)


def _http_client() -> httpx.Client:
    """Each user has one of its own: nothing of one goes to the other's hosts. The trusted roots are read once."""
    import httpx

    return httpx.Client(verify=_trusted_roots())


@cache
def _trusted_roots() -> SSLContext:
    import httpx

    return httpx.create_ssl_context()


def _speech(settings: VendorSettings, api_key: ApiKey) -> DashScopeHttp:
    from dashscribe.adapters.dashscope_http import DashScopeHttp

    return DashScopeHttp(
        _http_client(),
        settings.dashscope_base_url,
        api_key,
        settings.dashscope_workspace_id,
    )


def _waiting_room(
    settings: SubmitSettings | TranscribeSettings, records: DynamoDbRecords, api_key: ApiKey, sqs: SQSClient
) -> WaitingRoom:
    from dashscribe.adapters.configuration import SsmProfiles
    from dashscribe.adapters.eventbridge_publisher import EventBridgePublisher
    from dashscribe.adapters.sqs_queues import SqsDeadLetterQueue
    from dashscribe.services.submission.waiting_room import WaitingRoom

    return WaitingRoom(
        store=records,
        pauses=records,
        api_key=api_key,
        profiles=SsmProfiles(boto3.client("ssm", config=AWS), settings.profiles_parameter_name),
        events=EventBridgePublisher(boto3.client("events", config=AWS), settings.event_bus_name),
        dead_letter_queue=SqsDeadLetterQueue(sqs, settings.submit_dead_letter_queue_url),
        clock=_now,
    )


def _media(settings: SubmitSettings | TranscribeSettings, client: S3Client) -> S3Media:
    from dashscribe.adapters.s3_media import S3Media

    session = boto3.DEFAULT_SESSION
    return S3Media(client, settings.presign_expiry_seconds, session.get_credentials() if session is not None else None)


def _loop(settings: SubmitSettings | TranscribeSettings) -> StepFunctionsLoop:
    from dashscribe.adapters.stepfunctions_loop import StepFunctionsLoop

    return StepFunctionsLoop(boto3.client("stepfunctions", config=AWS), settings.poll_tasks_state_machine_arn)


def _results(settings: SubmitSettings | FinalizeSettings) -> ResultDownload:
    from dashscribe.adapters.result_download import ResultDownload

    return ResultDownload(_http_client(), settings.allowed_hosts)


@made_once
def submit_service() -> SubmitService:
    from dashscribe.adapters.dynamodb_records import DynamoDbRecords
    from dashscribe.adapters.sqs_queues import SqsJobQueue, SqsMessages
    from dashscribe.services.submission.submit import SubmitService

    settings = SubmitSettings.from_environ(os.environ)
    records = DynamoDbRecords(boto3.client("dynamodb", config=AWS), settings.jobs_table_name)
    api_key, sqs = _api_key(settings), boto3.client("sqs", config=AWS)
    return SubmitService(
        room=_waiting_room(settings, records, api_key, sqs),
        tasks=records,
        limits=records,
        rate_limiter=records,
        media=_media(settings, _s3_client()),
        speech=_speech(settings, api_key),
        results=_results(settings),
        messages=SqsMessages(sqs, settings.submit_queue_url),
        synchronous_queue=SqsJobQueue(sqs, settings.synchronous_queue_url),
        loop=_loop(settings),
        clock=_now,
        results_bucket=settings.results_bucket_name,
        default_model=settings.default_model,
        region=region_of(settings.dashscope_base_url),
        max_files_per_task=settings.max_files_per_task,
        submit_requests_per_second=settings.submit_requests_per_second,
        query_requests_per_second=settings.query_requests_per_second,
    )


@made_once
def transcribe_service() -> TranscribeService:
    from dashscribe.adapters.audio_length import audio_length
    from dashscribe.adapters.dynamodb_records import DynamoDbRecords
    from dashscribe.adapters.s3_results import S3Results
    from dashscribe.services.transcribe import TranscribeService

    settings = TranscribeSettings.from_environ(os.environ)
    records = DynamoDbRecords(boto3.client("dynamodb", config=AWS), settings.jobs_table_name)
    api_key, s3 = _api_key(settings), _s3_client()
    return TranscribeService(
        room=_waiting_room(settings, records, api_key, boto3.client("sqs", config=AWS)),
        rate_limiter=records,
        media=_media(settings, s3),
        speech=_speech(settings, api_key),
        results=S3Results(s3, settings.results_bucket_name),
        length_of=audio_length,
        loop=_loop(settings),
        clock=_now,
        results_bucket=settings.results_bucket_name,
        region=region_of(settings.dashscope_base_url),
        submit_requests_per_second=settings.submit_requests_per_second,
    )


@made_once
def poll_service() -> PollService:
    from dashscribe.adapters.dynamodb_records import DynamoDbRecords
    from dashscribe.adapters.sqs_queues import SqsJobQueue
    from dashscribe.services.polling.backlog import Backlog
    from dashscribe.services.polling.poll import PollService
    from dashscribe.services.polling.task_poller import TaskPoller

    settings = PollSettings.from_environ(os.environ)
    records = DynamoDbRecords(boto3.client("dynamodb", config=AWS), settings.jobs_table_name)
    task_poller = TaskPoller(
        store=records,
        tasks=records,
        due=records,
        pauses=records,
        rate_limiter=records,
        task_lists=records,
        speech=cache(partial(_speech, settings, _api_key(settings))),
        clock=_now,
        query_requests_per_second=settings.query_requests_per_second,
    )
    backlog = Backlog(
        due=records,
        store=records,
        limits=records,
        rate_limiter=records,
        max_files_per_task=settings.max_files_per_task,
        submit_requests_per_second=settings.submit_requests_per_second,
    )
    return PollService(
        task_poller=task_poller,
        store=records,
        tasks=records,
        due=records,
        pauses=records,
        queue=SqsJobQueue(boto3.client("sqs", config=AWS), settings.submit_queue_url),
        backlog=backlog,
        clock=_now,
    )


@made_once
def finalize_service() -> FinalizeService:
    from dashscribe.adapters.dynamodb_records import DynamoDbRecords
    from dashscribe.adapters.eventbridge_publisher import EventBridgePublisher
    from dashscribe.adapters.s3_results import S3Results
    from dashscribe.services.finalize import FinalizeService

    settings = FinalizeSettings.from_environ(os.environ)
    records = DynamoDbRecords(boto3.client("dynamodb", config=AWS), settings.jobs_table_name)
    return FinalizeService(
        store=records,
        tasks=records,
        results=S3Results(_s3_client(), settings.results_bucket_name),
        source=_results(settings),
        events=EventBridgePublisher(boto3.client("events", config=AWS), settings.event_bus_name),
        clock=_now,
        results_bucket=settings.results_bucket_name,
        region=region_of(settings.dashscope_base_url),
    )


@made_once
def backfill_service() -> BackfillService:
    from dashscribe.adapters.dynamodb_records import DynamoDbRecords
    from dashscribe.adapters.s3_results import S3Transcripts
    from dashscribe.adapters.s3_uploads import S3Uploads
    from dashscribe.adapters.sqs_queues import SqsBackfillQueue
    from dashscribe.services.backfill import BackfillService

    settings = BackfillSettings.from_environ(os.environ)
    records = DynamoDbRecords(boto3.client("dynamodb", config=AWS), settings.jobs_table_name)
    s3 = _s3_client()
    return BackfillService(
        store=records,
        pauses=records,
        rate_limiter=records,
        uploads=S3Uploads(s3),
        transcripts=S3Transcripts(s3, settings.results_bucket_name),
        queue=SqsBackfillQueue(
            boto3.client("sqs", config=AWS), settings.submit_queue_url, settings.synchronous_queue_url
        ),
        ledger=records,
        clock=_now,
        media_bucket=settings.media_bucket_name,
        results_bucket=settings.results_bucket_name,
        files_per_second=settings.backfill_files_per_second,
    )
