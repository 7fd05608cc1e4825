"""The submit queue and its dead-letter queue."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters.sqs_queues import (
    SqsBackfillQueue,
    SqsDeadLetterQueue,
    SqsDeadLetterSource,
    SqsJobQueue,
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
