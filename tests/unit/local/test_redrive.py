"""`make redrive`: messages go back to their queue; those that are not readable stay."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from local import redrive
from local.target import Target


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(redrive, "RECEIVE_WAIT_SECONDS", 0)
    with mock_aws():
        sqs = boto3.client("sqs")
        names = {"SubmitQueueUrl": "submit", "SynchronousQueueUrl": "synchronous", "SubmitDeadLetterQueueUrl": "dead"}
        outputs = {output: sqs.create_queue(QueueName=name)["QueueUrl"] for output, name in names.items()}
        yield sqs, Target(lambda _: sqs, outputs, {})


def bodies(sqs: Any, queue_url: str) -> list[str]:
    reply = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return sorted(message["Body"] for message in reply.get("Messages", []))


def fill(sqs: Any, target: Target, count: int) -> None:
    dead = target.output("SubmitDeadLetterQueueUrl")
    for number in range(count):
        sqs.send_message(QueueUrl=dead, MessageBody=f"{number}")
    reason = {"reason": {"DataType": "String", "StringValue": "The message is not JSON."}}
    sqs.send_message(QueueUrl=dead, MessageBody="{broken", MessageAttributes=reason)


def test_readable_messages_go_back_and_unreadable_ones_stay_with_their_reason(queues: tuple[Any, Target]) -> None:
    sqs, target = queues
    fill(sqs, target, 9)
    said: list[str] = []
    assert redrive.run(target, say=said.append) == 1
    assert bodies(sqs, target.output("SubmitQueueUrl")) == [str(number) for number in range(9)]
    assert bodies(sqs, target.output("SubmitDeadLetterQueueUrl")) == ["{broken"]
    assert said == [
        "not moved: The message is not JSON. {broken",
        "moved: 9, can never be processed and not moved: 1",
    ]


def test_a_dry_run_shows_the_messages_and_moves_none(queues: tuple[Any, Target]) -> None:
    sqs, target = queues
    fill(sqs, target, 2)
    said: list[str] = []
    redrive.run(target, dry_run=True, say=said.append)
    assert "would be moved: 0" in said
    assert bodies(sqs, target.output("SubmitQueueUrl")) == []
    assert len(bodies(sqs, target.output("SubmitDeadLetterQueueUrl"))) == 3


def test_a_message_of_the_synchronous_queue_goes_back_there(queues: tuple[Any, Target]) -> None:
    _, target = queues
    source = {"Attributes": {"DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:123456789012:synchronous"}}
    assert redrive.queue_of(source, target) == target.output("SynchronousQueueUrl")
    assert redrive.queue_of({}, target) == target.output("SubmitQueueUrl")
