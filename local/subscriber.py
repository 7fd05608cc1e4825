"""A subscriber: a rule on the event bus that sends events to a queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dashscribe.domain.jobs.events import PAUSED, RESUMED
from local.stack import StackInfo


class Subscriber:
    """Receives every event of one source from one bus; by default those of dashscribe from the stack's bus.

    `pauses` has the events about pauses, which name no upload.
    """

    def __init__(
        self, info: StackInfo, name: str = "local-subscriber", *, bus: str = "", source: str = "dashscribe"
    ) -> None:
        self.pauses: list[dict[str, Any]] = []
        self._sqs = info.client("sqs")
        self._events = info.client("events")
        bus = bus or info.outputs["EventBusName"]
        self.queue_url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        rule = self._events.put_rule(
            Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [source]}), State="ENABLED"
        )
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule["RuleArn"]}},
                }
            ],
        }
        self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"Policy": json.dumps(policy)})
        self._events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def receive(self, wait_seconds: int = 1) -> Iterator[dict[str, Any]]:
        """Receive and delete the waiting events; wait at most `wait_seconds` for the first one. Return those that are
        not about a pause."""
        reply = self._sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
        for message in reply.get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail-type"] in (PAUSED, RESUMED):
                self.pauses.append(event)
            else:
                yield event
            self._sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
