from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dashscribe.domain.recognition.file_outcomes import FileOutcome, read_outcomes
from dashscribe.domain.recognition.file_urls import is_url_of_media, parse_file_url
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import TaskList, TaskOutput, TaskReply
from dashscribe.domain.timestamps import to_iso

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Sample = Callable[[str], dict[str, Any]]


def upload(key: str, version_id: str | None = None) -> Media:
    return Media(bucket="media", key=key, version_id=version_id, size_bytes=1)


def url_of(key: str, query: str = "?X-Amz-Signature=s") -> str:
    return f"https://media.s3.us-east-1.amazonaws.com/{key}{query}"


def output(status: str = "SUCCEEDED", **more: object) -> TaskOutput:
    return TaskOutput.model_validate({"task_status": status, **more})


# task status


def test_the_reply_to_a_submission_has_a_task_id(sample: Sample) -> None:
    reply = TaskReply.model_validate(sample("task_pending"))
    assert reply.output.task_id == "8fab76d0-0eed-4d20-929f-0123456789ab"
    assert not reply.output.is_over


def test_a_running_task_has_not_ended(sample: Sample) -> None:
    assert not TaskReply.model_validate(sample("task_running")).output.is_over


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"])
def test_a_task_with_a_final_status_has_ended(status: str) -> None:
    assert output(status).is_over


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "SUSPENDED", "SOMETHING_NEW", ""])
def test_a_task_with_any_other_status_has_not_ended(status: str) -> None:
    assert not output(status).is_over


def test_the_end_time_is_read_as_utc_plus_8(sample: Sample) -> None:
    ended_at = TaskReply.model_validate(sample("task_succeeded")).output.ended_at
    assert ended_at is not None
    assert to_iso(ended_at) == "2025-02-13T09:31:21.867Z"


def test_new_fields_of_the_vendor_are_ignored(sample: Sample) -> None:
    document = sample("task_succeeded")
    plain = TaskReply.model_validate(document)
    document |= {"new": 1}
    document["output"] |= {"new": [{}]}
    document["output"]["results"][0] |= {"new": None}
    assert TaskReply.model_validate(document) == plain


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.none() | st.text(max_size=12)
SUBTASK = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("subtask_status", "transcription_url", "code", "message"), TEXT | JSON)
    | {"file_url": st.none() | st.builds(url_of, st.text("ab/%+?", max_size=6))},
)
REPLY = st.fixed_dictionaries(
    {"output": st.dictionaries(st.text(max_size=8), JSON, max_size=2) | JSON}
) | st.fixed_dictionaries(
    {
        "output": st.fixed_dictionaries(
            {"task_status": st.sampled_from(["SUCCEEDED", "FAILED", "RUNNING", "NEW"])},
            optional={
                "results": st.none() | st.lists(SUBTASK, max_size=3),
                "result": st.none() | SUBTASK,
                "code": TEXT,
                "message": TEXT,
                "end_time": TEXT,
            },
        )
    }
)


@settings(max_examples=300, deadline=None)
@given(JSON | REPLY, st.lists(st.text("ab/%+? ", max_size=6), max_size=3, unique=True))
def test_any_reply_is_invalid_or_gives_an_outcome_for_each_file(document: object, keys: list[str]) -> None:
    with suppress(ValidationError):
        reply = TaskReply.model_validate(document)
        found = read_outcomes(reply.output, {key: upload(key) for key in keys})
        assert found.keys() == set(keys)
        assert all((outcome.code is None) == (outcome.status == "SUCCEEDED") for outcome in found.values())


# matching URLs to files


@pytest.fixture(scope="module", params=["path", "virtual"])
def s3(request: pytest.FixtureRequest) -> Iterator[S3Client]:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(signature_version="s3v4", s3={"addressing_style": request.param}),
    )
    yield client
    client.close()


def presign(s3: S3Client, media: Media) -> str:
    address = {"Bucket": media.bucket, "Key": media.key}
    return s3.generate_presigned_url(
        "get_object", Params=address | ({"VersionId": media.version_id} if media.version_id else {})
    )


@settings(max_examples=150, deadline=None)
@given(key=st.text(min_size=1, max_size=40), version_id=st.none() | st.text(min_size=1, max_size=12))
@example(key="a b+c%20'\"é中😀?#&=;.wav", version_id=None)
@example(key="100%.wav", version_id="v+/= 1")
@example(key="a%2Fb%252F.wav", version_id=None)
@example(key="/..//./a\\b\t\n.wav", version_id=None)
def test_a_presigned_url_matches_its_own_file(s3: S3Client, key: str, version_id: str | None) -> None:
    media = upload(key, version_id)
    assert is_url_of_media(presign(s3, media), media)


