from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.jobs.file_decision import NextStep, decide
from dashscribe.domain.jobs.job import Job
from dashscribe.domain.recognition.task_replies import FileOutcome


def failed(code: str | None, message: str | None = "why") -> FileOutcome:
    return FileOutcome(status="FAILED", code=code, message=message)


def after(job: Job, attempts: int) -> Job:
    return job.model_copy(update={"attempts": attempts})


def test_a_transcript_is_stored(job: Job) -> None:
    assert decide(job, FileOutcome(status="SUCCEEDED", transcription_url="u"), 1).step is NextStep.STORE


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
@pytest.mark.parametrize("attempts", [1, 4])
def test_silent_audio_is_an_empty_transcript(job: Job, code: str, attempts: int) -> None:
    assert decide(after(job, attempts), failed(code), 2).step is NextStep.STORE_EMPTY


@pytest.mark.parametrize("files", [1, 100])
def test_a_broken_file_fails_at_once_with_the_vendors_reason(job: Job, files: int) -> None:
    decision = decide(after(job, 1), failed("FILE_TOO_LARGE", "over 2 GB"), files)
    assert decision.step is NextStep.FAIL
    assert decision.failure is not None
    assert decision.failure.model_dump() == {"code": "FILE_TOO_LARGE", "message": "over 2 GB", "category": "permanent"}


@pytest.mark.parametrize(
    "code", ["FILE_403_FORBIDDEN", "InvalidFile.DownloadFailed", "InternalError", "TASK_UNKNOWN", "NEW"]
)
def test_a_file_that_may_yet_work_is_submitted_three_times_more_and_then_fails(job: Job, code: str) -> None:
    steps = [decide(after(job, attempts), failed(code), 1).step for attempts in (1, 2, 3, 4)]
    assert steps == [NextStep.RESUBMIT] * 3 + [NextStep.FAIL]


def test_a_file_that_failed_to_the_end_keeps_its_reason_and_is_called_retryable(job: Job) -> None:
    failure = decide(after(job, 4), failed("FILE_403_FORBIDDEN", "no permission"), 1).failure
    assert failure is not None
    assert (failure.code, failure.category) == ("FILE_403_FORBIDDEN", "retryable")
    assert "no permission" in failure.message
    assert "3 resubmissions" in failure.message


def test_a_file_that_the_vendor_left_out_is_submitted_by_itself(job: Job) -> None:
    assert decide(after(job, 1), failed("MISSING_FROM_RESULTS"), 5).step is NextStep.RESUBMIT_SINGLY
    assert decide(after(job, 4), failed("MISSING_FROM_RESULTS"), 1).step is NextStep.FAIL


@pytest.mark.parametrize("code", ["InvalidParameter", "BadRequest.IllegalInput", "REQUEST_INVALID_FILE_URL_VALUE"])
def test_a_request_refused_for_being_of_several_files_is_split(job: Job, code: str) -> None:
    assert decide(after(job, 1), failed(code), 2).step is NextStep.RESUBMIT_SINGLY
    assert decide(after(job, 2), failed(code), 1).step is NextStep.FAIL


@given(
    code=st.none() | st.text() | st.sampled_from(["InternalError", "InvalidParameter", "FILE_TOO_LARGE"]),
    message=st.none() | st.text(),
    attempts=st.integers(1, 6),
    files=st.integers(1, 100),
)
def test_whatever_the_vendor_says_a_failure_has_a_reason_and_resubmitting_has_an_end(
    job: Job, code: str | None, message: str | None, attempts: int, files: int
) -> None:
    decision = decide(after(job, attempts), failed(code, message), files)
    assert (decision.failure is not None) == (decision.step is NextStep.FAIL)
    assert attempts <= 3 or decision.step is NextStep.FAIL
    assert decision.failure is None or (decision.failure.code and decision.failure.message)
