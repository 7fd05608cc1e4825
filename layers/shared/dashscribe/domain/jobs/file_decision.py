"""What the finalizer does with one file of an ended task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.retry_policy import RetryDecision, after_failed_file
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ErrorClass


@dataclass(frozen=True)
class StoreTranscript:
    """Download the result and store the transcript."""

    url: str


@dataclass(frozen=True)
class StoreSilence:
    """The file has no speech: store an empty transcript, with the vendor's code as a warning."""

    code: str


FileDecision = StoreTranscript | StoreSilence | RetryDecision


def decide(job: Job, outcome: FileOutcome, files_in_task: int, now: datetime) -> FileDecision:
    """Store the file's transcript, or apply the retry policy to its error."""
    if outcome.transcription_url is not None:
        return StoreTranscript(outcome.transcription_url)
    code, message = outcome.code or "UNKNOWN", outcome.message or "No reason was given."
    if classify(code, message) is ErrorClass.NO_SPEECH:
        return StoreSilence(code)
    return after_failed_file(job, code, message, files_in_task, now)
