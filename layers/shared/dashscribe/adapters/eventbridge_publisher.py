"""Publish events on the stack's event bus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.domain.jobs.delay import Delay
from dashscribe.domain.jobs.events import DELAYED, DETAIL_TYPES, SOURCE, Detail, delay_detail_of, detail_of
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job
from dashscribe.errors import PublishFailed
from dashscribe.redaction import redact_signatures

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_MAX_ENTRIES_PER_CALL = 10
_MAX_BYTES_PER_CALL = 250_000
"""All entries of a call may have 256 KB in total. The rest is for the source and the detail-type, which count too."""

_Event = tuple[Job, str, str]
"""A job, the detail-type, and the detail as JSON."""


class EventBridgePublisher:
    """`EventPublisher` on EventBridge."""

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        """Publish each job's current state. Raises `PublishFailed` if any event was not accepted.

        PutEvents returns HTTP 200 even if it refused entries, so each entry of its response is checked.
        """
        self._publish([(job, DETAIL_TYPES[job.status], _detail_json(detail_of(job, now))) for job in jobs])

    def publish_delay(self, job: Job, now: datetime) -> None:
        self._publish([(job, DELAYED, _detail_json(delay_detail_of(job, now)))])

    def _publish(self, events: Sequence[_Event]) -> None:
        refused: list[str] = []
        for chunk in _split_into_calls(events):
            try:
                reply = self._client.put_events(
                    Entries=[
                        {
                            "EventBusName": self._bus_name,
                            "Source": SOURCE,
                            "DetailType": detail_type,
                            "Detail": detail,
                        }
                        for _, detail_type, detail in chunk
                    ]
                )
            except (BotoCoreError, ClientError) as error:
                raise PublishFailed(f"The call of EventBridge failed: {error}") from error
            refused += [
                f"{job.job_id}: {entry['ErrorCode']}"
                for (job, _, _), entry in zip(chunk, reply["Entries"], strict=True)
                if entry.get("ErrorCode")
            ]
        if refused:
            raise PublishFailed(f"EventBridge refused {len(refused)} of {len(events)} events: {', '.join(refused)}")


def _detail_json(detail: Detail) -> str:
    """The detail of the event. Its reason is redacted again: an older version stored the vendor's text unredacted."""
    reasons = {"error": detail.error, "delay": detail.delay}
    redacted = {name: _redacted(reason) for name, reason in reasons.items() if reason is not None}
    return detail.model_copy(update=redacted).model_dump_json()


def _redacted(reason: Failure | Delay) -> Failure | Delay:
    code, message = redact_signatures(reason.code), redact_signatures(reason.message)
    return reason.model_copy(update={"code": code, "message": message})


def _split_into_calls(events: Iterable[_Event]) -> Iterator[list[_Event]]:
    """Split the events into calls, each within the limits on entries and bytes."""
    chunk: list[_Event] = []
    size = 0
    for event in events:
        length = len(event[2].encode())
        if chunk and (len(chunk) == _MAX_ENTRIES_PER_CALL or size + length > _MAX_BYTES_PER_CALL):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += length
    if chunk:
        yield chunk
