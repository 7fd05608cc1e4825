"""The messages that functions receive from queues: our own message about a job, and the shape of a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, ValidationError

from dashscribe.domain.json_object import JsonObject
from dashscribe.errors import MalformedMessage
from dashscribe.services.ports import Message


class RequeuedJob(BaseModel):
    """Our own message: a recorded job is requeued."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    job_id: str


def is_requeued_job(body: str) -> bool:
    """Whether a body looks like our own message, without parsing it."""
    return body.startswith('{"job_id"')


def parse_object(body: str) -> JsonObject:
    """Parse the JSON object of a message. Raises `MalformedMessage`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedMessage("The message is not JSON.") from None
    if not isinstance(document, dict):
        raise MalformedMessage("The message is JSON, but no object.")
    return document


def parse_requeued_job(body: str) -> RequeuedJob:
    """Read a message of the synchronous queue. Raises `MalformedMessage` with a sentence that says what is wrong."""
    try:
        return RequeuedJob.model_validate(parse_object(body))
    except ValidationError:
        raise MalformedMessage(
            'The message is not {"job_id": "…"}; the synchronous queue takes only our own messages.'
        ) from None


class SqsRecord(TypedDict):
    messageId: str
    body: str


class SqsEvent(TypedDict):
    """What Lambda receives from a queue."""

    Records: list[SqsRecord]


class FailedItem(TypedDict):
    itemIdentifier: str


class PartialBatchResponse(TypedDict):
    """What the function returns to Lambda: only these messages return to the queue."""

    batchItemFailures: list[FailedItem]


def messages_in(event: SqsEvent) -> list[Message]:
    return [Message(record["messageId"], record["body"]) for record in event["Records"]]


def partial_failure(message_ids: Sequence[str]) -> PartialBatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}
