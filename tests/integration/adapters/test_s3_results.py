"""Store result files without overwriting, and find existing transcripts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters import aws_clients
from dashscribe.adapters.s3_results import S3Results, S3Transcripts
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.domain.transcripts.result_files import result_folder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(aws: None) -> S3Client:
    client = boto3.client("s3")
    client.create_bucket(Bucket="results")
    return client


def test_files_are_stored_under_their_keys_with_their_content_types(s3: S3Client) -> None:
    files = [
        OutputFile("会议/录音 +%20'.wav/j/result.json", '{"text": "你好"}'.encode(), "application/json"),
        OutputFile("a.wav/j/transcript.vtt", b"WEBVTT\n", "text/vtt; charset=utf-8"),
        OutputFile("a.wav/j/transcript.txt", b"", "text/plain; charset=utf-8"),
    ]
    S3Results(s3, "results").store(files)
    for file in files:
        found = s3.get_object(Bucket="results", Key=file.key)
        assert (found["Body"].read(), found["ContentType"]) == (file.body, file.content_type)
    assert s3.list_objects_v2(Bucket="results")["KeyCount"] == 3


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(("size", "expected"), [(0, None), (60_000, None), (2_000_000, b"100-continue")])
def test_only_a_large_file_waits_for_s3_before_it_is_sent(size: int, expected: bytes | None) -> None:
    """The wait is another round trip."""
    client = aws_clients.s3()
    sent: list[object] = []
    client.meta.events.register_first(
        "before-send.s3.PutObject", lambda request, **_: sent.append(request.headers.get("Expect"))
    )
    S3Results(client, "results").store([OutputFile("a.wav/j/result.json", bytes(size), "application/json")])
    assert sent == [expected]


def test_an_existing_file_is_not_overwritten_and_the_others_are_stored(s3: S3Client) -> None:
    s3.put_object(Bucket="results", Key="j/result.json", Body=b"first", ContentType="text/x-first")
    S3Results(s3, "results").store(
        [
            OutputFile("j/result.json", b"second", "application/json"),
            OutputFile("j/job.json", b"{}", "application/json"),
        ]
    )
    kept = s3.get_object(Bucket="results", Key="j/result.json")
    assert (kept["Body"].read(), kept["ContentType"]) == (b"first", "text/x-first")
    assert s3.get_object(Bucket="results", Key="j/job.json")["Body"].read() == b"{}"


def test_storing_the_same_files_twice_writes_no_second_version(s3: S3Client) -> None:
    s3.put_bucket_versioning(Bucket="results", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        S3Results(s3, "results").store([OutputFile("j/job.json", b"{}", "application/json")])
    assert len(s3.list_object_versions(Bucket="results")["Versions"]) == 1


SMALL, LARGE = 1024**2, 1024**2 + 1
"""The sizes in bytes of the largest small file and of the smallest large one."""


def output(name: str, size: int = 1) -> OutputFile:
    return OutputFile(f"j/{name}", bytes(size), "text/plain")


def names_stored(s3: S3Client) -> set[str]:
    return {entry["Key"].removeprefix("j/") for entry in s3.list_objects_v2(Bucket="results").get("Contents", [])}


def test_the_first_file_is_stored_before_the_next_one_is_made(s3: S3Client) -> None:
    """What was paid for is safe when a later file cannot be made."""

    def files() -> Iterator[OutputFile]:
        yield output("result.json")
        assert names_stored(s3) == {"result.json"}
        raise ValueError("the transcript cannot be rendered")

    with pytest.raises(ValueError, match="cannot be rendered"):
        S3Results(s3, "results").store(files())


def test_small_files_are_stored_while_the_next_ones_are_made_and_large_ones_before(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one large file is in memory."""
    putters: dict[str, bool] = {}
    put_object: Callable[..., Any] = s3.put_object

    def recording(**request: Any) -> Any:
        putters[request["Key"]] = threading.current_thread() is threading.main_thread()
        return put_object(**request)

    monkeypatch.setattr(s3, "put_object", recording)
    S3Results(s3, "results").store([output("first"), output("small", SMALL), output("large", LARGE)])
    assert putters == {"j/first": True, "j/small": False, "j/large": True}


