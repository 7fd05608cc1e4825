"""A job: one uploaded object version on its way to exactly one terminal state.

    RECEIVED ──claim──▶ SUBMITTING ──answered──▶ SUBMITTED ──result stored──▶ SUCCEEDED
       ▲ │                  │                        │
       │ └──refused─────────┼────────────────────────┼──────────────────────▶ FAILED
       └─────deferred / resubmitted──────────────────┘

Every function here takes a record and the time and gives the next record; writing it, only if nobody else was faster,
is `services.ports.JobStore`. `due_at` is the promise that nothing is forgotten: the poll loop looks at every record
whose time has come, and a terminal record stays due until its event is out.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.jobs.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.timestamps import Timestamp
from dashscribe.domain.transcripts.result_files import ResultFolder
from dashscribe.errors import ErrorClass

MAX_RESUBMISSIONS = 3
"""docs/architecture.md#fixed-interfaces: at most 3 resubmissions of one file."""
MAX_AMBIGUOUS_SUBMISSIONS = 1
"""A POST whose answer was lost is repeated once, and no more: it may have been accepted, and paid for, each time."""
MAX_FAILED_ATTEMPTS = 25
"""Vendor errors in a row before a submission is given up; with `retry_delay` that is about three hours."""
MAX_REJECTED_ATTEMPTS = 5
"""The same for a 4xx that the table of codes does not know: about a minute."""
MAX_REQUEUES = 20
"""How often a job is queued without any progress before it fails: half an hour with `LOST_MESSAGE_AFTER`."""
RECONCILE_AFTER = timedelta(seconds=10)
"""When the vendor is asked what became of a POST whose answer was lost, and how long between such questions."""
LIST_COMPLETE_AFTER = timedelta(seconds=30)
"""A new task may take a moment to appear in the vendor's list; before this its absence proves nothing."""
RECONCILE_WITHIN = timedelta(minutes=10)
"""How long that is tried before the file is submitted again without knowing."""
TASK_LIST_WINDOW = timedelta(hours=23)
"""After this a task may have left the vendor's list, which goes back 24 hours (docs/vendor-api.md#task-list)."""
CLAIM_LASTS = timedelta(seconds=90)
"""Longer than the submit function can run, so that an expired claim means its owner is dead."""
CALL_CLAIM_LASTS = timedelta(seconds=390)
"""The same for the function that calls the synchronous models."""
HANDED_OVER_LOST_AFTER = timedelta(minutes=30)
"""When a job in the queue of the synchronous models, which is worked off one call at a time, is put there again."""
LOST_MESSAGE_AFTER = timedelta(seconds=100)
"""When a recorded job that nobody claimed is put into the queue again."""
PUBLISH_AGAIN_AFTER = timedelta(seconds=30)
"""How long between tries to publish an end that EventBridge did not take."""
TASK_SAFETY_NET = timedelta(hours=6)
"""When a submitted job is looked at although its task should have taken care of it."""
KEEP_RECORDS = timedelta(days=30)
"""After the end. What came of a job is in its job.json for as long as the bucket keeps it."""


class Status(StrEnum):
    """Where a job is."""

    RECEIVED = "RECEIVED"
    SUBMITTING = "SUBMITTING"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED})


class Due(StrEnum):
    """Which of the loop's lists a record is on."""

    TASK = "TASK"  # a task to ask the vendor about
    JOB = "JOB"  # a job that needs a push
    RATE_LIMITED = "RATE_LIMITED"  # a job that waits for the model's rate, in the order of arrival
    PARKED = "PARKED"  # a job that waits for the account-wide gate or the profiles document