@settings(max_examples=100, deadline=None)
@given(keys=st.lists(st.text("ab%+/ 中", min_size=1, max_size=5), min_size=2, max_size=2, unique=True))
@example(keys=["a b", "a+b"])
@example(keys=["a b", "a%20b"])
@example(keys=["b/a", "a"])
def test_a_presigned_url_matches_no_other_file(s3: S3Client, keys: list[str]) -> None:
    assert not is_url_of_media(presign(s3, upload(keys[0])), upload(keys[1]))


def test_a_presigned_url_matches_no_other_version_and_no_other_bucket(s3: S3Client) -> None:
    url = presign(s3, upload("a.wav", "v1"))
    assert not is_url_of_media(url, upload("a.wav", "v2"))
    assert not is_url_of_media(url, upload("a.wav"))
    assert not is_url_of_media(url, Media(bucket="edia", key="a.wav", version_id="v1", size_bytes=1))


def test_a_parsed_file_url_has_no_signature(s3: S3Client) -> None:
    host, path, version = parse_file_url(presign(s3, upload("a b/é.wav", "v1")))
    assert path.endswith("a b/é.wav")
    assert "Signature" not in host + path
    assert version == "v1"


def test_a_file_url_with_less_encoding_still_matches_its_file(s3: S3Client) -> None:
    media = upload("a b é中.wav")
    path, _, query = presign(s3, media).partition("?")
    assert is_url_of_media(f"{unquote(path)}?{query}", media)


# outcomes


def test_results_are_matched_by_url_and_not_by_order(sample: Sample) -> None:
    found = read_outcomes(
        TaskReply.model_validate(sample("task_succeeded")).output,
        {"job-1": upload("calls/first.wav"), "job-2": upload("calls/second.wav")},
    )
    assert (found["job-1"].status, found["job-1"].code) == ("SUCCEEDED", None)
    assert str(found["job-1"].transcription_url).endswith("first.json?Expires=1&Signature=s")
    assert found["job-2"].transcription_url is None
    assert found["job-2"].code == "InvalidFile.DownloadFailed"
    assert found["job-2"].message == "The audio file cannot be downloaded."
    assert {outcome.completed_at for outcome in found.values()} == {
        TaskReply.model_validate(sample("task_succeeded")).output.ended_at
    }


def test_two_versions_of_one_key_in_one_task_get_their_own_transcripts() -> None:
    results = [
        {"file_url": url_of("a.wav", f"?versionId={version}&X-Amz-Signature=s"), "transcription_url": version}
        for version in ("v2", "v1")
    ]
    found = read_outcomes(output(results=results), {version: upload("a.wav", version) for version in ("v1", "v2")})
    assert {job: outcome.transcription_url for job, outcome in found.items()} == {"v1": "v1", "v2": "v2"}


def test_a_file_that_is_missing_from_the_results_has_its_own_code() -> None:
    results = [{"file_url": url_of("a.wav"), "transcription_url": "u"}]
    found = read_outcomes(output(results=results), {"a": upload("a.wav"), "b": upload("b.wav")})
    assert (found["a"].status, found["b"].status, found["b"].code) == ("SUCCEEDED", "FAILED", "MISSING_FROM_RESULTS")


def test_a_task_of_one_file_needs_no_file_url_in_its_reply(sample: Sample) -> None:
    filetrans = TaskReply.model_validate(sample("task_filetrans_succeeded")).output
    outcome = read_outcomes(filetrans, {"job": upload("a.wav")})["job"]
    assert outcome.transcription_url == "http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/one.json"


def test_each_file_of_a_failed_task_gets_the_tasks_reason(sample: Sample) -> None:
    found = read_outcomes(
        TaskReply.model_validate(sample("task_failed")).output, {"a": upload("a.wav"), "b": upload("b.wav")}
    )
    assert [outcome.code for outcome in found.values()] == ["FILE_403_FORBIDDEN", "FILE_403_FORBIDDEN"]


