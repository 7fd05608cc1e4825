"""Processing one queue message so that its fault stays its own: it goes back to the queue, or to the dead-letter
queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from dashscribe.domain.jobs.job import Job
from dashscribe.errors import MalformedMessage, RecordUnreadable, StaleRecord
from dashscribe.observability import logger
from dashscribe.services.messages import RequeuedJob, is_requeued_job
from dashscribe.services.ports import DeadLetterQueue, JobRecords, Message
from dashscribe.services.submission.failed_runs import count_failed_run
from dashscribe.services.submission.report import NOTHING, SubmitReport

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processed(Generic[Value]):
    """What became of a message. `is_done`: it can be deleted. `value` is None unless its handler returned one."""

    value: Value | None
    is_done: bool
    report: SubmitReport = NOTHING


@dataclass(frozen=True)
class MessageInbox:
    """Runs a handler for one message and decides where the message goes."""

    dead_letter_queue: DeadLetterQueue
    records: JobRecords

    def process(self, message: Message, handle: Callable[[str], Value]) -> Processed[Value]:
        """Run `handle` with the message's body. An error affects this message only, never the others of its batch."""
        try:
            return Processed(handle(message.body), is_done=True)
        except MalformedMessage as error:
            return self._dead_letter(message, str(error))
        except RecordUnreadable as error:
            logger.error("message of an unreadable record", reason=str(error), message_id=message.message_id)
            return Processed(None, is_done=True)
        except StaleRecord:
            logger.info("another process is handling this job", message_id=message.message_id)
            return Processed(None, is_done=True)
        except Exception:
            logger.exception("message failed", message_id=message.message_id)
            if is_requeued_job(message.body):  # a new upload is requeued by the loop
                count_failed_run(self.records, json.loads(message.body)["job_id"])
            return self._returned(message)

    def _returned(self, message: Message) -> Processed[Value]:
        """Lambda must be told about a message that it delivered. One that we received ourselves returns by itself."""
        failed = [message.message_id] if message.receipt is None else []
        return Processed(None, is_done=False, report=SubmitReport(failed_message_ids=failed))

    def _dead_letter(self, message: Message, reason: str) -> Processed[Value]:
        """Send the message to the dead-letter queue at once: no retry makes it readable."""
        logger.error("message dead-lettered", reason=reason, message_id=message.message_id)
        try:
            self.dead_letter_queue.send(message.body, reason)
        except Exception:
            logger.exception("dead-letter queue refused a message", message_id=message.message_id)
            return self._returned(message)
        return Processed(None, is_done=True, report=SubmitReport(dead_lettered=1))


def find_requeued(message: RequeuedJob, records: JobRecords) -> Job:
    """The job that a requeue message names. Raises `MalformedMessage` when it does not exist."""
    job = records.find(message.job_id)
    if job is None:
        raise MalformedMessage(f"The message names the job {message.job_id!r}, which does not exist.")
    return job
