"""Moving records aside that cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dashscribe.adapters.dynamodb.job_records import DynamoDbJobRecords
from dashscribe.observability import logger
from dashscribe.services.ports import DeadLetterQueue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ASIDE = "unreadable_kind"
"""The attribute of a record that was moved aside: the due list that it was on."""


class DeadLetteringJobRecords(DynamoDbJobRecords):
    """Takes an unreadable record off its due list, and dead-letters its key once. The record itself stays."""

    def __init__(self, client: DynamoDBClient, table_name: str, dead_letters: DeadLetterQueue) -> None:
        super().__init__(client, table_name)
        self._dead_letters = dead_letters

    def _move_aside(self, pk: str) -> None:
        """An error leaves the record on its list, and the next pass tries again."""
        super()._move_aside(pk)
        try:
            record = self._get(pk) or {}
            is_listed = "due_kind" in record
            if not record or (_ASIDE in record and not is_listed):
                return
            self._dead_letters.send(json.dumps({"record": pk}), f"The record {pk} of the table cannot be read.")
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": pk}},
                UpdateExpression=f"SET {_ASIDE} = :kind REMOVE due_kind",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":kind": {"S": str(record.get("due_kind", "NONE"))}},
            )
        except Exception:
            logger.exception("record not moved aside", record=pk)
