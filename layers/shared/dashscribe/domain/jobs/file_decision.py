"""What becomes of a job once its task is over: the one place where that is decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dashscribe.domain.jobs.job import MAX_RESUBMISSIONS, Failure, Job, failure, may_be_resubmitted
from dashscribe.domain.recognition.task_replies import MISSING_FROM_RESULTS, FileOutcome
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ErrorClass


class NextStep(StrEnum):
    """What the finalizer does with a file."""

    STORE = "store"  # download and keep its transcript
    STORE_EMPTY = "store_empty"  # no speech in it: an empty transcript
    RESUBMIT = "resubmit"
    RESUBMIT_SINGLY = "resubmit_singly"  # as a task of one file
    FAIL = "fail"


@dataclass(frozen=True)
class Decision:
    """A next step, and for `FAIL` why."""

    step: NextStep
    failure: Failure | None = None


def decide(job: Job, outcome: FileOutcome, files_in_task: int) -> Decision:
    """Store it, fail it, or submit it again (at most 3 times; docs/vendor-api.md#file-error-codes and
    docs/architecture.md#fixed-interfaces)."""
    if outcome.transcription_url is not None:
        return Decision(NextStep.STORE)
    code, message = outcome.code or "UNKNOWN", outcome.message or "No reason was given."
    if code == MISSING_FROM_RESULTS:
        return _again(job, NextStep.RESUBMIT_SINGLY, code, message, ErrorClass.RETRYABLE)
    error_class = classify(code, message)
    if error_class is ErrorClass.NO_SPEECH:
        return Decision(NextStep.STORE_EMPTY)
    if error_class is ErrorClass.PERMANENT:
        # A code about the request, in a task of several files, may be about their number and not about this file.
        if files_in_task > 1 and code.startswith(("InvalidParameter", "BadRequest", "REQUEST_")):
            return _again(job, NextStep.RESUBMIT_SINGLY, code, message, error_class)
        return Decision(NextStep.FAIL, failure(code, message))
    return _again(job, NextStep.RESUBMIT, code, message, error_class)


def _again(job: Job, step: NextStep, code: str, message: str, error_class: ErrorClass) -> Decision:
    if may_be_resubmitted(job):
        return Decision(step)
    return Decision(
        NextStep.FAIL,
        failure(
            code,
            f"{message} (still so after {MAX_RESUBMISSIONS} resubmissions)",
            ErrorClass.PERMANENT if error_class is ErrorClass.PERMANENT else ErrorClass.RETRYABLE,
        ),
    )
