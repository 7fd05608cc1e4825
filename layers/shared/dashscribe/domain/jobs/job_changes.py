"""The steps of a job on its way to exactly one terminal state.

    RECEIVED ──claim──▶ SUBMITTING ──response──▶ SUBMITTED ──result stored──▶ SUCCEEDED
       ▲ │                  │                        │
       │ └──refused─────────┼────────────────────────┼──────────────────────▶ FAILED
       └─────submitted again later───────────────────┘

Each function takes a record and the time and returns the next record. `JobRecords.save` writes it, unless another
process wrote the record first. The loop handles every record whose `due_at` has come, so no record is forgotten; a
terminal record stays due until its event is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.job import (
    RESPONSE_LOST,
    Due,
    Job,
    SplitFrom,
    Status,
    Usage,
    WarningDetail,
    changed,
    model_of,
)
from dashscribe.domain.jobs.timeouts import (
    CLAIM_LASTS,
    KEEP_RECORDS,
    LOST_CALL_MESSAGE_AFTER,
    LOST_MESSAGE_AFTER,
    RECONCILE_AFTER,
    TASK_SAFETY_NET,
)
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.result_files import ResultFolder

if TYPE_CHECKING:
    from dashscribe.domain.jobs.retry_policy import RetryDecision


def _waiting(job: Job, error_code: str | None, **changes: object) -> Job:
    """Back to RECEIVED: no submission owns the job."""
    return changed(
        job, status=Status.RECEIVED, submission_id=None, failed_runs=0, last_error_code=error_code, **changes
    )


# Receiving


def receive(job_id: str, media: Media, uploaded_at: datetime, now: datetime) -> Job:
    """A new record. It is due soon, so that it is requeued if the function dies before it claims the job."""
    return Job(
        job_id=job_id,
        status=Status.RECEIVED,
        media=media,
        uploaded_at=uploaded_at,
        received_at=now,
        due_kind=Due.JOB,
        due_at=now + LOST_MESSAGE_AFTER,
    )


def with_options(job: Job, options: Options) -> Job:
    """The options are fixed once: a later change of the profiles does not change a job that is under way."""
    return changed(job, options=options.model_dump())


def hand_over(job: Job, now: datetime) -> Job:
    """The job waits in the queue of the synchronous models."""
    return changed(job, failed_runs=0, due_kind=Due.JOB, due_at=now + LOST_CALL_MESSAGE_AFTER)


def fall_back(job: Job, error_code: str, now: datetime) -> Job:
    """The synchronous model does not take the recording: use the fallback model of its profile."""
    if job.options is None:
        raise ValueError("a job without options has no fallback model")
    return with_options(retry(job, error_code, now), job.options.with_fallback_model())


# Submitting


def can_be_claimed(job: Job, now: datetime) -> bool:
    """Whether a submission may take this job now: no submission owns it, or the owner's claim has expired."""
    if job.status is Status.RECEIVED:
        return True
    return job.status is Status.SUBMITTING and job.claimed_until is not None and job.claimed_until <= now


def claim(
    job: Job, submission_id: str, now: datetime, lasts: timedelta = CLAIM_LASTS, vocabulary_id: str | None = None
) -> Job:
    """Take the job for one submission. Of several writers one succeeds.

    A due time shortly after the claim's end does not change: each change of `due_at` costs two writes of the index.
    """
    until = now + lasts
    stays = job.due_kind is Due.JOB and job.due_at is not None and until <= job.due_at <= until + LOST_MESSAGE_AFTER
    return changed(
        job,
        status=Status.SUBMITTING,
        submission_id=submission_id,
        claimed_at=now,
        claimed_until=until,
        vocabulary_id=vocabulary_id,
        due_kind=Due.JOB,
        due_at=job.due_at if stays else until,
    )


def submitted(job: Job, task_id: str | None, now: datetime, request_id: str | None = None) -> Job:
    """The vendor accepted the file with this request. From now on its task, if it has one, makes progress.

    With a task, a due time to come does not change: each change of `due_at` costs two writes of the index, and most
    jobs have ended before that time. The loop moves it to the safety net if the task still runs then.
    """
    stays = task_id is not None and job.due_at is not None and job.due_at > now
    return changed(
        job,
        status=Status.SUBMITTED,
        task_id=task_id,
        request_ids={"submission": request_id},
        attempts=job.attempts + 1,
        failed_attempts=0,
        failed_runs=0,
        submitted_at=now,
        last_error_code=None,
        stalled_since=None,
        throttled_since=None,
        split_from=None,
        due_kind=Due.JOB,
        due_at=job.due_at if stays else now + TASK_SAFETY_NET,
    )


def safety_net(job: Job) -> datetime:
    """When a submitted job is checked although its task should have ended it."""
    return (job.submitted_at or job.received_at) + TASK_SAFETY_NET


