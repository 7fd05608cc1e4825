"""The submit queue and its dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters.sqs_queues import (
    SqsBackfillQueue,
    SqsDeadLetterQueue,
    SqsDeadLetterSource,
    SqsJobQueue,
    SqsMessages,
)
from dashscribe.services.messages import RequeuedJob
from dashscribe.services.upload_events import parse_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef


@pytest.fixture
def sqs(aws: None) -> SQSClient:
    return boto3.client("sqs")


@pytest.fixture
def queue_url(sqs: SQSClient) -> str:
    return sqs.create_queue(QueueName="q")["QueueUrl"]


def only_message(sqs: SQSClient, queue_url: str) -> MessageTypeDef:
    reply = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    [message] = reply["Messages"]
    return message


def test_a_requeued_job_is_a_message_that_the_submit_function_understands(sqs: SQSClient, queue_url: str) -> None:
    SqsJobQueue(sqs, queue_url).requeue("a" * 32)
    assert parse_message(only_message(sqs, queue_url)["Body"]) == RequeuedJob(job_id="a" * 32)


def test_a_missing_queue_is_an_error(sqs: SQSClient, queue_url: str) -> None:
    with pytest.raises(ClientError):
        SqsJobQueue(sqs, queue_url + "-gone").requeue("a")


@pytest.mark.parametrize("body", ["{", json.dumps({"key": "会议 😀"}, ensure_ascii=False), "x" * 10_000])
def test_a_malformed_message_is_dead_lettered_unchanged_with_the_reason(
    sqs: SQSClient, queue_url: str, body: str
) -> None:
    SqsDeadLetterQueue(sqs, queue_url).send(body, "The message is not JSON – 不是.")
    dead_lettered = only_message(sqs, queue_url)
    assert dead_lettered["Body"] == body
    assert dead_lettered["MessageAttributes"]["reason"]["StringValue"] == "The message is not JSON – 不是."


def test_a_long_reason_is_truncated(sqs: SQSClient, queue_url: str) -> None:
    SqsDeadLetterQueue(sqs, queue_url).send("body", "r" * 5000)
    assert only_message(sqs, queue_url)["MessageAttributes"]["reason"]["StringValue"] == "r" * 1000


def test_a_reason_that_sqs_refuses_is_made_printable(sqs: SQSClient, queue_url: str) -> None:
    SqsDeadLetterQueue(sqs, queue_url).send("body", "not JSON: \x00a\x0b会议\ud800")
    assert only_message(sqs, queue_url)["MessageAttributes"]["reason"]["StringValue"] == "not JSON: ?a?会议?"


def test_messages_are_taken_with_their_content_and_deleted_when_they_are_done(sqs: SQSClient, queue_url: str) -> None:
    sent = [sqs.send_message(QueueUrl=queue_url, MessageBody=f"body {number}") for number in range(3)]
    source = SqsMessages(sqs, queue_url)
    [first] = source.take(1, 0)
    others = source.take(100, 0)
    taken = {message.message_id: message.body for message in (first, *others)}
    assert taken == {reply["MessageId"]: f"body {number}" for number, reply in enumerate(sent)}
    assert source.take(10, 0) == []
    source.done(first)
    for message in others:
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=message.receipt or "", VisibilityTimeout=0)
    assert {message.message_id for message in source.take(10, 0)} == {message.message_id for message in others}


def test_messages_are_awaited_for_the_given_time(
    sqs: SQSClient, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[dict[str, Any]] = []

    def receive(**request: Any) -> dict[str, Any]:
        requests.append(request)
        return {}

    monkeypatch.setattr(sqs, "receive_message", receive)
    assert SqsMessages(sqs, queue_url).take(25, 3) == []
    assert [(each["MaxNumberOfMessages"], each["WaitTimeSeconds"]) for each in requests] == [(10, 3)]


def test_a_dead_letter_is_received_by_nobody_else_for_a_minute(
    sqs: SQSClient, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive_message: Callable[..., Any] = sqs.receive_message
    hidden: list[int] = []

    def receive(**request: Any) -> Any:
        hidden.append(request["VisibilityTimeout"])
        return receive_message(**request)

    monkeypatch.setattr(sqs, "receive_message", receive)
    for number in range(12):
        sqs.send_message(QueueUrl=queue_url, MessageBody=str(number))
    source = SqsDeadLetterSource(sqs, queue_url, queue_url)
    letters = source.receive()
    assert [len(letters), len(source.receive())] == [10, 2]
    assert set(hidden) == {60}
    assert len({letter.message_id for letter in letters}) == 10


def test_a_backfilled_upload_is_delayed_and_counts_as_waiting(sqs: SQSClient, queue_url: str) -> None:
    synchronous = sqs.create_queue(QueueName="synchronous")["QueueUrl"]
    queue = SqsBackfillQueue(sqs, queue_url, synchronous)
    assert queue.backlog() == 0
    queue.send_upload("now", timedelta(seconds=0.8))
    queue.send_upload("later", timedelta(minutes=12))
    assert queue.backlog() == 2
    sqs.send_message(QueueUrl=synchronous, MessageBody="handed over")
    assert queue.backlog() == 3
    assert only_message(sqs, queue_url)["Body"] == "now"


def test_dead_letters_of_our_own_are_distinguished_from_those_that_sqs_moved(sqs: SQSClient, queue_url: str) -> None:
    SqsDeadLetterQueue(sqs, queue_url).send("ours", "The message is not JSON.")
    sqs.send_message(QueueUrl=queue_url, MessageBody="moved")
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody="undelivered",
        MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}},
    )
    submit_queue_url = sqs.create_queue(QueueName="submit")["QueueUrl"]
    source = SqsDeadLetterSource(sqs, queue_url, submit_queue_url)
    letters = {letter.body: letter for letter in source.receive()}
    assert {body: letter.has_reason for body, letter in letters.items()} == {
        "ours": True,
        "moved": False,
        "undelivered": False,
    }
    assert source.receive() == []
    source.put_back(letters["ours"])
    source.redrive(letters["moved"])
    assert only_message(sqs, submit_queue_url)["Body"] == "moved"
    assert [letter.body for letter in source.receive()] == ["ours"]