def test_the_small_files_of_several_jobs_are_stored_at_the_same_time(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five jobs of six files each after the first one."""
    together = threading.Barrier(30)

    def put_object(**request: Any) -> None:
        if request["Key"] != "j/first":
            together.wait(timeout=5)

    monkeypatch.setattr(s3, "put_object", put_object)
    S3Results(s3, "results").store([output("first"), *(output(str(number)) for number in range(30))])
    assert not together.broken


def test_a_small_file_that_cannot_be_stored_is_an_error_and_the_others_are_stored(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_object: Callable[..., Any] = s3.put_object

    def refuse_one(**request: Any) -> Any:
        if request["Key"] == "j/b":
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "slow"}}, "PutObject")
        return put_object(**request)

    monkeypatch.setattr(s3, "put_object", refuse_one)
    with pytest.raises(ClientError, match="SlowDown"):
        S3Results(s3, "results").store([output(name) for name in "abc"])
    assert names_stored(s3) == {"a", "c"}


def test_every_started_file_is_stored_before_an_error_is_raised(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise Lambda stops the process while a file is being stored."""
    put_object: Callable[..., Any] = s3.put_object
    may_store = threading.Event()

    def slow(**request: Any) -> Any:
        if request["Key"] == "j/small":
            may_store.wait(timeout=5)
            time.sleep(0.02)
        return put_object(**request)

    def files() -> Iterator[OutputFile]:
        yield output("first")
        yield output("small")
        may_store.set()
        raise ValueError("the next file cannot be made")

    monkeypatch.setattr(s3, "put_object", slow)
    with pytest.raises(ValueError, match="cannot be made"):
        S3Results(s3, "results").store(files())
    assert names_stored(s3) == {"first", "small"}


def test_any_other_error_of_s3_is_raised(s3: S3Client) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3Results(s3, "elsewhere").store([OutputFile("k", b"", "text/plain")])


def test_a_stored_document_is_found_unchanged(s3: S3Client) -> None:
    key = "会议/录音 +%20'.wav/j/result.json"
    document = {"frames": [{"output": {"text": "你好 \u2028😀"}}], "usage": None}
    S3Results(s3, "results").store([OutputFile(key, json.dumps(document).encode(), "application/json")])
    assert S3Results(s3, "results").find_json(key) == document


def test_a_document_that_was_not_stored_is_not_found(s3: S3Client) -> None:
    s3.put_object(Bucket="results", Key="j/result.json.bak", Body=b"{}")
    assert S3Results(s3, "results").find_json("j/result.json") is None


def test_a_missing_bucket_is_an_error_and_not_a_missing_document(s3: S3Client) -> None:
    """Otherwise a synchronous call that was already paid for would be repeated."""
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3Results(s3, "elsewhere").find_json("j/result.json")


def test_an_access_error_is_raised(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    monkeypatch.setattr(s3, "get_object", refused)
    with pytest.raises(ClientError, match="AccessDenied"):
        S3Results(s3, "results").find_json("j/result.json")


REPORT = f"{'0' * 32}/job.json"


def report(s3: S3Client, key: str, etag: str, *, status: str = "SUCCEEDED", options: object = None) -> None:
    document = {
        "job_id": key.split("/")[-2],
        "status": status,
        "media": {"etag": etag, "size_bytes": 1},
        "options": options,
    }
    s3.put_object(Bucket="results", Key=key, Body=json.dumps(document).encode())


def find(s3: S3Client, key: str, etag: str = "e1", size: int = 1) -> list[str]:
    """The ids of the jobs that transcribed this upload."""
    media = Media(bucket="media", key=key, etag=etag, size_bytes=size)
    return [found.job_id for found in S3Transcripts(s3, "results").find_transcripts(media)]


def test_a_transcript_is_found_by_key_etag_and_size(s3: S3Client) -> None:
    key = "会议/录音 +%20'.wav"
    report(s3, f"{key}/{REPORT}", "e1")
    report(s3, f"{key}/{'1' * 32}/job.json", "e2")
    assert find(s3, key, "e1") == ["0" * 32]
    assert find(s3, key, "e2") == ["1" * 32]
    assert find(s3, key, "e3") == []
    assert find(s3, key, "e1", size=2) == []
    assert find(s3, "会议/录音", "e1") == []


def test_a_report_of_an_older_version_without_a_status_and_a_size_is_read(s3: S3Client) -> None:
    for job_id, media in (("0" * 32, {"etag": "e1", "size_bytes": 1}), ("1" * 32, {"etag": "e1"})):
        document = {"job_id": job_id, "media": media, "options": None}
        s3.put_object(Bucket="results", Key=f"a.wav/{job_id}/job.json", Body=json.dumps(document).encode())
    assert find(s3, "a.wav") == ["0" * 32]


def test_an_upload_without_an_etag_has_no_earlier_transcript(s3: S3Client) -> None:
    document = {"job_id": "0" * 32, "status": "SUCCEEDED", "media": {"etag": None, "size_bytes": 1}, "options": None}
    s3.put_object(Bucket="results", Key=f"a.wav/{REPORT}", Body=json.dumps(document).encode())
    media = Media(bucket="media", key="a.wav", size_bytes=1)
    assert list(S3Transcripts(s3, "results").find_transcripts(media)) == []


def test_the_report_of_a_failed_job_is_no_transcript(s3: S3Client) -> None:
    report(s3, f"a.wav/{REPORT}", "e1", status="FAILED")
    assert find(s3, "a.wav") == []


def test_a_transcript_has_the_options_of_its_job(s3: S3Client) -> None:
    options = Options(profile="default", model="fun-asr", parameters={"channel_id": [0]}, outputs=("srt",))
    report(s3, f"a.wav/{REPORT}", "e1", options=options.model_dump(mode="json"))
    report(s3, f"a.wav/{'1' * 32}/job.json", "e1", options={"of": "another version"})
    media = Media(bucket="media", key="a.wav", etag="e1", size_bytes=1)
    found = S3Transcripts(s3, "results").find_transcripts(media)
    assert [transcript.options for transcript in found] == [options, None]


def test_a_transcript_of_a_longer_key_is_not_found(s3: S3Client) -> None:
    report(s3, f"a.wav/b.wav/{REPORT}", "e1")
    assert find(s3, "a.wav") == []


def test_each_transcript_of_a_listing_of_several_pages_is_found_once(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_ids = [digit * 32 for digit in "0123456"]
    for job_id in job_ids:
        report(s3, f"a.wav/{job_id}/job.json", "e1")
        s3.put_object(Bucket="results", Key=f"a.wav/{job_id}/result.json", Body=b"")
    list_page: Callable[..., Any] = s3.list_objects_v2
    monkeypatch.setattr(s3, "list_objects_v2", lambda **request: list_page(**request, MaxKeys=3))
    assert find(s3, "a.wav") == job_ids


def test_a_transcript_of_a_truncated_key_is_found(s3: S3Client) -> None:
    key = "音" * 340 + ".wav"
    report(s3, result_folder("results", key, "0" * 32).files.job, "e1")
    assert find(s3, key) == ["0" * 32]