class Failure(BaseModel):
    """Why a job failed, as its event says it."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    category: str


def failure(code: str, message: str, error_class: ErrorClass = ErrorClass.PERMANENT) -> Failure:
    return Failure(code=code, message=message, category=error_class.value)


class AudioFacts(BaseModel):
    """What the transcript says of the audio. None where the model does not tell."""

    model_config = ConfigDict(frozen=True)

    duration_ms: int | None
    speech_ms: int | None
    channels: list[int]


class Usage(BaseModel):
    """What the vendor bills for one file. `estimated_cost_usd` is list price × seconds."""

    model_config = ConfigDict(frozen=True)

    billed_seconds: int | None
    estimated_cost_usd: float | None


class Job(BaseModel):
    """One record of the jobs table (`pk` = `JOB#<job_id>`). `revision` counts its writes.

    `model` is the one whose turn it waited for last: the index has it, so that a line can be told from another.
    """

    model_config = ConfigDict(frozen=True)

    job_id: str
    revision: int = 0
    status: Status
    media: Media
    options: Options | None = None
    submission_id: str | None = None
    claimed_until: Timestamp | None = None
    task_id: str | None = None
    attempts: int = 0
    single_file_task: bool = False
    failed_attempts: int = 0
    ambiguous_submissions: int = 0
    last_error_code: str | None = None
    model: str | None = None
    uploaded_at: Timestamp
    received_at: Timestamp
    submitted_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    published_at: Timestamp | None = None
    requeues: int = 0
    result: ResultFolder | None = None
    audio: AudioFacts | None = None
    usage: Usage | None = None
    warnings: list[str] = Field(default_factory=list)
    failure: Failure | None = None
    due_kind: Due | None = None
    due_at: Timestamp | None = None
    expires_at: int | None = None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_finished(self) -> bool:
        """Terminal, and everybody has been told."""
        return self.is_terminal and self.published_at is not None


def receive(job_id: str, media: Media, uploaded_at: datetime, now: datetime) -> Job:
    """A new record. It is due soon, in case whoever made it dies before it is claimed."""
    return Job(
        job_id=job_id,
        status=Status.RECEIVED,
        media=media,
        uploaded_at=uploaded_at,
        received_at=now,
        due_kind=Due.JOB,
        due_at=now + LOST_MESSAGE_AFTER,
    )


def _changed(job: Job, **changes: object) -> Job:
    return Job.model_validate({**job.model_dump(), **changes})


def with_options(job: Job, options: Options) -> Job:
    """The options are decided once; a later change of the profiles does not touch a job that is on its way."""
    return _changed(job, options=options.model_dump())


def can_be_claimed(job: Job, now: datetime) -> bool:
    """Whether a submission may take this job now: it waits, or whoever took it is dead."""
    if job.status is Status.RECEIVED:
        return True
    return job.status is Status.SUBMITTING and job.claimed_until is not None and job.claimed_until <= now


def handed_over(job: Job, now: datetime) -> Job:
    """It waits in the queue of the synchronous models, for as long as the others before it take."""
    return _changed(job, requeues=0, due_kind=Due.JOB, due_at=now + HANDED_OVER_LOST_AFTER)


def fallen_back(job: Job, error_code: str, now: datetime) -> Job:
    """Too large or too long for its synchronous model: on with the asynchronous one that its profile names."""
    if job.options is None:
        raise ValueError("a job without options has no fallback")
    return with_options(resubmit(job, error_code, now), job.options.with_fallback_model())


def claim(job: Job, submission_id: str, now: datetime, lasts: timedelta = CLAIM_LASTS) -> Job:
    """Take the job for one submission. Only one claimer can win the write.

    A due time that lies behind the claim's end stays: to move it is two writes of the index, for every file.
    """
    until = now + lasts
    stays = job.due_kind is Due.JOB and job.due_at is not None and until <= job.due_at <= until + LOST_MESSAGE_AFTER
    return _changed(
        job,
        status=Status.SUBMITTING,
        submission_id=submission_id,
        claimed_until=until,
        due_kind=Due.JOB,
        due_at=job.due_at if stays else until,
    )


def submitted(job: Job, task_id: str | None, now: datetime) -> Job:
    """The vendor accepted the file; from here its task, if it has one, looks after it."""
    return _changed(
        job,
        status=Status.SUBMITTED,
        task_id=task_id,
        attempts=job.attempts + 1,
        failed_attempts=0,
        requeues=0,
        submitted_at=now,
        last_error_code=None,
        due_kind=Due.JOB,
        due_at=now + TASK_SAFETY_NET,
    )


def retry_delay(tries: int) -> timedelta:
    """Exponential, 2 s to 10 min, with full jitter above half: a herd of waiting files does not come back as one."""
    ceiling = min(600.0, 2.0 * 2.0 ** min(tries, 20))
    return timedelta(seconds=random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret


def defer(job: Job, error_code: str, now: datetime, *, delay: timedelta | None = None, counts: bool = True) -> Job:
    """Back to waiting, to be submitted again later. `counts`: this was a vendor error, not just our turn not coming."""
    tries = job.failed_attempts + (1 if counts else 0)
    return _changed(
        job,
        status=Status.RECEIVED,
        submission_id=None,
        failed_attempts=tries,
        requeues=0,
        last_error_code=error_code,
        due_kind=Due.JOB,
        due_at=now + (delay if delay is not None else retry_delay(tries)),
    )


def max_attempts_for(http_status: int | None) -> int:
    """How often a refused submission is tried. A 4xx is about the request, and will hardly change its mind."""
    return MAX_REJECTED_ATTEMPTS if http_status is not None and 400 <= http_status < 500 else MAX_FAILED_ATTEMPTS


def park(job: Job, reason: str) -> Job:
    """Wait, without a time of its own, until the account works again or the profiles can be read."""
    return _changed(
        job,
        status=Status.RECEIVED,
        submission_id=None,
        requeues=0,
        last_error_code=reason,
        due_kind=Due.PARKED,
        due_at=job.received_at,
    )


def rate_limited(job: Job) -> Job:
    """Stand in line: the model's rate is used up for now. Nothing went wrong, so nothing is counted."""
    return _changed(
        job,
        status=Status.RECEIVED,
        submission_id=None,
        requeues=0,
        last_error_code="RATE_LIMITED",
        model=job.options.model if job.options else None,
        due_kind=Due.RATE_LIMITED,
        due_at=job.received_at,
    )


