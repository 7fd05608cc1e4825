"""`RateLimiter` on the jobs table: one item for each rate holds the time of the next free slot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dashscribe.adapters.dynamodb.items import Table, condition_failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ROUNDS = 2


class DynamoDbRateLimiter(Table):
    """`pk` is `RATE#<name>`; `next_us` is the next free slot, in microseconds since 1970."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        super().__init__(client, table_name)
        self._was_busy: dict[str, bool] = {}

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        """Reserve the next free slot. Slots are 1/rate apart, for all callers on all machines.

        There is one atomic write for a busy rate, whose next slot lies ahead, and one for an idle rate, which is
        brought up to the present. The one that succeeded last time is tried first, because a failed write is billed.
        """
        now_us = int(now.timestamp() * 1_000_000)
        values = {
            ":now": now_us,
            ":step": round(1_000_000 / per_second),
            ":after": now_us + round(1_000_000 / per_second),
            ":horizon": now_us + round(horizon.total_seconds() * 1_000_000),
        }
        busy = ("SET next_us = next_us + :step", "next_us > :now AND next_us <= :horizon")
        idle = ("SET next_us = :after", "attribute_not_exists(next_us) OR next_us <= :now")
        steps = (busy, idle) if self._was_busy.get(name, True) else (idle, busy)
        for update, condition in steps * _ROUNDS:  # another process may write between the two steps
            slot_us = self._reserve(name, update, condition, values)
            if slot_us is not None:
                self._was_busy[name] = update == busy[0]
                return timedelta(microseconds=max(0, slot_us - now_us))
        return None

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        item = self._get(f"RATE#{name}")
        if not item:
            return timedelta(0)
        return timedelta(microseconds=max(0, int(item["next_us"]) - int(now.timestamp() * 1_000_000)))

    def _reserve(self, name: str, update: str, condition: str, values: Mapping[str, int]) -> int | None:
        used = {sign: {"N": str(value)} for sign, value in values.items() if sign in f"{update} {condition}".split()}
        try:
            reply = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"RATE#{name}"}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=used,
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return None
        return int(reply["Attributes"]["next_us"]["N"]) - values[":step"]
