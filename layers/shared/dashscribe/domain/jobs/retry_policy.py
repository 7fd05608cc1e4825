"""The retry policy: what happens to a job after an error. Every limit and every delay of a retry is here.

The vendor's codes are classified in `domain.recognition.vendor_codes`; this module turns the class of an error, and
what the job has been through, into a `RetryDecision`. `domain.jobs.job.apply_retry` writes the decision into the
record.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashscribe.domain.jobs.delay import RESULT_UNAVAILABLE
from dashscribe.domain.jobs.failure import Failure, failure
from dashscribe.domain.jobs.job import Job, SplitFrom
from dashscribe.domain.jobs.task import PostOutcome, Task
from dashscribe.domain.jobs.timeouts import (
    LIST_COMPLETE_AFTER,
    MAX_FINALIZE_DELAY,
    RECONCILE_AFTER,
    RECONCILE_WITHIN,
    RESULTS_LIVE,
    RESULTS_LIVE_MARGIN,
    TASK_LIST_WINDOW,
    THROTTLED_WITHIN,
)
from dashscribe.domain.recognition.file_outcomes import AMBIGUOUS_IN_RESULTS, MISSING_FROM_RESULTS
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ErrorClass, VendorError

MAX_RESUBMISSIONS = 3
"""Resubmissions of one file after a task that did not transcribe it (docs/architecture.md#fixed-interfaces)."""
MAX_LOST_RESPONSES = 1
"""Resubmissions after a response that was lost for good. The vendor may have accepted, and billed, each of them."""
MAX_LOST_CALL_RESPONSES = MAX_RESUBMISSIONS
"""The same for a synchronous call, which has no task that could be found in the task list."""
MAX_FAILED_ATTEMPTS = 25
"""Retryable errors in a row until a job fails: about three hours with `retry_delay`."""
MAX_REJECTED_ATTEMPTS = 5
"""The same for a 4xx response: about a minute. Such a response is about the request, which does not change."""
MAX_FAILED_RUNS = 20
"""Runs in a row that failed on a job with an unexpected error, until the job fails. A message that no function received
is not the file's fault, and is not counted."""
MAX_FINALIZE_ATTEMPTS = 40
"""How often an ended task is given to finalizers: about eight hours with `finalize_delay`. A result that cannot be
downloaded is tried for longer: as long as the vendor keeps it."""
UNREADABLE_RESULT_DELAYS = tuple(map(timedelta, (0, 0, 0, 0), (5, 30, 120, 360)))
"""How long to wait before a result that is no transcript is downloaded again: five times, within nine minutes."""
THROTTLED_LIKE_ATTEMPT = 3
"""A throttled submission waits like one after a third failed attempt, 8 to 16 s: rates recover within a minute."""
QUERY_DELAY_LIKE_ATTEMPT = 2
ACCOUNT_QUERY_DELAY_LIKE_ATTEMPT = 4
MAX_RETRY_DELAY_SECONDS = 600.0
MAX_RECONCILE_DELAY = timedelta(minutes=15)

ABOUT_THE_REQUEST = ("InvalidParameter", "BadRequest", "InvalidURL", "InvalidFile", "HTTP_4")
"""Refusals that may be about one file of a submission, or about the number of its files. Submitting each file by itself
shows which."""
ABOUT_SEVERAL_FILES = ("InvalidParameter", "BadRequest", "REQUEST_")
"""The same among the codes of a file in an ended task."""


@dataclass(frozen=True)
class RetryDecision:
    """What happens to a job: it fails, it waits for the end of a pause, or it is submitted again at `retry_at`.

    `goes_to_the_back`: other jobs that wait for the end of the pause go first.
    """

    retry_at: datetime | None = None
    failure: Failure | None = None
    pauses_submissions: bool = False
    goes_to_the_back: bool = False
    is_failed_attempt: bool = False
    throttled_since: datetime | None = None
    single_file_task: bool = False
    split_from: SplitFrom | None = None


def retry_delay(attempts: int) -> timedelta:
    """Exponential backoff from 2 s to 10 min. The jitter covers the upper half, so that jobs do not return together."""
    ceiling = min(MAX_RETRY_DELAY_SECONDS, 2.0 * 2.0 ** min(attempts, 20))
    return timedelta(seconds=random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter, not a secret


def max_attempts_for(http_status: int | None) -> int:
    is_rejection = http_status is not None and 400 <= http_status < 500
    return MAX_REJECTED_ATTEMPTS if is_rejection else MAX_FAILED_ATTEMPTS


def may_be_resubmitted(job: Job) -> bool:
    return job.attempts <= MAX_RESUBMISSIONS


def after_refusal(
    job: Job, error: VendorError, files_in_submission: int, now: datetime, *, is_probe: bool = False
) -> RetryDecision:
    """The vendor refused a submission or a call with this error: it accepted nothing.

    `is_probe`: the pause that the error leads to was in force already.
    """
    if error.error_class is ErrorClass.ACCOUNT_WIDE:
        return RetryDecision(pauses_submissions=True, goes_to_the_back=is_probe)
    if error.error_class is ErrorClass.MODEL_WIDE:
        return _after_model_refusal(job, error, is_probe=is_probe)
    if error.error_class is ErrorClass.THROTTLED:
        return _after_throttling(job, error, now)
    if files_in_submission > 1 and error.code.startswith(ABOUT_THE_REQUEST):
        split_from = SplitFrom(submission_id=job.submission_id or "", files=files_in_submission)
        return RetryDecision(retry_at=now, single_file_task=True, split_from=split_from)
    if error.error_class is ErrorClass.PERMANENT:
        return RetryDecision(failure=failure(error.code, error.message))
    return after_failed_attempt(job, error, now)


def _after_model_refusal(job: Job, error: VendorError, *, is_probe: bool) -> RetryDecision:
    """Pause the model. A job that pauses it again and again, while other jobs end the pause, is itself the cause."""
    if is_probe:
        return RetryDecision(pauses_submissions=True, goes_to_the_back=True)
    attempts = job.failed_attempts + 1
    if attempts < MAX_REJECTED_ATTEMPTS:
        return RetryDecision(pauses_submissions=True, is_failed_attempt=True)
    message = f"{error.message} (refused {attempts} times, while DashScope accepted other files of this model)"
    return RetryDecision(failure=failure(error.code, message))


def _after_throttling(job: Job, error: VendorError, now: datetime) -> RetryDecision:
    """Wait: this is not a failed attempt. The job fails when the vendor accepts nothing for a day."""
    since = job.throttled_since or now
    if now - since < THROTTLED_WITHIN:
        return RetryDecision(retry_at=now + retry_delay(THROTTLED_LIKE_ATTEMPT), throttled_since=since)
    return RetryDecision(
        failure=failure(
            "VENDOR_THROTTLED",
            "DashScope refused every submission of the file for 24 hours because of the rate "
            f"(last code: {error.code}). "
            "Upload the file again when fewer files are submitted, or ask DashScope for a higher limit.",
            ErrorClass.RETRYABLE,
        )
    )


def after_failed_attempt(job: Job, error: VendorError, now: datetime) -> RetryDecision:
    """A retryable error: back off, up to the limit of failed attempts in a row."""
    attempts = job.failed_attempts + 1
    if attempts < max_attempts_for(error.http_status):
        return RetryDecision(retry_at=now + retry_delay(attempts), is_failed_attempt=True)
    message = f"{error.message} (failed after {attempts} attempts)"
    return RetryDecision(failure=failure(error.code, message, ErrorClass.RETRYABLE))


def after_lost_response(job: Job, now: datetime, limit: int = MAX_LOST_RESPONSES) -> RetryDecision:
    """The response is lost for good. Submit again, at most `limit` times; then tell the user."""
    if job.ambiguous_submissions < limit:
        return RetryDecision(retry_at=now + retry_delay(job.failed_attempts + 1), is_failed_attempt=True)
    times = job.ambiguous_submissions + 1
    return RetryDecision(
        failure=failure(
            "SUBMISSION_UNCONFIRMED",
            f"DashScope's response to the submission was lost {'twice' if times == 2 else f'{times} times'}. "
            "DashScope may have accepted (and billed) the file; it was not submitted again. "
            "Upload the file again to try once more.",
            ErrorClass.RETRYABLE,
        )
    )


def after_failed_file(job: Job, code: str, message: str, files_in_task: int, now: datetime) -> RetryDecision:
    """A task ended without a transcript of this file, with this code."""
    if code in (MISSING_FROM_RESULTS, AMBIGUOUS_IN_RESULTS):
        return _resubmission(job, code, message, ErrorClass.RETRYABLE, now, single_file_task=True)
    error_class = classify(code, message)
    if error_class is not ErrorClass.PERMANENT:
        return _resubmission(job, code, message, error_class, now)
    if files_in_task > 1 and code.startswith(ABOUT_SEVERAL_FILES):
        return _resubmission(job, code, message, error_class, now, single_file_task=True)
    return RetryDecision(failure=failure(code, message))


def after_lost_task(job: Job, now: datetime) -> RetryDecision:
    """A submitted job reached its safety net, and its task no longer exists or is closed."""
    return RetryDecision(retry_at=now) if may_be_resubmitted(job) else RetryDecision(failure=internal_error(job))


def has_failed_too_often(job: Job) -> bool:
    """The functions failed on this job so often in a row that our own system must be broken for this file."""
    return job.failed_runs >= MAX_FAILED_RUNS


def internal_error(job: Job) -> Failure:
    """The failure of a job that our own system could not process."""
    return failure(
        "INTERNAL_ERROR",
        f"dashscribe could not process this file (last error: {job.last_error_code or 'none recorded'}). "
        "The logs of the functions show the reason under this job_id. Upload the file again once the cause is fixed.",
        ErrorClass.RETRYABLE,
    )


def is_out_of_finalize_attempts(job: Job, task: Task, now: datetime) -> bool:
    """The file could not be finalized for so long that our own system must be broken for it.

    A result that cannot be downloaded is not our fault. The finalizer fails such a job when the vendor has deleted the
    result; the time limit here is for a finalizer that dies.
    """
    if job.last_error_code == RESULT_UNAVAILABLE and now - (task.ended_at or now) < RESULTS_LIVE + MAX_FINALIZE_DELAY:
        return False
    return task.finalize_attempts >= MAX_FINALIZE_ATTEMPTS


def finalize_delay(task: Task) -> timedelta:
    """How long to wait before fresh result URLs are queried for files that could not be finalized."""
    return min(MAX_FINALIZE_DELAY, timedelta(seconds=2.0 * 2.0 ** min(task.finalize_attempts, 10)))


def may_download_again(completed_at: datetime, now: datetime) -> bool:
    """Whether the vendor still has the result at the next download. `completed_at` is the task's end.

    After its results were deleted, a task is unknown: a query would not tell it from one that was lost.
    """
    return now + MAX_FINALIZE_DELAY + RESULTS_LIVE_MARGIN < completed_at + RESULTS_LIVE


def unreadable_result_retry(job: Job, now: datetime) -> datetime | None:
    """When to download a result again that is no transcript; None after the fifth time."""
    tries = job.unreadable_results
    return now + UNREADABLE_RESULT_DELAYS[tries] if tries < len(UNREADABLE_RESULT_DELAYS) else None


def query_delay_after(error: VendorError) -> timedelta:
    """How long to wait after a query that failed."""
    is_lasting = error.error_class in (ErrorClass.ACCOUNT_WIDE, ErrorClass.MODEL_WIDE)
    return retry_delay(ACCOUNT_QUERY_DELAY_LIKE_ATTEMPT if is_lasting else QUERY_DELAY_LIKE_ATTEMPT)


def unknown_task_delay() -> timedelta:
    """How long to wait before a task that the vendor does not know is queried again."""
    return retry_delay(QUERY_DELAY_LIKE_ATTEMPT)


def reconcile_delay(task: Task, now: datetime) -> timedelta:
    """How long to wait before a submission is reconciled again: a fifth of its age, 10 s to 15 minutes."""
    return min(MAX_RECONCILE_DELAY, max(RECONCILE_AFTER, (now - task.posted_at) / 5))


def server_error_delay(error: VendorError, batch: Sequence[Job], now: datetime) -> timedelta | None:
    """How long to wait before the task list is searched for a submission that got an error of the server.

    A gateway may return such an error for a submission that the server behind it accepts. None for any other error, and
    when a job has no attempt left.
    """
    if error.error_class is not ErrorClass.RETRYABLE or (error.http_status or 0) < 500:
        return None
    retries = [after_failed_attempt(job, error, now).retry_at for job in batch]
    waits = [retry_at - now for retry_at in retries if retry_at is not None]
    return max(RECONCILE_AFTER, *waits) if len(waits) == len(batch) else None


def may_be_repeated(task: Task, now: datetime, *, list_is_missing: bool, has_candidate: bool) -> bool:
    """Whether a submission that got an error of the server, and whose task was not found, may be repeated.

    It waits for a list that cannot be read now, and for a task that may be its own and still runs, but not for long:
    such a submission is rarely accepted.
    """
    waited = now - (task.response_lost_at or now)
    return waited >= (RECONCILE_WITHIN if list_is_missing or has_candidate else RECONCILE_AFTER)


def decided_outcome(task: Task, found: PostOutcome, now: datetime, *, list_was_read: bool) -> PostOutcome:
    """What reconciliation concludes from what it found, or `PENDING` when it must try again later.

    What a list lacks counts only some time after the response was lost, and while the list covers the time of the POST.
    A doubt that lasts becomes `UNDETERMINED`. So does a vendor without a task list, at once.
    """
    if found is PostOutcome.ACCEPTED or (found is PostOutcome.UNDETERMINED and not list_was_read):
        return found
    if now - task.posted_at >= TASK_LIST_WINDOW:
        return PostOutcome.UNDETERMINED
    if found in (PostOutcome.NOT_ACCEPTED, PostOutcome.UNDETERMINED):
        is_late_enough = now - (task.response_lost_at or now) >= LIST_COMPLETE_AFTER
        return found if is_late_enough else PostOutcome.PENDING
    tried_for = now - (task.reconciled_since or now)
    return PostOutcome.UNDETERMINED if tried_for >= RECONCILE_WITHIN else PostOutcome.PENDING


def _resubmission(
    job: Job, code: str, message: str, error_class: ErrorClass, now: datetime, *, single_file_task: bool = False
) -> RetryDecision:
    if may_be_resubmitted(job):
        return RetryDecision(retry_at=now, single_file_task=single_file_task)
    category = ErrorClass.PERMANENT if error_class is ErrorClass.PERMANENT else ErrorClass.RETRYABLE
    return RetryDecision(
        failure=failure(code, f"{message} (still so after {MAX_RESUBMISSIONS} resubmissions)", category)
    )
