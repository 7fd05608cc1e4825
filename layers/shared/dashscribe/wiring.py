"""Builds each function's service with the real adapters, once for each execution environment.

Adapters are imported inside the functions that use them, so that a function imports only what it needs when it starts.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

from dashscribe.adapters import aws_clients as aws
from dashscribe.builders import (
    PollQueues,
    SubmissionPorts,
    TablePorts,
    build_poll_service,
    build_submit_service,
    build_transcribe_service,
)
from dashscribe.domain.recognition.catalogue import region_of
from dashscribe.settings import (
    BackfillSettings,
    FinalizeSettings,
    PollSettings,
    StackSettings,
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
    from dashscribe.adapters.eventbridge_publisher import EventBridgePublisher
    from dashscribe.adapters.result_download import ResultDownload
    from dashscribe.services.backfill import BackfillService
    from dashscribe.services.finalize import FinalizeService
    from dashscribe.services.polling.poll import PollService
    from dashscribe.services.ports import DeadLetterQueue
    from dashscribe.services.submission.submit import SubmitService
    from dashscribe.services.transcribe import TranscribeService

Built = TypeVar("Built")


def build_once(build: Callable[[], Built]) -> Callable[[], Built]:
    """Build at the first event and keep it. Objects created at start-up are frozen out of garbage collection."""

    @cache
    def built() -> Built:
        try:
            return build()
        finally:
            gc.freeze()
            gc.enable()

    return built


def _now() -> datetime:
    return datetime.now(UTC)


def _api_key(settings: VendorSettings) -> ApiKey:
    from dashscribe.adapters.configuration import ApiKey

    return ApiKey(aws.secrets(), settings.api_key_secret_arn)


def _http_client(*, only_checked_addresses: bool = False) -> httpx.Client:
    """A client of its own for the vendor and for result hosts: neither sees the other's headers or cookies.

    The trusted roots are read once, with the first request, as botocore does.
    """
    from dashscribe.adapters.http_connections import http_client

    return http_client(_trusted_roots, only_checked_addresses=only_checked_addresses)


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


def _table(settings: StackSettings, dead_letters: DeadLetterQueue | None = None) -> TablePorts:
    from dashscribe.adapters.dynamodb.job_records import DynamoDbJobRecords
    from dashscribe.adapters.dynamodb.pause_store import DynamoDbPauseStore
    from dashscribe.adapters.dynamodb.rate_limiter import DynamoDbRateLimiter
    from dashscribe.adapters.dynamodb.unreadable_records import DeadLetteringJobRecords
    from dashscribe.adapters.dynamodb.vendor_facts import DynamoDbVendorFacts

    client, name = aws.dynamodb(), settings.jobs_table_name
    return TablePorts(
        records=DeadLetteringJobRecords(client, name, dead_letters)
        if dead_letters
        else DynamoDbJobRecords(client, name),
        rate_limiter=DynamoDbRateLimiter(client, name),
        pauses=DynamoDbPauseStore(client, name),
        facts=DynamoDbVendorFacts(client, name),
    )


def _submission_ports(
    settings: SubmitSettings | TranscribeSettings, api_key: ApiKey, sqs: SQSClient, s3: S3Client
) -> SubmissionPorts:
    from dashscribe.adapters.configuration import SsmProfiles
    from dashscribe.adapters.s3_media import S3Media
    from dashscribe.adapters.s3_results import S3Results
    from dashscribe.adapters.sqs_queues import SqsDeadLetterQueue
    from dashscribe.adapters.stepfunctions_loop import StepFunctionsLoop

    dead_letter_queue = SqsDeadLetterQueue(sqs, settings.submit_dead_letter_queue_url)
    return SubmissionPorts(
        table=_table(settings, dead_letter_queue),
        media=S3Media(s3, settings.presign_expiry_seconds, aws.credentials()),
        profiles=SsmProfiles(aws.ssm(), settings.profiles_parameter_name),
        api_key=api_key,
        results=S3Results(s3, settings.results_bucket_name),
        results_bucket=settings.results_bucket_name,
        events=_events(settings),
        dead_letter_queue=dead_letter_queue,
        loop=StepFunctionsLoop(aws.step_functions(), settings.poll_tasks_state_machine_arn),
        clock=_now,
    )


def _events(settings: StackSettings) -> EventBridgePublisher:
    from dashscribe.adapters.eventbridge_publisher import EventBridgePublisher

    return EventBridgePublisher(aws.events(), settings.event_bus_name)


def _result_source(settings: SubmitSettings | FinalizeSettings) -> ResultDownload:
    from dashscribe.adapters.result_download import ResultDownload

    return ResultDownload(_http_client(only_checked_addresses=True), settings.allowed_hosts)


@build_once
def submit_service() -> SubmitService:
    from dashscribe.adapters.dashscope_vocabularies import DashScopeVocabularies
    from dashscribe.adapters.dynamodb.vocabulary_records import DynamoDbVocabularyRecords
    from dashscribe.adapters.polled_queue import PolledQueue
    from dashscribe.adapters.s3_results import S3Transcripts
    from dashscribe.adapters.s3_texts import S3Texts
    from dashscribe.adapters.sqs_queues import SqsJobQueue, SqsMessages

    settings = SubmitSettings.from_environ(os.environ)
    api_key, sqs, s3 = _api_key(settings), aws.sqs(), aws.s3()
    speech = _speech(settings, api_key)
    return build_submit_service(
        settings,
        _submission_ports(settings, api_key, sqs, s3),
        speech=speech,
        results=_result_source(settings),
        messages=SqsMessages(sqs, settings.submit_queue_url),
        synchronous_queue=PolledQueue(
            SqsJobQueue(sqs, settings.synchronous_queue_url),
            aws.lambda_functions,
            settings.synchronous_mapping_id,
        ),
        vocabularies=DashScopeVocabularies(speech),
        vocabulary_records=DynamoDbVocabularyRecords(aws.dynamodb(), settings.jobs_table_name),
        texts=S3Texts(s3),
        transcripts=S3Transcripts(s3, settings.results_bucket_name),
    )


@build_once
def transcribe_service() -> TranscribeService:
    from dashscribe.adapters.audio_length import audio_length
    from dashscribe.adapters.dashscope_vocabularies import DashScopeVocabularies

    settings = TranscribeSettings.from_environ(os.environ)
    api_key, s3 = _api_key(settings), aws.s3()
    speech = _speech(settings, api_key)
    return build_transcribe_service(
        settings,
        _submission_ports(settings, api_key, aws.sqs(), s3),
        speech=speech,
        audio_length=audio_length,
        vocabularies=DashScopeVocabularies(speech),
    )


@build_once
def poll_service() -> PollService:
    from dashscribe.adapters.sqs_queues import SqsDeadLetterQueue, SqsDeadLetterSource, SqsJobQueue

    settings, sqs = PollSettings.from_environ(os.environ), aws.sqs()
    dead_letter_queue = SqsDeadLetterQueue(sqs, settings.submit_dead_letter_queue_url)
    return build_poll_service(
        settings,
        _table(settings, dead_letter_queue),
        speech=cache(partial(_speech, settings, _api_key(settings))),
        queues=PollQueues(
            SqsJobQueue(sqs, settings.submit_queue_url),
            SqsDeadLetterSource(sqs, settings.submit_dead_letter_queue_url, settings.submit_queue_url),
        ),
        events=cache(lambda: _events(settings)),
        clock=_now,
    )


@build_once
def finalize_service() -> FinalizeService:
    from dashscribe.adapters.dynamodb.job_records import DynamoDbJobRecords
    from dashscribe.adapters.s3_results import S3Results
    from dashscribe.services.finalize import FinalizeService
    from dashscribe.services.finalize_requests import FILES_PER_FINALIZER
    from dashscribe.services.publish import EndPublisher

    settings = FinalizeSettings.from_environ(os.environ)
    records = DynamoDbJobRecords(aws.dynamodb(), settings.jobs_table_name)
    results = S3Results(aws.s3(), settings.results_bucket_name)
    return FinalizeService(
        records=records,
        results=results,
        source=_result_source(settings),
        publisher=EndPublisher(
            records, results, _events(settings), _now, settings.results_bucket_name, FILES_PER_FINALIZER
        ),
        clock=_now,
        results_bucket=settings.results_bucket_name,
        region=region_of(settings.dashscope_base_url),
    )


@build_once
def backfill_service() -> BackfillService:
    from dashscribe.adapters.dynamodb.backfill_ledger import DynamoDbBackfillLedger
    from dashscribe.adapters.s3_results import S3Transcripts
    from dashscribe.adapters.s3_uploads import S3Uploads
    from dashscribe.adapters.sqs_queues import SqsBackfillQueue
    from dashscribe.services.backfill import BackfillService

    settings = BackfillSettings.from_environ(os.environ)
    table, s3, sqs = _table(settings), aws.s3(), aws.sqs()
    return BackfillService(
        records=table.records,
        pauses=table.pauses,
        rate_limiter=table.rate_limiter,
        uploads=S3Uploads(s3),
        transcripts=S3Transcripts(s3, settings.results_bucket_name),
        queue=SqsBackfillQueue(sqs, settings.submit_queue_url, settings.synchronous_queue_url),
        ledger=DynamoDbBackfillLedger(aws.dynamodb(), settings.jobs_table_name),
        clock=_now,
        media_bucket=settings.media_bucket_name,
        results_bucket=settings.results_bucket_name,
        files_per_second=settings.backfill_files_per_second,
        watched_keys=settings.watched_keys,
    )
