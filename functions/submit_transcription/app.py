"""SQS (the submit queue) → DashScope. Only the messages that could not be handled go back to the queue."""

from __future__ import annotations

from typing import TypedDict

from aws_lambda_powertools.utilities.typing import LambdaContext

from dashscribe.observability import MetricUnit, logger, metrics, tracer
from dashscribe.services.messages import Message
from dashscribe.services.submit import SubmitReport
from dashscribe.wiring import submit_service


class SqsRecord(TypedDict):
    messageId: str
    body: str


class SqsEvent(TypedDict):
    Records: list[SqsRecord]


class FailedItem(TypedDict):
    itemIdentifier: str


class PartialBatchResponse(TypedDict):
    batchItemFailures: list[FailedItem]


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: SqsEvent, context: LambdaContext) -> PartialBatchResponse:
    report = submit_service().run([Message(record["messageId"], record["body"]) for record in event["Records"]])
    count(report)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in report.failed_message_ids]}


def count(report: SubmitReport) -> None:
    metrics.add_metric("FilesSubmitted", MetricUnit.Count, len(report.submitted))
    metrics.add_metric("FilesFailed", MetricUnit.Count, len(report.failed))
    metrics.add_metric("FilesWaiting", MetricUnit.Count, len(report.waiting))
    metrics.add_metric("MessagesBuried", MetricUnit.Count, report.buried)
    metrics.add_metric("AmbiguousSubmissions", MetricUnit.Count, report.ambiguous)
    metrics.add_metric("ThrottledSubmissions", MetricUnit.Count, report.throttled)
    metrics.add_metric("SubmissionsPaused", MetricUnit.Count, int(report.gate_reason is not None))
