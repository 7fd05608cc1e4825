"""The submit queue and its dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashscribe.errors import DashscribeError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_ENTRIES_PER_CALL = 10


class SqsSubmitQueue:
    """`SubmitQueue`: a job that needs another turn goes through the same queue as a new upload."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def wake(self, job_ids: Sequence[str]) -> None:
        for start in range(0, len(job_ids), _ENTRIES_PER_CALL):
            reply = self._client.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": job_id, "MessageBody": json.dumps({"job_id": job_id})}
                    for job_id in job_ids[start : start + _ENTRIES_PER_CALL]
                ],
            )
            if reply.get("Failed"):
                raise DashscribeError(f"SQS refused {len(reply['Failed'])} messages: {reply['Failed'][0]['Code']}")


class SqsDeadLetters:
    """`DeadLetters`: at once, because no number of tries makes a broken message readable."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def bury(self, body: str, reason: str) -> None:
        self._client.send_message(
            QueueUrl=self._queue_url,
            MessageBody=body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:1000]}},
        )
