"""Queues one batch of listed objects. Returns the objects that must wait; the state machine calls again with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashscribe.domain.json_object import JsonObject
from dashscribe.observability import MetricUnit, logger, metrics
from dashscribe.services.backfill import BackfillBatch, BackfillReport
from dashscribe.wiring import backfill_service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: JsonObject, context: LambdaContext) -> JsonObject:
    report = backfill_service().run(BackfillBatch.model_validate(event))
    count(report)
    return report.left.model_dump(mode="json", by_alias=True)


def count(report: BackfillReport) -> None:
    metrics.add_metric("BackfillQueued", MetricUnit.Count, report.counts["queued"])
    logger.info("run ended", held_back=len(report.left.items), counts=dict(report.counts))
