"""Items of the jobs table: reading, conditional writing, and the conversion to and from DynamoDB's attribute values."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from dashscribe.errors import ItemsNotRead, StaleRecord

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dashscribe.domain.jobs.job import Job
    from dashscribe.domain.jobs.task import Task
    from dashscribe.domain.recognition.vocabulary import Vocabulary

Revised = TypeVar("Revised", "Job", "Task", "Vocabulary")
"""A record whose `revision` counts its writes."""

_BATCH_GET_LIMIT = 100
_BATCH_GET_ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.025, 1.0
"""Seconds. All attempts together wait at most 3.6 s."""

JOB_TASK_ID = "job_task_id"
"""The name under which the `task_id` of a job is stored. The index projects the `task_id` of tasks. Under that name, a
submitted job would have to be written to the index again."""

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

    def _get_many(self, pks: Iterable[str]) -> dict[str, Item]:
        """Strongly consistent reads of the items that exist, by key. A key may occur twice.

        DynamoDB leaves out items when it is throttled, or when they exceed 16 MB together. They are requested again,
        with growing waits, and `ItemsNotRead` is raised when the last request leaves out some too.
        """
        keys = list(dict.fromkeys(pks))  # BatchGetItem refuses a key that occurs twice
        found: dict[str, Item] = {}
        for start in range(0, len(keys), _BATCH_GET_LIMIT):
            pending: Any = [{"pk": {"S": pk}} for pk in keys[start : start + _BATCH_GET_LIMIT]]
            for attempt in range(_BATCH_GET_ATTEMPTS):
                if attempt:
                    time.sleep(random.uniform(0.5, 1) * min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt))  # noqa: S311
                reply = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": pending, "ConsistentRead": True}}
                )
                found |= {item["pk"]["S"]: item for item in reply["Responses"].get(self._table, [])}
                unprocessed = reply.get("UnprocessedKeys") or {}
                if self._table not in unprocessed:
                    break
                pending = unprocessed[self._table]["Keys"]
            else:
                raise ItemsNotRead(f"DynamoDB left out {len(pending)} of {len(keys)} items.")
        return found

    def _put(self, pk: str, attributes: Mapping[str, object]) -> None:
        self._client.put_item(TableName=self._table, Item=to_item({"pk": pk, **attributes}))

    def _put_if(self, pk: str, attributes: Mapping[str, object], condition: str, **values: Mapping[str, str]) -> bool:
        """Write the item if `condition` holds. False, and nothing is written, when it does not.

        `values` are the attribute values that the condition names: `seen` is `:seen`.

        The SDK repeats a write whose response was lost, and the repeated write fails on its own first one. So after a
        failed condition the item is read back: with our `write_id` it is our write, and it succeeded.
        """
        named = {f":{name}": value for name, value in values.items()}
        arguments: dict[str, Any] = {"ExpressionAttributeValues": named} if named else {}
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

    def _put_revision(self, pk: str, record: Revised, *, is_new: bool) -> Revised:
        """Write a record over the revision that was read, and return the written record (optimistic locking).

        Raises `StaleRecord` when another process wrote the record first.
        """
        following = record.model_copy(update={"revision": record.revision + 1})
        attributes = attributes_of(following)
        if is_new:
            is_written = self._put_if(pk, attributes, "attribute_not_exists(pk)")
        else:
            is_written = self._put_if(pk, attributes, "revision = :seen", seen={"N": str(record.revision)})
        if not is_written:
            raise StaleRecord(f"{pk} was changed by another process.")
        return following


def attributes_of(record: Job | Task | Vocabulary) -> dict[str, object]:
    """The fields of a record that differ from their default, and its revision.

    An absent `due_kind` keeps the item out of the index. Without defaults most jobs have less than 1 KB, which is one
    write unit. A default of a stored field must not change (tests/unit/domain/jobs/test_stored_defaults.py).
    """
    stored = record.model_dump(mode="json", exclude_defaults=True)
    if "job_id" in stored and "task_id" in stored:
        stored[JOB_TASK_ID] = stored.pop("task_id")
    return {**{name: value for name, value in stored.items() if value is not None}, "revision": record.revision}


def condition_failed(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def to_item(document: Mapping[str, object]) -> Item:
    """Convert a JSON document. boto3's serializer accepts no float, and takes four times as long."""
    return {name: _to_dynamodb(value) for name, value in document.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an item to a JSON document. A job has its `task_id` again."""
    document = {name: _from_dynamodb(value) for name, value in item.items()}
    if JOB_TASK_ID in document:
        document["task_id"] = document.pop(JOB_TASK_ID)
    return document


def _to_dynamodb(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, Mapping):
        return {"M": to_item(value)}
    if isinstance(value, list | tuple):
        return {"L": [_to_dynamodb(part) for part in value]}
    raise TypeError(f"DynamoDB cannot store a value of the type {type(value).__name__}.")


def _from_dynamodb(typed: Mapping[str, Any]) -> Any:
    [(kind, value)] = typed.items()
    match kind:
        case "N":
            return _number(value)
        case "NULL":
            return None
        case "M":
            return from_item(value)
        case "L":
            return [_from_dynamodb(part) for part in value]
        case _:
            return value


def _number(text: str) -> int | float:
    """A parameter that was sent as 0 must be read as 0. DynamoDB returns 1.0 as 1, and may return 100 as 1E+2."""
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else float(exact)
