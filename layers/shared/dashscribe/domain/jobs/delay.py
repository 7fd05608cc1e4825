"""Jobs that make no progress that they should make: since when, and why.

The progress of a received job is a submission that the vendor accepts; that of a submitted job is the end of its task,
as long as its task can be queried; that of a job whose task has ended are its files. A job in the backlog and a job
whose task runs make progress.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.jobs.job import RESPONSE_LOST, Due, Job, Status, changed
from dashscribe.domain.jobs.timeouts import DELAYED_AFTER, LOST_MESSAGE_AFTER
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.domain.timestamps import Timestamp
from dashscribe.errors import ErrorClass

RATE_LIMITED = "RATE_LIMITED"
"""`last_error_code` of a job in the backlog. This is no error."""
RESULT_UNAVAILABLE = "RESULT_UNAVAILABLE"
"""Our error code for a result that cannot be downloaded."""
NOT_STORED = "INTERNAL_ERROR"
"""`last_error_code` of a job whose task has ended, and whose files our functions could not store."""
NOT_PROCESSED = "NOT_PROCESSED"
"""The reason of a delay when no error is recorded: no function has processed the job."""


class Delay(BaseModel):
    """Why a job is delayed, and since when it makes no progress. `code` is an error code of ours or of the vendor."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str
    message: str
    since: Timestamp = Field(description="since when the job makes no progress")


def stalled(job: Job, since: datetime, error_code: str | None = None) -> Job:
    """The job makes no progress since this time, unless it was stalled before."""
    if job.stalled_since is not None:
        return job
    return changed(job, stalled_since=since, last_error_code=error_code or job.last_error_code)


def after_change(job: Job, now: datetime) -> Job:
    """The same record, stalled from now on if it went back to waiting because of an error."""
    is_waiting = job.status in (Status.RECEIVED, Status.SUBMITTING)
    return stalled(job, now) if is_waiting and job.last_error_code not in (None, RATE_LIMITED) else job


def unanswered_since(job: Job) -> datetime:
    """Since when a job that the loop requeues waits for a function: its message was lost, or no function runs."""
    return max(job.received_at, (job.due_at or job.received_at) - LOST_MESSAGE_AFTER)


def result_unavailable(job: Job, now: datetime) -> Job:
    """The result could not be downloaded, and is downloaded again."""
    return stalled(changed(job, last_error_code=RESULT_UNAVAILABLE, result_retry_at=None), now)


def result_unreadable(job: Job, error_code: str, retry_at: datetime, now: datetime) -> Job:
    """What was downloaded is no transcript. It is downloaded again at this time."""
    tries = job.unreadable_results + 1
    read = changed(job, last_error_code=error_code, unreadable_results=tries, result_retry_at=retry_at)
    return stalled(read, now)


def delayed_from(job: Job) -> datetime | None:
    """When the event is due. None for a job that makes progress, has ended, or has the event already."""
    if job.is_terminal or job.delayed_at is not None or job.stalled_since is None:
        return None
    return job.stalled_since + DELAYED_AFTER


def is_delayed(job: Job, now: datetime) -> bool:
    due = delayed_from(job)
    return due is not None and due <= now


def reported(job: Job, now: datetime) -> Job:
    """The event is published. It is published once for each job."""
    return changed(job, delayed_at=now)


def delay_of(job: Job) -> Delay:
    """The reason of a stalled job. Raises `ValueError` for a job that is not stalled."""
    if job.stalled_since is None:
        raise ValueError("The job is not stalled.")
    code = job.last_error_code or NOT_PROCESSED
    return Delay(code=code, message=_message(job, code), since=job.stalled_since)


def _message(job: Job, code: str) -> str:
    is_probe = job.status is Status.RECEIVED and classify(code) is ErrorClass.ACCOUNT_WIDE
    if job.due_kind is Due.PAUSED or is_probe:
        return f"Submissions are paused ({code}). The file is submitted when the cause is over."
    if job.status is Status.SUBMITTED:
        return _message_about_task(code)
    if code == RESPONSE_LOST:
        return (
            "The response to the submission was lost. dashscribe queries DashScope's task list to find out whether "
            "DashScope accepted the file, before it submits the file again."
        )
    if code == NOT_PROCESSED:
        return "No function has processed the upload. The log of SubmitTranscriptionFunction shows the reason."
    if code == RATE_LIMITED:
        return "The file waits for a slot of its model's rate."
    if classify(code) is ErrorClass.THROTTLED:
        return (
            f"DashScope refuses the submission because of its rate ({code}). The file is submitted again for 24 hours."
        )
    return f"The last submission ended without a transcript ({code}). The file is submitted again."


def _message_about_task(code: str) -> str:
    if code == RESULT_UNAVAILABLE:
        return (
            "DashScope has transcribed the file, but its result cannot be downloaded. The download is repeated for as "
            "long as DashScope keeps the result, 24 hours."
        )
    if code == NOT_STORED:
        return (
            "DashScope has transcribed the file, but its result was not stored. The log of "
            "FinalizeTranscriptionFunction shows the reason."
        )
    return f"The task cannot be queried ({code}). The query is repeated."
