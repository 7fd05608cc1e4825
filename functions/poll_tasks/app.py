"""One pass of the poll loop → what the state machine finalizes, and how long it waits."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from dashscribe.domain.catalogue import JsonObject
from dashscribe.observability import MetricUnit, logger, metrics, tracer
from dashscribe.services.poll import PassReport
from dashscribe.wiring import poll_service


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    logger.append_keys(loop=event.get("loop"))
    report = poll_service().run()
    count(report)
    return report.result.model_dump(mode="json")


def count(report: PassReport) -> None:
    metrics.add_metric("TaskQueries", MetricUnit.Count, report.queries)
    metrics.add_metric("TaskListPages", MetricUnit.Count, report.list_pages)
    metrics.add_metric("TasksEnded", MetricUnit.Count, report.finished_tasks)
    metrics.add_metric("JobsWoken", MetricUnit.Count, report.woken)
    metrics.add_metric("FailedSteps", MetricUnit.Count, report.failed_steps)
    metrics.add_metric("LongestOverdue", MetricUnit.Seconds, report.longest_overdue_seconds)
    metrics.add_metric("OldestJobAge", MetricUnit.Seconds, report.oldest_job_seconds)
    metrics.add_metric("SubmissionsPaused", MetricUnit.Count, int(report.gate_reason is not None))