def test_each_file_of_a_failed_task_keeps_its_own_reason() -> None:
    results = [{"file_url": url_of("a.wav"), "subtask_status": "FAILED", "code": "FILE_TOO_LARGE", "message": "2 GB"}]
    reply = output("FAILED", code="InternalError", message="some failed", results=results)
    found = read_outcomes(reply, {"a": upload("a.wav"), "b": upload("b.wav")})
    assert (found["a"].code, found["a"].message) == ("FILE_TOO_LARGE", "2 GB")
    assert (found["b"].code, found["b"].message) == ("InternalError", "some failed")


def test_a_succeeded_file_of_a_failed_task_keeps_its_transcript() -> None:
    results = [{"file_url": url_of("a.wav"), "subtask_status": "SUCCEEDED", "transcription_url": "u"}]
    found = read_outcomes(output("FAILED", results=results), {"a": upload("a.wav"), "b": upload("b.wav")})
    assert found["a"] == FileOutcome(status="SUCCEEDED", transcription_url="u")


@pytest.mark.parametrize("status", ["CANCELED", "UNKNOWN"])
def test_a_task_that_ended_without_a_reason_gets_its_status_as_code(status: str) -> None:
    outcome = read_outcomes(output(status), {"a": upload("a.wav")})["a"]
    assert (outcome.status, outcome.code) == ("FAILED", f"TASK_{status}")
    assert status in str(outcome.message)


@pytest.mark.parametrize("subtask_status", ["FAILED", "RUNNING", "SOMETHING_NEW"])
def test_a_transcript_of_a_file_that_did_not_succeed_is_ignored(subtask_status: str) -> None:
    results = [{"subtask_status": subtask_status, "transcription_url": "u"}]
    outcome = read_outcomes(output(results=results), {"a": upload("a.wav")})["a"]
    assert (outcome.status, outcome.transcription_url) == ("FAILED", None)
    assert subtask_status in str(outcome.code)


def test_a_key_that_starts_with_its_bucket_name_matches_its_own_file_only() -> None:
    url = "https://media.s3.us-east-1.amazonaws.com/media/talk.wav?X-Amz-Signature=s"
    assert not is_url_of_media(url, Media(bucket="media", key="talk.wav", size_bytes=1))
    assert is_url_of_media(url, Media(bucket="media", key="media/talk.wav", size_bytes=1))


@pytest.mark.parametrize("invalid", ["http://[", "https://a]b/", "http://\u2100.com/x", "", "nonsense"])
def test_an_invalid_file_url_does_not_affect_the_other_files(invalid: str) -> None:
    reply = {
        "output": {
            "task_status": "SUCCEEDED",
            "end_time": "0001-01-01 00:00:00",
            "submit_time": 17,
            "results": [
                {"file_url": invalid, "subtask_status": "SUCCEEDED", "transcription_url": "https://r/1"},
                {
                    "file_url": "https://b.s3.amazonaws.com/a.wav",
                    "subtask_status": "SUCCEEDED",
                    "transcription_url": "u",
                },
            ],
        }
    }
    media = {name: Media(bucket="b", key=name, size_bytes=1) for name in ("a.wav", "b.wav")}
    found = read_outcomes(TaskReply.model_validate(reply).output, media)
    assert found["a.wav"].transcription_url == "u"
    assert found["b.wav"].code == "MISSING_FROM_RESULTS"
    assert found["a.wav"].completed_at is None


def test_a_task_without_a_status_has_not_ended() -> None:
    assert not TaskReply.model_validate({"output": {"task_id": "t"}}).output.is_over


def test_an_empty_result_url_is_ignored() -> None:
    output = {"task_status": "SUCCEEDED", "results": [{"subtask_status": "SUCCEEDED", "transcription_url": ""}]}
    found = read_outcomes(
        TaskReply.model_validate({"output": output}).output, {"a": Media(bucket="b", key="a", size_bytes=1)}
    )
    assert found["a"].transcription_url is None


# billed seconds


