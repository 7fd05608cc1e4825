"""Runs one pass of the poll loop. Returns what the state machine finalizes, and its wait before the next pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashscribe.domain.json_object import JsonObject
from dashscribe.observability import MetricUnit, add_nonzero_counts, logger, metrics
from dashscribe.services.polling.poll import PassReport, PassRequest
from dashscribe.wiring import poll_service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    request = PassRequest.model_validate(event)
    logger.append_keys(loop=request.loop)
    report = poll_service().run(request.being_finalized)
    count(report)
    return report.result.model_dump(mode="json")


def count(report: PassReport) -> None:
    add_nonzero_counts(FailedSteps=report.failed_steps, DeadLettersRedriven=report.redriven)
    if report.finished_tasks or report.requeued:  # a pass that finds nothing new writes nothing
        logger.info(
            "pass ended",
            queries=report.queries,
            list_pages=report.list_pages,
            tasks_ended=report.finished_tasks,
            requeued=report.requeued,
        )
    # An idle month emits none of these, because CloudWatch bills a metric for each hour in which it is emitted.
    if report.longest_overdue_seconds:
        metrics.add_metric("LongestOverdue", MetricUnit.Seconds, report.longest_overdue_seconds)
    if report.oldest_job_seconds:
        metrics.add_metric("OldestJobAge", MetricUnit.Seconds, report.oldest_job_seconds)
    if report.pauses is not None and report.pauses.pauses:
        metrics.add_metric("SubmissionsPaused", MetricUnit.Count, len(report.pauses.pauses))
        add_nonzero_counts(ModelsPaused=len(report.pauses.of_models))
