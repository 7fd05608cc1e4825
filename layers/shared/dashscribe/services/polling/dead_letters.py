"""Redriving the messages that SQS or EventBridge moved to the dead-letter queue, so that their uploads end.

A message that we sent there ourselves has a reason, and stays. Any other was not processed because a function or the
table did not work for hours. In the submit queue it is recorded as a job, and the job ends with a terminal event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashscribe.observability import logger
from dashscribe.services.ports import Clock, DeadLetter, DeadLetterSource

CHECK_EVERY = timedelta(minutes=5)
"""Between two looks at the queue. An idle month needs 8,640 requests, which cost less than a cent."""
MAX_RECEIVES = 20
"""Receives of one look, of ten messages each: the messages that stay there must not hide the others."""


@dataclass
class DeadLetterRedriver:
    """Looks at the queue now and then. The time of the last look is kept by the process only."""

    source: DeadLetterSource
    clock: Clock
    looked_at: datetime | None = field(default=None)

    def run(self) -> int:
        """Redrive messages, if it is time to look, and return how many."""
        now = self.clock()
        if self.looked_at is not None and now - self.looked_at < CHECK_EVERY:
            return 0
        self.looked_at = now
        redriven, kept = 0, list[DeadLetter]()
        for _ in range(MAX_RECEIVES):
            received = self.source.receive()
            for letter in received:
                if letter.has_reason or not self._is_redriven(letter):
                    kept.append(letter)
                else:
                    redriven += 1
            if not received:
                break
        for letter in kept:
            self.source.put_back(letter)
        return redriven

    def _is_redriven(self, letter: DeadLetter) -> bool:
        """An error affects this message only: it stays for the next look."""
        try:
            self.source.redrive(letter)
        except Exception:
            logger.exception("dead letter not redriven", message_id=letter.message_id)
            return False
        logger.warning("dead letter redriven", message_id=letter.message_id)
        return True
