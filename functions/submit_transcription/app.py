"""SQS (the submit queue) → DashScope. Only the messages that could not be handled go back to the queue."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from dashscribe.observability import MetricUnit, logger, metrics, tracer
from dashscribe.services.messages import PartialBatchResponse, SqsEvent, messages_in, partial_failure
from dashscribe.services.waiting_room import SubmitReport
from dashscribe.wiring import submit_service


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: SqsEvent, context: LambdaContext) -> PartialBatchResponse:
    report = submit_service().run(messages_in(event))
    count(report)
    return partial_failure(report.failed_message_ids)


def count(report: SubmitReport) -> None:
    metrics.add_metric("FilesSubmitted", MetricUnit.Count, len(report.submitted))
    metrics.add_metric("FilesFailed", MetricUnit.Count, len(report.failed))
    metrics.add_metric("FilesWaiting", MetricUnit.Count, len(report.waiting))
    metrics.add_metric("FilesHandedOver", MetricUnit.Count, len(report.handed_over))
    metrics.add_metric("MessagesBuried", MetricUnit.Count, report.buried)
    metrics.add_metric("AmbiguousSubmissions", MetricUnit.Count, report.ambiguous)
    metrics.add_metric("ThrottledSubmissions", MetricUnit.Count, report.throttled)
    metrics.add_metric("SubmissionsPaused", MetricUnit.Count, int(report.gate_reason is not None))
