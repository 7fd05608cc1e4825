"""`make redrive`: moves messages from the dead-letter queue back to their queues.

It receives, sends and deletes each message itself, because MiniStack does not implement SQS's StartMessageMoveTask. A
message that is moved twice does no harm: the second one finds the job of the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from local.target import Target

RECEIVE_WAIT_SECONDS = 3
"""A long poll asks all of SQS's servers; without it some messages are missed."""
HIDDEN_SECONDS = 120
"""How long a received message stays hidden: longer than this command handles ten of them."""
MAX_SHOWN_CHARACTERS = 200


def run(target: Target, *, dry_run: bool = False, say: Callable[[str], None] = print) -> int:
    """Move every message that can be processed; 1 when some can never be.

    A message with the attribute `reason` is not moved: the submit function put it there because it is not readable.
    """
    sqs = target.client("sqs")
    source = target.output("SubmitDeadLetterQueueUrl")
    moved = unreadable = 0
    kept: list[str] = []
    for message in _received(sqs, source):
        reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
        if reason is not None:
            unreadable += 1
            say(f"not moved: {reason} {message['Body'][:MAX_SHOWN_CHARACTERS]}")
        elif dry_run:
            moved += 1
            say(f"would be moved: {message['Body'][:MAX_SHOWN_CHARACTERS]}")
        if reason is not None or dry_run:
            kept.append(message["ReceiptHandle"])
            continue
        sqs.send_message(QueueUrl=queue_of(message, target), MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    for receipt in kept:
        sqs.change_message_visibility(QueueUrl=source, ReceiptHandle=receipt, VisibilityTimeout=0)
    say(f"{'would be moved' if dry_run else 'moved'}: {moved}, can never be processed and not moved: {unreadable}")
    return 1 if unreadable else 0


def _received(sqs: Any, queue_url: str) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    while True:
        reply = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=RECEIVE_WAIT_SECONDS,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        )
        messages = [message for message in reply.get("Messages", []) if message["MessageId"] not in seen]
        if not messages:
            return
        seen.update(message["MessageId"] for message in messages)
        yield from messages


def queue_of(message: dict[str, Any], target: Target) -> str:
    """The queue where the message came from. AWS stores its ARN in the message; MiniStack does not. The submit queue
    is right in that case too: its function forwards the jobs of synchronous models."""
    arn = message.get("Attributes", {}).get("DeadLetterQueueSourceArn", "")
    name = arn.rpartition(":")[2]
    synchronous = target.output("SynchronousQueueUrl")
    return synchronous if name and synchronous.endswith(f"/{name}") else target.output("SubmitQueueUrl")
