"""Look up an object by its key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters.s3_uploads import S3Uploads
from dashscribe.services.ports import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(aws: None) -> S3Client:
    client = boto3.client("s3")
    for bucket in ("media", "plain"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    return client


def found(s3: S3Client, bucket: str, key: str) -> Upload:
    upload = S3Uploads(s3).find_upload(bucket, key)
    assert upload is not None
    return upload


@pytest.mark.parametrize("key", ["a.wav", "a b+c%20'\"é中😀.wav", "/x//y.wav"])
def test_the_newest_version_has_the_same_fields_as_in_an_event(s3: S3Client, key: str) -> None:
    s3.put_object(Bucket="media", Key=key, Body=b"older")
    newer = s3.put_object(Bucket="media", Key=key, Body=b"newer one")
    upload = found(s3, "media", key)
    assert (upload.media.bucket, upload.media.key, upload.media.size_bytes) == ("media", key, 9)
    assert (upload.media.version_id, upload.media.etag) == (newer["VersionId"], newer["ETag"].strip('"'))
    assert datetime.now(UTC) - upload.uploaded_at < timedelta(minutes=1)
    assert not upload.archived


def test_an_object_of_a_bucket_without_versioning_has_no_version_id(s3: S3Client) -> None:
    s3.put_object(Bucket="plain", Key="a.wav", Body=b"x")
    assert found(s3, "plain", "a.wav").media.version_id is None


def test_an_object_from_before_versioning_has_no_version_id(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="plain", Key="a.wav", Body=b"x")
    reply = {**s3.head_object(Bucket="plain", Key="a.wav"), "VersionId": "null"}
    monkeypatch.setattr(s3, "head_object", lambda **_: reply)
    assert found(s3, "plain", "a.wav").media.version_id is None


def test_a_deleted_object_is_not_found(s3: S3Client) -> None:
    s3.put_object(Bucket="media", Key="a.wav", Body=b"x")
    s3.delete_object(Bucket="media", Key="a.wav")
    for key in ("a.wav", "never.wav"):
        assert S3Uploads(s3).find_upload("media", key) is None


@pytest.mark.parametrize(("status", "is_absent"), [(404, True), (405, True), (403, False), (500, False)])
def test_only_a_missing_object_and_a_delete_marker_are_no_upload(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, status: int, is_absent: bool
) -> None:
    def refused(**_: object) -> None:
        raise ClientError({"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "HeadObject")  # type: ignore[typeddict-item]  # only the fields that are read

    monkeypatch.setattr(s3, "head_object", refused)
    if is_absent:
        assert S3Uploads(s3).find_upload("media", "a.wav") is None
        return
    with pytest.raises(ClientError):
        S3Uploads(s3).find_upload("media", "a.wav")


@pytest.mark.parametrize(
    ("answer", "archived"),
    [
        ({}, False),
        ({"StorageClass": "GLACIER"}, True),
        ({"StorageClass": "DEEP_ARCHIVE", "Restore": 'ongoing-request="true"'}, True),
        ({"StorageClass": "GLACIER", "Restore": 'ongoing-request="false", expiry-date="Fri, 01 Jan 2027"'}, False),
        ({"StorageClass": "GLACIER_IR"}, False),
        ({"StorageClass": "INTELLIGENT_TIERING"}, False),
        ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "DEEP_ARCHIVE_ACCESS"}, True),
    ],
)
def test_an_archived_object_is_marked_as_archived(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str], archived: bool
) -> None:
    s3.put_object(Bucket="media", Key="a.wav", Body=b"x")
    reply = {**s3.head_object(Bucket="media", Key="a.wav"), **answer}
    monkeypatch.setattr(s3, "head_object", lambda **_: reply)
    assert found(s3, "media", "a.wav").archived is archived
