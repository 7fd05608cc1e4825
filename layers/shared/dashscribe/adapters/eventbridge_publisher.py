"""The bus that subscribers listen on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.domain.events import DETAIL_TYPES, SOURCE, detail_of
from dashscribe.domain.job import Job
from dashscribe.errors import PublishFailed

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_ENTRIES_PER_CALL = 10


class EventBridgePublisher:
    """`EventPublisher` on EventBridge."""

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        """Publish each job's present state. PutEvents answers 200 even when it refused entries: each is looked at."""
        refused: list[str] = []
        for start in range(0, len(jobs), _ENTRIES_PER_CALL):
            chunk = jobs[start : start + _ENTRIES_PER_CALL]
            try:
                reply = self._client.put_events(
                    Entries=[
                        {
                            "EventBusName": self._bus_name,
                            "Source": SOURCE,
                            "DetailType": DETAIL_TYPES[job.status],
                            "Detail": detail_of(job, now).model_dump_json(),
                        }
                        for job in chunk
                    ]
                )
            except (BotoCoreError, ClientError) as error:
                raise PublishFailed(f"EventBridge did not answer: {error}") from error
            refused += [
                f"{job.job_id}: {entry['ErrorCode']}"
                for job, entry in zip(chunk, reply["Entries"], strict=True)
                if entry.get("ErrorCode")
            ]
        if refused:
            raise PublishFailed(f"EventBridge refused {len(refused)} of {len(jobs)} events: {', '.join(refused)}")
