"""Text objects of the media bucket: what is read, and what the error says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters.s3_texts import MAX_KEPT, MAX_TEXT_BYTES, S3Texts
from dashscribe.errors import TextUnusable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(aws: None) -> S3Client:
    client = boto3.client("s3")
    client.create_bucket(Bucket="media")
    return client


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Bulge Bracket\n会议 😀\n".encode(), "Bulge Bracket\n会议 😀"),
        (b"\xef\xbb\xbfwith a byte order mark", "with a byte order mark"),
        (b"x" * MAX_TEXT_BYTES, "x" * MAX_TEXT_BYTES),
    ],
)
def test_a_text_is_read_without_blanks_around_it(s3: S3Client, body: bytes, text: str) -> None:
    s3.put_object(Bucket="media", Key="prompts/a b.txt", Body=body)
    assert S3Texts(s3).read_text("media", "prompts/a b.txt") == text


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"x" * (MAX_TEXT_BYTES + 1), "65,537 bytes"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"RIFF\x00\x00", "not text"),
        (b" \n ", "is empty"),
        (b"", "is empty"),
    ],
)
def test_an_object_without_usable_text_is_refused_with_a_sentence(s3: S3Client, body: bytes, part: str) -> None:
    s3.put_object(Bucket="media", Key="k.txt", Body=body)
    with pytest.raises(TextUnusable, match=re.escape("s3://media/k.txt")) as refused:
        S3Texts(s3).read_text("media", "k.txt")
    assert part in str(refused.value)


def test_an_absent_object_is_refused(s3: S3Client) -> None:
    with pytest.raises(TextUnusable, match="does not exist"):
        S3Texts(s3).read_text("media", "none.txt")


def test_an_archived_object_is_refused(s3: S3Client) -> None:
    s3.put_object(Bucket="media", Key="k.txt", Body=b"x", StorageClass="GLACIER")
    with pytest.raises(TextUnusable, match="restore it"):
        S3Texts(s3).read_text("media", "k.txt")


@pytest.mark.parametrize(
    ("status", "code", "error", "sentence"),
    [
        (403, "AccessDenied", TextUnusable, "The object s3://media/k.txt may not be read."),
        (403, "InvalidObjectState", TextUnusable, "The object s3://media/k.txt is archived; restore it."),
        (400, "InvalidRequest", TextUnusable, "The object s3://media/k.txt cannot be read: InvalidRequest."),
        (404, "NoSuchKey", TextUnusable, "The object s3://media/k.txt does not exist."),
        (405, "MethodNotAllowed", TextUnusable, "The object s3://media/k.txt does not exist."),
        (500, "InternalError", ClientError, "InternalError"),
        (503, "SlowDown", ClientError, "SlowDown"),
    ],
)
def test_a_refusal_is_the_texts_fault_and_an_error_of_s3_is_not(
    s3: S3Client,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    error: type[Exception],
    sentence: str,
) -> None:
    def fail(**_: Any) -> Any:
        response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(response, "GetObject")

    monkeypatch.setattr(s3, "get_object", fail)
    with pytest.raises(error, match=re.escape(sentence)):
        S3Texts(s3).read_text("media", "k.txt")


def test_a_burst_reads_a_text_once_and_a_change_applies_later(s3: S3Client) -> None:
    now = [1000.0]
    texts = S3Texts(s3, lambda: now[0])
    s3.put_object(Bucket="media", Key="k.txt", Body=b"old")
    assert texts.read_text("media", "k.txt") == "old"
    s3.put_object(Bucket="media", Key="k.txt", Body=b"new")
    assert texts.read_text("media", "k.txt") == "old"
    now[0] += 29.9
    assert texts.read_text("media", "k.txt") == "old"
    now[0] += 0.1
    assert texts.read_text("media", "k.txt") == "new"


@pytest.mark.parametrize(("others", "text"), [(MAX_KEPT - 1, "old"), (MAX_KEPT, "new")])
def test_a_process_keeps_fifty_texts(s3: S3Client, others: int, text: str) -> None:
    """Each may have 64 KB."""
    texts = S3Texts(s3)
    s3.put_object(Bucket="media", Key="first.txt", Body=b"old")
    texts.read_text("media", "first.txt")
    s3.put_object(Bucket="media", Key="first.txt", Body=b"new")
    for number in range(others):
        s3.put_object(Bucket="media", Key=f"{number}.txt", Body=b"other")
        assert texts.read_text("media", f"{number}.txt") == "other"
    assert texts.read_text("media", "first.txt") == text