def await_reconciliation(
    job: Job,
    now: datetime,
    delay: timedelta = RECONCILE_AFTER,
    error_code: str = RESPONSE_LOST,
    *,
    is_failed_attempt: bool = False,
) -> Job:
    """The response was lost, or is an error of the server: find out whether the vendor accepted the submission before
    it is repeated."""
    return changed(
        job,
        last_error_code=error_code,
        failed_attempts=job.failed_attempts + int(is_failed_attempt),
        failed_runs=0,
        claimed_until=now,
        due_kind=Due.JOB,
        due_at=now + delay,
    )


# Waiting and retrying


def apply_retry(job: Job, decision: RetryDecision, error_code: str, now: datetime) -> Job:
    """The record that a decision of the retry policy leads to."""
    if decision.failure is not None:
        return fail(job, decision.failure, now)
    if decision.pauses_submissions:
        at = now if decision.goes_to_the_back else job.received_at
        return pause(job, error_code, at, is_failed_attempt=decision.is_failed_attempt)
    return retry(
        job,
        error_code,
        decision.retry_at or now,
        is_failed_attempt=decision.is_failed_attempt,
        throttled_since=decision.throttled_since,
        single_file_task=decision.single_file_task,
        split_from=decision.split_from,
    )


def retry(
    job: Job,
    error_code: str,
    at: datetime,
    *,
    is_failed_attempt: bool = False,
    throttled_since: datetime | None = None,
    single_file_task: bool = False,
    split_from: SplitFrom | None = None,
) -> Job:
    """Submit the file again at this time, with a fresh URL. No task works on it any more."""
    split = split_from or job.split_from
    return _waiting(
        job,
        error_code,
        task_id=None,
        scheduled_at=None,
        failed_attempts=job.failed_attempts + int(is_failed_attempt),
        throttled_since=throttled_since or job.throttled_since,
        single_file_task=job.single_file_task or single_file_task,
        split_from=split.model_dump() if split else None,
        due_kind=Due.JOB,
        due_at=at,
    )


def response_lost(job: Job) -> Job:
    """Count a submission whose response is lost for good."""
    return changed(job, ambiguous_submissions=job.ambiguous_submissions + 1)


def pause(job: Job, reason: str, at: datetime | None = None, *, is_failed_attempt: bool = False) -> Job:
    """Wait for the end of the pause. Paused jobs continue in the order of receipt, or of `at`."""
    return _waiting(
        job,
        reason,
        failed_attempts=job.failed_attempts + int(is_failed_attempt),
        throttled_since=None,
        model=model_of(job),
        due_kind=Due.PAUSED,
        due_at=at or job.received_at,
    )


def rate_limited(job: Job) -> Job:
    """Join the backlog of the model. This is no error, so nothing is counted."""
    return _waiting(job, "RATE_LIMITED", model=model_of(job), due_kind=Due.RATE_LIMITED, due_at=job.received_at)


def requeued(job: Job, now: datetime) -> Job:
    """The job's message is in the submit queue again. The record is due again in case the message is lost."""
    return changed(job, due_kind=Due.JOB, due_at=now + LOST_MESSAGE_AFTER)


def run_failed(job: Job) -> Job:
    """A function received the job and failed with an unexpected error."""
    return changed(job, failed_runs=job.failed_runs + 1)


def check_again(job: Job, at: datetime) -> Job:
    """Nothing to do now; the record is due again at this time."""
    return changed(job, due_kind=Due.JOB, due_at=at)


# Ending


def scheduled(job: Job, at: datetime | None) -> Job:
    """When the vendor began to work on the job's task, as far as its reply says."""
    return changed(job, scheduled_at=at) if at else job


def succeed(
    job: Job,
    result: ResultFolder,
    audio: AudioFacts,
    usage: Usage,
    warnings: list[str],
    completed_at: datetime,
    now: datetime,
    warning_details: Sequence[WarningDetail] = (),
) -> Job:
    """The files are stored. The event is not published yet, so the record stays due.

    With a task `due_at` does not change: the task comes back until its jobs are finished, and a change of `due_at`
    would cost two writes of the index.
    """
    return changed(
        job,
        status=Status.SUCCEEDED,
        result=result.model_dump(),
        audio=audio.model_dump(),
        usage=usage.model_dump(),
        warnings=warnings,
        warning_details=[detail.model_dump() for detail in warning_details],
        completed_at=completed_at,
        failure=None,
        last_error_code=None,
        stalled_since=None,
        due_kind=Due.JOB,
        due_at=job.due_at if job.task_id and job.due_at else now,
    )


def fail(job: Job, reason: Failure, now: datetime, completed_at: datetime | None = None) -> Job:
    """The job ends without a transcript. It is due at once, because its event is not published yet."""
    return changed(
        job,
        status=Status.FAILED,
        failure=reason.model_dump(),
        completed_at=completed_at,
        due_kind=Due.JOB,
        due_at=now,
    )


def is_unpublished_success(job: Job) -> bool:
    """The files are stored and the event is not published: the finalizer died, or EventBridge refused the event."""
    return job.status is Status.SUCCEEDED and not job.is_finished


def published(job: Job, now: datetime) -> Job:
    """The terminal event is published. The record is no longer due, and expires."""
    return changed(job, published_at=now, due_kind=None, due_at=None, expires_at=int((now + KEEP_RECORDS).timestamp()))
