"""Messages that SQS or EventBridge moved to the dead-letter queue: their uploads are recorded, so that they end.

A message that we sent there ourselves has a reason, and stays. Any other was not processed because a function or the
table did not work for hours. Its record brings the job back, and the job ends with a terminal event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashscribe.errors import MalformedMessage, RecordUnreadable
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, DeadLetter, DeadLetterQueue, DeadLetterSource
from dashscribe.services.uploads import UploadRecorder

CHECK_EVERY = timedelta(minutes=5)
"""Between two looks at the queue. An idle month needs 8,640 requests, which cost less than a cent."""
MAX_RECEIVES = 20
"""Receives of one look, of ten messages each: the messages that stay there must not hide the others."""


@dataclass
class DeadLetterRecovery:
    """Looks at the queue now and then. The time of the last look is kept by the process only."""

    source: DeadLetterSource
    dead_letters: DeadLetterQueue
    uploads: UploadRecorder
    clock: Clock
    looked_at: datetime | None = field(default=None)

    def run(self) -> int:
        """Recover messages, if it is time to look, and return how many were recorded."""
        now = self.clock()
        if self.looked_at is not None and now - self.looked_at < CHECK_EVERY:
            return 0
        self.looked_at = now
        recovered, kept = 0, list[DeadLetter]()
        for _ in range(MAX_RECEIVES):
            received = self.source.receive()
            for letter in received:
                if letter.has_reason or not self._recovered(letter):
                    kept.append(letter)
                else:
                    recovered += 1
            if not received:
                break
        for letter in kept:
            self.source.put_back(letter)
        return recovered

    def _recovered(self, letter: DeadLetter) -> bool:
        """Whether the message is no longer in the queue. An error affects this message only."""
        try:
            try:
                job = self.uploads.record(letter.body)
                logger.warning("dead letter recovered", job_id=job.job_id if job else None)
            except MalformedMessage as error:
                self.dead_letters.send(letter.body, str(error))
            except RecordUnreadable as error:
                logger.error("message of an unreadable record", reason=str(error), message_id=letter.message_id)
            self.source.remove(letter)
        except Exception:
            logger.exception("dead letter not recovered", message_id=letter.message_id)
            return False
        return True