@pytest.mark.parametrize(
    ("usage", "billed"),
    [
        ({"duration": 9}, 9),
        ({"seconds": 3}, 3),
        ({"seconds": 0}, 0),
        ({"duration": 8.2}, 9),
        ({"duration": 9, "seconds": None}, 9),
        ({"input_tokens": 75, "output_tokens": 12}, None),
        ({"duration": "9"}, None),
        ({"duration": -1}, None),
        ({"duration": 1e999}, None),
        ({"duration": True}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("9", None),
    ],
)
def test_the_billed_seconds_are_those_of_the_vendor_or_unknown(usage: object, billed: int | None) -> None:
    reply = TaskReply.model_validate({"output": {"task_status": "SUCCEEDED"}, "usage": usage})
    assert read_outcomes(reply.output, {"a": upload("a.wav")}, usage=reply.usage)["a"].billed_seconds == billed


def test_the_billed_seconds_of_a_task_of_several_files_belong_to_no_file() -> None:
    reply = TaskReply.model_validate({"output": {"task_status": "SUCCEEDED"}, "usage": {"duration": 9}})
    both = read_outcomes(reply.output, {"a": upload("a.wav"), "b": upload("b.wav")}, usage=reply.usage)
    last = read_outcomes(reply.output, {"a": upload("a.wav")}, files_in_task=2, usage=reply.usage)
    assert {outcome.billed_seconds for outcome in (*both.values(), *last.values())} == {None}


def test_a_running_task_with_results_has_not_ended() -> None:
    results = [
        {"file_url": url_of("a.wav"), "subtask_status": "RUNNING"},
        {"file_url": url_of("b.wav"), "subtask_status": "SUCCEEDED", "transcription_url": "u"},
    ]
    assert not output("RUNNING", results=results, task_metrics={"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 0}).is_over


def test_a_succeeded_task_whose_files_all_failed_fails_each_with_its_reason() -> None:
    results = [{"file_url": url_of("a.wav"), "code": "DECODE_ERROR", "message": "m", "subtask_status": "FAILED"}]
    reply = output(results=results, task_metrics={"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 1})
    outcome = read_outcomes(reply, {"a": upload("a.wav")})["a"]
    assert (outcome.status, outcome.code, outcome.message) == ("FAILED", "DECODE_ERROR", "m")


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        "x",
        {},
        {"task_id": 7},
        {"task_id": "x", "gmt_create": "2025-04-25 12:00:00"},
        {"task_id": "x", "gmt_create": 1745568293253.5},
        {"task_id": "x", "gmt_create": 10**18},
        {"task_id": "x", "gmt_create": -1, "status": 7},
    ],
)
def test_an_odd_entry_of_the_task_list_does_not_cost_the_other_entries(odd: object) -> None:
    ours = {"task_id": "ours", "status": "SUCCEEDED", "gmt_create": 1745568293253}
    listed = TaskList.model_validate({"total_page": "many", "data": [odd, ours]})
    assert [(task.task_id, task.is_over) for task in listed.data if task.task_id != "x"] == [("ours", True)]
    assert all(task.created_at is None or task.created_at.year == 2025 for task in listed.data)


@pytest.mark.parametrize("results", ["see attachment", 7, True])
def test_results_that_are_no_list_make_the_reply_unreadable(results: object) -> None:
    """As an empty list they would say that every file is missing, and each file would be paid for again."""
    with pytest.raises(ValidationError):
        TaskReply.model_validate({"output": {"task_status": "SUCCEEDED", "results": results}})


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_results_for_one_file_the_success_counts(order: int) -> None:
    media = {"a": Media(bucket="b", key="a.wav", size_bytes=1), "b": Media(bucket="b", key="b.wav", size_bytes=1)}
    url = "https://b.s3.amazonaws.com/{}.wav?X-Amz-Signature=s".format
    results = [
        {"file_url": url("a"), "subtask_status": "FAILED", "code": "DECODE_ERROR"},
        {"file_url": url("a"), "subtask_status": "SUCCEEDED", "transcription_url": "https://r/a"},
    ][::order]
    reply = TaskReply.model_validate({"output": {"task_status": "SUCCEEDED", "results": [None, *results, 7]}})
    outcomes = read_outcomes(reply.output, media)
    assert (outcomes["a"].transcription_url, outcomes["b"].code) == ("https://r/a", "MISSING_FROM_RESULTS")


def test_two_different_transcripts_of_one_incomplete_url_are_given_to_no_file() -> None:
    results = [{"file_url": url_of("a.wav", ""), "transcription_url": name} for name in ("u1", "u2")]
    found = read_outcomes(output(results=results), {"a": upload("a.wav"), "b": upload("b.wav")})
    assert found["a"].code == "AMBIGUOUS_IN_RESULTS"
    assert found["a"].message is not None
    assert "without its version" in found["a"].message


def test_an_incomplete_url_that_may_be_cut_is_given_to_no_file() -> None:
    results = [{"file_url": url_of("a", ""), "transcription_url": "u"}]
    found = read_outcomes(output(results=results), {"short": upload("a"), "long": upload("a?b.wav")})
    assert found["short"].code == "AMBIGUOUS_IN_RESULTS"
