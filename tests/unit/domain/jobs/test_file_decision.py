from __future__ import annotations

from datetime import datetime

import pytest

from dashscribe.domain.jobs.failure import failure
from dashscribe.domain.jobs.file_decision import StoreSilence, StoreTranscript, decide
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.retry_policy import RetryDecision
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.errors import ErrorClass, VendorError


def failed(code: str | None, message: str | None = "why") -> FileOutcome:
    return FileOutcome(status="FAILED", code=code, message=message)


def after(job: Job, attempts: int) -> Job:
    return job.model_copy(update={"attempts": attempts})


def test_a_transcript_is_stored(job: Job, now: datetime) -> None:
    outcome = FileOutcome(status="SUCCEEDED", transcription_url="u")
    assert decide(job, outcome, 1, now) == StoreTranscript("u")


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
@pytest.mark.parametrize("attempts", [1, 4])
def test_silent_audio_is_an_empty_transcript(job: Job, now: datetime, code: str, attempts: int) -> None:
    assert decide(after(job, attempts), failed(code), 2, now) == StoreSilence(code)


@pytest.mark.parametrize("files", [1, 100])
def test_a_broken_file_fails_at_once_with_the_vendors_reason(job: Job, now: datetime, files: int) -> None:
    decision = decide(after(job, 1), failed("FILE_TOO_LARGE", "over 2 GB"), files, now)
    assert isinstance(decision, RetryDecision)
    assert decision.failure is not None
    assert decision.failure.model_dump() == {"code": "FILE_TOO_LARGE", "message": "over 2 GB", "category": "permanent"}


def test_a_failure_without_code_and_message_is_retried(job: Job, now: datetime) -> None:
    assert decide(after(job, 1), failed(None, None), 1, now) == RetryDecision(retry_at=now)


def test_neither_a_failure_nor_an_error_of_the_vendor_has_a_secret() -> None:
    quoted = "refused: https://m/a?X-Amz-Signature=5ec7e7a1b2c3d4e5f6, key sk-5ec7e7a1b2c3d4e5f6a7b8c9"
    assert "5ec7e7" not in failure("A", quoted).model_dump_json()
    error = VendorError(quoted, quoted, ErrorClass.RETRYABLE)
    assert "5ec7e7" not in f"{error} {error.code} {error.message} {error!r}"