def response_lost(job: Job, now: datetime, most: int = MAX_AMBIGUOUS_SUBMISSIONS) -> Job:
    """The POST went out and nothing came back. Submit again, `most` times; then the user must hear of it."""
    if job.ambiguous_submissions >= most:
        times = job.ambiguous_submissions + 1
        return fail(
            job,
            failure(
                "SUBMISSION_UNCONFIRMED",
                f"DashScope's answer to the submission was lost {'twice' if times == 2 else f'{times} times'}. "
                "It may have accepted (and billed) the file; it was not submitted again. "
                "Upload the file again to try once more.",
                ErrorClass.RETRYABLE,
            ),
            now,
        )
    lost = _changed(job, ambiguous_submissions=job.ambiguous_submissions + 1)
    return defer(lost, "RESPONSE_LOST", now)


def await_reconciliation(job: Job, now: datetime) -> Job:
    """The POST's answer was lost: find out first whether it was accepted, before anything is submitted again."""
    return _changed(
        job,
        last_error_code="RESPONSE_LOST",
        requeues=0,
        claimed_until=now,
        due_kind=Due.JOB,
        due_at=now + RECONCILE_AFTER,
    )


def resubmit(job: Job, error_code: str, now: datetime, *, single_file_task: bool = False) -> Job:
    """Submit the same file again with a fresh URL: the last task is over and has not transcribed it."""
    return _changed(
        job,
        status=Status.RECEIVED,
        submission_id=None,
        task_id=None,
        single_file_task=job.single_file_task or single_file_task,
        requeues=0,
        last_error_code=error_code,
        due_kind=Due.JOB,
        due_at=now,
    )


def may_be_resubmitted(job: Job) -> bool:
    return job.attempts <= MAX_RESUBMISSIONS


def succeed(
    job: Job,
    result: ResultFolder,
    audio: AudioFacts,
    usage: Usage,
    warnings: list[str],
    completed_at: datetime,
    now: datetime,
) -> Job:
    """Everything is stored, and the event still has to go out.

    Due at once, unless it has a task: that comes back until its files are told of, and the due time stays as it is,
    which saves two writes of the index for every file.
    """
    return _changed(
        job,
        status=Status.SUCCEEDED,
        result=result.model_dump(),
        audio=audio.model_dump(),
        usage=usage.model_dump(),
        warnings=warnings,
        completed_at=completed_at,
        failure=None,
        due_kind=Due.JOB,
        due_at=job.due_at if job.task_id and job.due_at else now,
    )


def fail(job: Job, why: Failure, now: datetime, completed_at: datetime | None = None) -> Job:
    """The end without a transcript. Due at once: the event still has to go out."""
    return _changed(
        job,
        status=Status.FAILED,
        failure=why.model_dump(),
        completed_at=completed_at,
        due_kind=Due.JOB,
        due_at=now,
    )


def is_unpublished_success(job: Job) -> bool:
    """Stored, and its event not out: the finalizer died in between, or EventBridge refused."""
    return job.status is Status.SUCCEEDED and not job.is_finished


def give_up(job: Job, now: datetime) -> Job:
    """Something in our own system is broken for this file; the user must hear of it all the same."""
    return fail(
        job,
        failure(
            "INTERNAL_ERROR",
            f"dashscribe could not handle this file (last error: {job.last_error_code or 'none recorded'}). "
            "The logs of the functions have the reason under this job_id; upload the file again once it is mended.",
            ErrorClass.RETRYABLE,
        ),
        now,
    )


def published(job: Job, now: datetime) -> Job:
    """The terminal event is out. The record rests until it expires."""
    return _changed(job, published_at=now, due_kind=None, due_at=None, expires_at=int((now + KEEP_RECORDS).timestamp()))


def requeued(job: Job, now: datetime) -> Job:
    """The submit function was asked to take care of this job; look again later whether it did."""
    return _changed(job, requeues=job.requeues + 1, due_kind=Due.JOB, due_at=now + LOST_MESSAGE_AFTER)


def is_out_of_requeues(job: Job) -> bool:
    """Asked for so often without any progress that something in our own system is broken for this file."""
    return job.requeues >= MAX_REQUEUES


def look_again(job: Job, at: datetime) -> Job:
    """Nothing to do now; look again at that time."""
    return _changed(job, due_kind=Due.JOB, due_at=at)
