"""What one task returned for each of its files: which result is whose, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashscribe.domain.recognition.file_outcomes import (
    FileOutcome,
    has_only_one_answered_file,
    read_outcomes,
)
from dashscribe.domain.recognition.file_urls import find_url_mark, is_url_of_other_media
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import TaskOutput, TaskReply
from dashscribe.domain.recognition.vendor_usage import TaskUsage, Tokens

HOST = "https://media.s3.us-east-1.amazonaws.com/"
SIGNATURES = ("a" * 64, "b" * 64)
MARKS = [find_url_mark(f"?X-Amz-Signature={signature}") or "" for signature in SIGNATURES]


def upload(key: str, version_id: str | None = None) -> Media:
    return Media(bucket="media", key=key, version_id=version_id, size_bytes=1)


def output(status: str = "SUCCEEDED", **more: object) -> TaskOutput:
    return TaskOutput.model_validate({"task_status": status, **more})


def result(file_url: str | None, name: str) -> dict[str, object]:
    return {"file_url": file_url, "subtask_status": "SUCCEEDED", "transcription_url": name}


def transcripts_of(results: list[dict[str, object]], media: dict[str, Media], **options: object) -> dict[str, object]:
    found = read_outcomes(output(results=results), media, **options)  # type: ignore[arg-type]
    return {job_id: outcome.transcription_url or outcome.code for job_id, outcome in found.items()}


TWO = {"a": upload("a.wav"), "b": upload("b.wav")}


def test_a_null_counts_as_an_absent_value() -> None:
    names = ("task_id", "code", "message", "scheduled_time", "end_time", "results", "result")
    subtask = dict.fromkeys(("file_url", "subtask_status", "transcription_url", "code", "message"))
    nulls = {"request_id": None, "usage": None, "output": {"task_status": "FAILED", **dict.fromkeys(names)}}
    assert TaskReply.model_validate(nulls) == TaskReply.model_validate({"output": {"task_status": "FAILED"}})
    assert output(results=[subtask]) == output(results=[{}])


# which result is whose


def test_a_url_mark_decides_whatever_the_rest_of_the_url_says() -> None:
    results = [result(f"https://copy/{n}?X-Amz-Signature={SIGNATURES[n]}", f"u{n}") for n in (1, 0)]
    marks = dict(zip("ab", MARKS, strict=True))
    assert transcripts_of(results, TWO, url_marks=marks) == {"a": "u0", "b": "u1"}


def test_a_url_with_the_mark_of_another_file_is_not_this_files() -> None:
    results = [result(f"{HOST}a.wav?X-Amz-Signature={SIGNATURES[1]}", "u")]
    found = transcripts_of(results, TWO, url_marks=dict(zip("ab", MARKS, strict=True)))
    assert found == {"a": "AMBIGUOUS_IN_RESULTS", "b": "u"}


def test_a_url_signed_again_is_matched_by_its_path_and_version() -> None:
    results = [result(f"{HOST}a.wav?versionId=v{n}&X-Amz-Signature={'c' * 64}", f"u{n}") for n in (2, 1)]
    media = {"1": upload("a.wav", "v1"), "2": upload("a.wav", "v2")}
    assert transcripts_of(results, media, url_marks={"1": MARKS[0], "2": MARKS[1]}) == {"1": "u1", "2": "u2"}


def test_a_url_without_its_query_is_matched_by_its_path_if_no_other_file_of_the_task_has_it() -> None:
    results = [result(f"{HOST}a.wav", "u1"), result(f"{HOST}b.wav", "u2")]
    assert transcripts_of(results, TWO) == {"a": "u1", "b": "u2"}
    versions = {"1": upload("a.wav", "v1"), "2": upload("a.wav", "v2")}
    assert transcripts_of(results, versions) == dict.fromkeys("12", "AMBIGUOUS_IN_RESULTS")
    assert transcripts_of(results, {"1": versions["1"]}, files_in_task=2, others=[versions["2"]]) == {
        "1": "AMBIGUOUS_IN_RESULTS"
    }


def test_a_path_counts_only_if_every_file_of_the_task_is_known() -> None:
    results = [result(f"{HOST}a.wav", "u1")]
    assert transcripts_of(results, {"a": TWO["a"]}, files_in_task=3, others=[TWO["b"]]) == {"a": "AMBIGUOUS_IN_RESULTS"}
    assert transcripts_of(results, {"a": TWO["a"]}, files_in_task=2, others=[TWO["b"]]) == {"a": "u1"}


def test_a_result_with_the_version_goes_before_one_without() -> None:
    results = [result(f"{HOST}a.wav", "old"), result(f"{HOST}a.wav?versionId=v1", "new")]
    assert transcripts_of(results, {"a": upload("a.wav", "v1"), "b": upload("b.wav")})["a"] == "new"


def test_one_transcript_that_is_named_twice_is_the_files() -> None:
    results = [result(f"{HOST}a.wav", "u")] * 2
    assert transcripts_of(results, TWO)["a"] == "u"


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ([result(None, "u")], "u"),
        ([result("https://copy/of/it", "u")], "u"),
        ([result(f"{HOST}other.wav", "u")], "MISSING_FROM_RESULTS"),
        ([result("https://copy/of/it", "x"), result(None, "u")], "u"),
        ([result("https://copy/1", "x"), result("https://copy/2", "y")], "MISSING_FROM_RESULTS"),
    ],
)
def test_the_only_result_of_a_task_of_one_file_is_that_files_unless_it_names_another(
    results: list[dict[str, object]], found: str
) -> None:
    assert transcripts_of(results, {"a": upload("a.wav")}) == {"a": found}


@pytest.mark.parametrize(
    ("file_url", "is_other"),
    [
        (f"{HOST}a%20b.wav", False),
        (f"{HOST}a+b.wav?X-Amz-Signature=s", False),
        (f"{HOST}a%252520b.wav", False),
        (f"{HOST}a&amp;b.wav", True),
        (f"{HOST}b.wav", True),
        (f"{HOST}a%20b.wav?versionId=v1", False),
        (f"{HOST}a%20b.wav?versionId=v2", True),
        ("https://s3.amazonaws.com/media/a%20b.wav", False),
        ("https://s3.amazonaws.com/media/b.wav", True),
        ("https://copy.example/b.wav", False),
    ],
)
def test_a_url_names_another_file_only_if_it_is_in_the_bucket_with_another_key_or_version(
    file_url: str, is_other: bool
) -> None:
    assert is_url_of_other_media(file_url, upload("a b.wav", "v1")) is is_other


# what is kept


def test_a_file_of_its_own_task_has_the_usage_and_the_times_of_the_task() -> None:
    usage = TaskUsage.model_validate({"seconds": 3, "input_tokens": 7})
    reply = output(
        results=[result(f"{HOST}a.wav", "u")],
        scheduled_time="2026-01-01 20:00:01.000",
        end_time="2026-01-01 20:00:02.000",
    )
    assert read_outcomes(reply, {"a": upload("a.wav")}, usage=usage)["a"] == FileOutcome(
        status="SUCCEEDED",
        transcription_url="u",
        completed_at=datetime(2026, 1, 1, 12, 0, 2, tzinfo=UTC),
        scheduled_at=datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC),
        billed_seconds=3,
        tokens=Tokens(input=7),
    )


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (output(), "MISSING_FROM_RESULTS", "This file is missing from the results of DashScope's task."),
        (output(message="half of it"), "MISSING_FROM_RESULTS", "half of it"),
        (output("FAILED"), "TASK_FAILED", "The task ended with the status FAILED."),
        (output("FAILED", code="InternalError", message="why"), "InternalError", "why"),
        (output(code="ASR_RESPONSE_HAVE_NO_WORDS"), "ASR_RESPONSE_HAVE_NO_WORDS", "The task ended with the status"),
        (output("SUCCESS_WITH_NO_VALID_FRAGMENT", code="X"), "SUCCESS_WITH_NO_VALID_FRAGMENT", "The task ended with"),
    ],
)
def test_a_file_without_a_result_gets_the_tasks_code_and_a_reason(reply: TaskOutput, code: str, message: str) -> None:
    outcome = read_outcomes(reply, {"a": upload("a.wav")})["a"]
    assert (outcome.status, outcome.code) == ("FAILED", code)
    assert outcome.message is not None
    assert outcome.message.startswith(message)


@pytest.mark.parametrize(
    ("subtask", "task", "code", "message"),
    [
        ({"subtask_status": "FAILED"}, {}, "SUBTASK_FAILED", "DashScope gave no reason."),
        ({"subtask_status": "FAILED"}, {"code": "InternalError", "message": "why"}, "InternalError", "why"),
        ({"code": "DECODE_ERROR"}, {}, "DECODE_ERROR", "DECODE_ERROR"),
        ({"code": "DECODE_ERROR"}, {"code": "InternalError", "message": "why"}, "DECODE_ERROR", "why"),
        ({"code": "DECODE_ERROR", "message": "broken"}, {"message": "why"}, "DECODE_ERROR", "broken"),
        (
            {"subtask_status": "SUCCESS_WITH_NO_VALID_FRAGMENT", "code": "X"},
            {},
            "SUCCESS_WITH_NO_VALID_FRAGMENT",
            "X",
        ),
    ],
)
def test_a_failed_file_gets_its_own_reason_or_that_of_its_task(
    subtask: dict[str, str], task: dict[str, str], code: str, message: str
) -> None:
    reply = output("FAILED", results=[{"file_url": f"{HOST}a.wav", **subtask}], end_time="2026-01-01 20:00:02", **task)
    outcome = read_outcomes(reply, {"a": upload("a.wav")})["a"]
    assert (outcome.status, outcome.code, outcome.message) == ("FAILED", code, message)
    assert outcome.completed_at == datetime(2026, 1, 1, 12, 0, 2, tzinfo=UTC)


def test_a_long_code_and_a_long_message_are_shortened() -> None:
    for results in ([], [{"file_url": f"{HOST}a.wav"}]):
        reply = output("FAILED", code="C" * 101, message="m" * 501, results=results)
        outcome = read_outcomes(reply, {"a": upload("a.wav")})["a"]
        assert (outcome.code, outcome.message) == ("C" * 100, "m" * 500)


@pytest.mark.parametrize(("missing", "files", "is_one"), [(1, 2, False), (2, 3, True), (1, 3, False), (3, 3, False)])
def test_a_server_takes_one_file_a_task_if_all_files_but_one_of_several_are_missing(
    missing: int, files: int, is_one: bool
) -> None:
    codes = ["MISSING_FROM_RESULTS"] * missing + ["DECODE_ERROR"] * (files - missing)
    outcomes = {str(number): FileOutcome(status="FAILED", code=code) for number, code in enumerate(codes)}
    assert has_only_one_answered_file(outcomes, files) is is_one
