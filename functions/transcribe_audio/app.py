"""Transcribes the recordings of one batch of the synchronous queue, stores their files and publishes their events.

A call takes up to five minutes. It has its own function and queue, so that it does not delay the submissions of tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashscribe.observability import MetricUnit, add_nonzero_counts, logger, metrics
from dashscribe.services.messages import PartialBatchResponse, SqsEvent, messages_in, partial_failure
from dashscribe.services.submission.report import SubmitReport
from dashscribe.wiring import transcribe_service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: SqsEvent, context: LambdaContext) -> PartialBatchResponse:
    report = transcribe_service().run(messages_in(event))
    count(report)
    return partial_failure(report.failed_message_ids)


def count(report: SubmitReport) -> None:
    metrics.add_metric("FilesSucceeded", MetricUnit.Count, len(report.succeeded))
    add_nonzero_counts(
        FilesFailed=len(report.failed), AmbiguousSubmissions=report.ambiguous, ThrottledSubmissions=report.throttled
    )
