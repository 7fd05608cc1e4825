"""`BackfillLedger` on the jobs table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dashscribe.adapters.dynamodb.items import Table
from dashscribe.domain.jobs.timeouts import KEEP_RECORDS


class DynamoDbBackfillLedger(Table):
    """`pk` is `BACKFILL#<execution name>`. `make backfill` and the execution's result show the counts."""

    def add_backfill_counts(self, run: str, counts: Mapping[str, int]) -> None:
        """Add to the counts in one atomic write."""
        values = {f":{name}": {"N": str(count)} for name, count in counts.items()}
        expires_at = int((datetime.now(UTC) + KEEP_RECORDS).timestamp())
        self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": f"BACKFILL#{run}"}},
            UpdateExpression=f"SET expires_at = :expires ADD {', '.join(f'{name} :{name}' for name in counts)}",
            ExpressionAttributeValues={**values, ":expires": {"N": str(expires_at)}},
        )
