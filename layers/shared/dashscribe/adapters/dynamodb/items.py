"""Items of the jobs table: reading, conditional writing, and the conversion to and from DynamoDB's attribute values."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize

Item = dict[str, Any]
"""An item as DynamoDB sends it: attribute name → {type: value}."""


class Table:
    """What every adapter of the table needs. The partition key is `pk`; there is no sort key."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def _get(self, pk: str) -> dict[str, Any] | None:
        """A strongly consistent read."""
        reply = self._client.get_item(TableName=self._table, Key={"pk": {"S": pk}}, ConsistentRead=True)
        return from_item(reply["Item"]) if "Item" in reply else None

    def _put(self, pk: str, attributes: Mapping[str, object]) -> None:
        self._client.put_item(TableName=self._table, Item=to_item({"pk": pk, **attributes}))

    def _put_if(
        self, pk: str, attributes: Mapping[str, object], condition: str, values: Mapping[str, Mapping[str, str]]
    ) -> bool:
        """Write the item if `condition` holds. False, and nothing is written, when it does not.

        The SDK repeats a write whose response was lost, and the repeated write fails on its own first one. So after a
        failed condition the item is read back: with our `write_id` it is our write, and it succeeded.
        """
        arguments: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        write_id = uuid.uuid4().hex
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({"pk": pk, **attributes, "write_id": write_id}),
                ConditionExpression=condition,
                **arguments,
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return (self._get(pk) or {}).get("write_id") == write_id
        return True


def condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def to_item(document: Mapping[str, object]) -> Item:
    exact = json.loads(json.dumps(document), parse_float=Decimal)
    return {name: _to_dynamodb(value) for name, value in exact.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _native(_from_dynamodb(value)) for name, value in item.items()}


def _native(value: Any) -> Any:
    """Convert DynamoDB's numbers to int and float: a parameter that was sent as 0 must be read as 0, not as Decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _native(part) for name, part in value.items()}
    return [_native(part) for part in value] if isinstance(value, list) else value
