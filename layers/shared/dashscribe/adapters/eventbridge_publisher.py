"""Publish events on the stack's event bus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.domain.jobs.delay import Delay
from dashscribe.domain.jobs.events import (
    DELAYED,
    DETAIL_TYPES,
    SOURCE,
    Detail,
    delay_detail_of,
    detail_of,
    pause_detail,
    pause_detail_type,
)
from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.pause import Announcement
from dashscribe.errors import PublishFailed
from dashscribe.redaction import redact_signatures

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

_INVALID_CALL = "ValidationException"
_MAX_ENTRIES_PER_CALL = 10
_MAX_BYTES_PER_CALL = 250_000
"""All entries of a call may have 256 KB in total, and 1 MB in regions that have AWS's change of January 2026. The rest
is for the source and the detail-type, which count too. Ten ordinary events have 15 KB."""


@dataclass(frozen=True)
class _Event:
    """One entry of PutEvents. `name` identifies it in an error message."""

    name: str
    detail_type: str
    detail: str


class EventBridgePublisher:
    """`EventPublisher` on EventBridge."""

    def __init__(self, client: EventBridgeClient, bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        """Publish each job's current state. Raises `PublishFailed` with the jobs whose event was not accepted."""
        self._put([_Event(job.job_id, DETAIL_TYPES[job.status], _detail_json(detail_of(job, now))) for job in jobs])

    def publish_delay(self, job: Job, now: datetime) -> None:
        """Publish `Transcription Delayed`. Raises `PublishFailed` if the event was not accepted."""
        self._put([_Event(job.job_id, DELAYED, _detail_json(delay_detail_of(job, now)))])

    def announce(self, announcements: Sequence[Announcement]) -> None:
        """Publish that pauses began or ended. Raises `PublishFailed` if any event was not accepted."""
        self._put(
            [
                _Event(each.pause.reason, pause_detail_type(each), pause_detail(each).model_dump_json())
                for each in announcements
            ]
        )

    def _put(self, events: Sequence[_Event]) -> None:
        """Publish all events that EventBridge accepts. Raises `PublishFailed` with the names of the others.

        After a call without a reply the later calls are not made: they would take as long, and end in the same way.
        """
        refused: dict[str, str] = {}
        calls = list(_split_into_calls(events))
        for number, call in enumerate(calls):
            try:
                refused |= self._put_call(call)
            except (BotoCoreError, ClientError) as error:
                missing = [event.name for later in calls[number:] for event in later]
                raise PublishFailed(f"The call of EventBridge failed: {error}", [*refused, *missing]) from error
        if refused:
            reasons = ", ".join(f"{name}: {code}" for name, code in refused.items())
            raise PublishFailed(f"EventBridge refused {len(refused)} of {len(events)} events: {reasons}", refused)

    def _put_call(self, events: Sequence[_Event]) -> dict[str, str]:
        """Put the events in one call. Return the error code of each one that was refused, by its name.

        PutEvents returns HTTP 200 even if it refused entries, so each entry of its response is checked. One invalid
        entry makes it refuse the whole call, so the entries of an invalid call are put one by one.
        """
        entries: list[PutEventsRequestEntryTypeDef] = [
            {
                "EventBusName": self._bus_name,
                "Source": SOURCE,
                "DetailType": event.detail_type,
                "Detail": event.detail,
            }
            for event in events
        ]
        try:
            reply = self._client.put_events(Entries=entries)
        except ClientError as error:
            if error.response["Error"]["Code"] != _INVALID_CALL:
                raise
            if len(events) == 1:
                return {events[0].name: _INVALID_CALL}
            return {name: code for event in events for name, code in self._put_call([event]).items()}
        answered = zip(events, reply["Entries"], strict=True)
        return {event.name: entry["ErrorCode"] for event, entry in answered if entry.get("ErrorCode")}


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
        length = len(event.detail.encode())
        if chunk and (len(chunk) == _MAX_ENTRIES_PER_CALL or size + length > _MAX_BYTES_PER_CALL):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += length
    if chunk:
        yield chunk
