"""The submit queue, the queue of synchronous jobs, and the dead-letter queue."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from dashscribe.services.ports import DeadLetter, Message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_WAITING_MESSAGE_COUNTS: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
)

_MAX_RECEIVED_MESSAGES = 10
_REASON = "reason"
_HIDDEN_SECONDS = 60
"""How long a dead letter is received by nobody else. It is longer than a look at the queue takes."""


class SqsJobQueue:
    """`JobQueue` on SQS. A requeued job goes to the same queue as a new upload.

    Each job is sent by its own SendMessage. Requeues are rare, and the local emulator's IAM requires an action for
    SendMessageBatch that AWS does not have.
    """

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def requeue(self, job_id: str) -> None:
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps({"job_id": job_id}))


class SqsMessages:
    """`MessageSource` on SQS. Each message is deleted by its own DeleteMessage, for the same reason."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        reply = self._client.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(most, _MAX_RECEIVED_MESSAGES),
            WaitTimeSeconds=wait_seconds,
        )
        return [
            Message(message["MessageId"], message["Body"], message["ReceiptHandle"])
            for message in reply.get("Messages", [])
        ]

    def done(self, message: Message) -> None:
        self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message.receipt or "")


class SqsBackfillQueue:
    """`BackfillQueue` on the submit queue. Each upload is sent by its own SendMessage (0.40 USD for a million).

    The messages in the queue of synchronous jobs count too, because the submit function moves messages there at once.
    """

    def __init__(self, client: SQSClient, queue_url: str, synchronous_queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._urls = (queue_url, synchronous_queue_url)

    def backlog(self) -> int:
        replies = [
            self._client.get_queue_attributes(QueueUrl=url, AttributeNames=list(_WAITING_MESSAGE_COUNTS))
            for url in self._urls
        ]
        return sum(int(reply["Attributes"][name]) for reply in replies for name in _WAITING_MESSAGE_COUNTS)

    def send_upload(self, body: str, delay: timedelta) -> None:
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=body, DelaySeconds=int(delay.total_seconds()))


class SqsDeadLetterQueue:
    """`DeadLetterQueue` on SQS. A malformed message is sent there at once, because retries do not help."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, body: str, reason: str) -> None:
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={_REASON: {"DataType": "String", "StringValue": _replace_unprintable(reason[:1000])}},
        )


class SqsDeadLetterSource:
    """`DeadLetterSource` on SQS."""

    def __init__(self, client: SQSClient, queue_url: str, submit_queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._submit_queue_url = submit_queue_url

    def receive(self) -> list[DeadLetter]:
        reply = self._client.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MAX_RECEIVED_MESSAGES,
            MessageAttributeNames=[_REASON],
            VisibilityTimeout=_HIDDEN_SECONDS,
        )
        return [
            DeadLetter(
                message["MessageId"],
                message["Body"],
                message["ReceiptHandle"],
                has_reason=_REASON in message.get("MessageAttributes", {}),
            )
            for message in reply.get("Messages", [])
        ]

    def put_back(self, letter: DeadLetter) -> None:
        self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
        )

    def redrive(self, letter: DeadLetter) -> None:
        """Send it before it is deleted. A message that is sent twice finds the job of the first one."""
        self._client.send_message(QueueUrl=self._submit_queue_url, MessageBody=letter.body)
        self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=letter.receipt)


def _replace_unprintable(text: str) -> str:
    """Replace characters that SQS refuses. A reason may quote the message, which can have control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)
