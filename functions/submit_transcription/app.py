"""Submits the uploads of one batch of the submit queue. Only the messages that failed return to the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashscribe.observability import MetricUnit, add_nonzero_counts, logger, metrics
from dashscribe.services.messages import PartialBatchResponse, SqsEvent, messages_in, partial_failure
from dashscribe.services.submission.report import SubmitReport
from dashscribe.wiring import submit_service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: SqsEvent, context: LambdaContext) -> PartialBatchResponse:
    report = submit_service().run(messages_in(event))
    count(report)
    return partial_failure(report.failed_message_ids)


def count(report: SubmitReport) -> None:
    metrics.add_metric("FilesSubmitted", MetricUnit.Count, len(report.submitted))
    add_nonzero_counts(
        FilesFailed=len(report.failed), AmbiguousSubmissions=report.ambiguous, ThrottledSubmissions=report.throttled
    )
    logger.info(
        "run ended",
        submitted=len(report.submitted),
        failed=len(report.failed),
        waiting=len(report.waiting),
        handed_over=len(report.handed_over),
        dead_lettered=report.dead_lettered,
    )
