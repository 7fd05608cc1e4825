"""Queues, the event bus, the loop, and the profiles document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.pause import Announcement

if TYPE_CHECKING:
    from dashscribe.domain.recognition.profiles import Profiles


class Clock(Protocol):
    """The time, as an aware UTC datetime."""

    def __call__(self) -> datetime: ...


class ProfilesSource(Protocol):
    """The profiles parameter, at most a minute old. Raises `ProfilesUnreadable`."""

    def profiles(self) -> Profiles: ...


class EventPublisher(Protocol):
    """The event bus. Raises `PublishFailed`, and nothing else, unless every event was accepted."""

    def publish(self, jobs: Sequence[Job], now: datetime) -> None: ...

    def publish_delay(self, job: Job, now: datetime) -> None:
        """Publish `Transcription Delayed` for a stalled job."""

    def announce(self, announcements: Sequence[Announcement]) -> None:
        """Publish that pauses began or ended."""
        ...


@dataclass(frozen=True)
class Message:
    """A queue message. `receipt` is set when we received it ourselves, and not through Lambda's event source
    mapping."""

    message_id: str
    body: str
    receipt: str | None = None


class JobQueue(Protocol):
    """A queue of recorded jobs: the submit queue, or the queue of the synchronous models."""

    def requeue(self, job_id: str) -> None: ...


class MessageSource(Protocol):
    """The submit queue, for more messages than Lambda delivered."""

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        """Receive up to `most` messages (SQS returns at most 10), after waiting up to `wait_seconds` for the first."""
        ...

    def done(self, message: Message) -> None:
        """Delete a received message. A message that is not deleted is delivered again."""
        ...


class DeadLetterQueue(Protocol):
    """Where messages go that can never be processed."""

    def send(self, body: str, reason: str) -> None: ...


@dataclass(frozen=True)
class DeadLetter:
    """A message of the dead-letter queue. `has_reason`: we sent it there, because it can never be processed."""

    message_id: str
    body: str
    receipt: str
    has_reason: bool


class DeadLetterSource(Protocol):
    """The dead-letter queue, for what SQS and EventBridge moved there."""

    def receive(self) -> list[DeadLetter]:
        """Some messages, which no other call receives until they are put back."""
        ...

    def put_back(self, letter: DeadLetter) -> None: ...

    def redrive(self, letter: DeadLetter) -> None:
        """Move the message to the submit queue."""
        ...


class PollLoop(Protocol):
    """The loop. A wake-up signal that fails is only logged: the schedule starts the loop within a minute."""

    def send_wake_up(self) -> None: ...


class BackfillQueue(Protocol):
    """The submit queue, as a backfill uses it."""

    def backlog(self) -> int:
        """About how many messages wait in the queue, including delayed ones."""
        ...

    def send_upload(self, body: str, delay: timedelta) -> None:
        """Send a message that arrives after the delay (15 minutes at most)."""
        ...
