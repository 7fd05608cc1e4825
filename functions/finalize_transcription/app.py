"""Finalizes some jobs of one task: stores their files in the results bucket and publishes their terminal events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashscribe.domain.json_object import JsonObject
from dashscribe.observability import MetricUnit, add_nonzero_counts, logger, metrics
from dashscribe.services.finalize import FinalizeReport
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.wiring import finalize_service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    request = FinalizeRequest.model_validate(event)
    report = finalize_service().run(request.submission_id, request.job_ids)
    count(report)
    return {"succeeded": len(report.succeeded), "failed": len(report.failed), "unfinished": report.unfinished}


def count(report: FinalizeReport) -> None:
    metrics.add_metric("FilesSucceeded", MetricUnit.Count, len(report.succeeded))
    add_nonzero_counts(FilesFailed=len(report.failed), FilesResubmitted=len(report.resubmitted))
    add_nonzero_counts(FilesDelayed=len(report.delayed), DownloadsFailed=len(report.not_downloaded))
    for job in report.succeeded + report.failed:
        if job.published_at and job.completed_at:
            lag = max(0.0, (job.published_at - job.completed_at).total_seconds())
            metrics.add_metric("LagFromTaskEndToEvent", MetricUnit.Seconds, lag)
