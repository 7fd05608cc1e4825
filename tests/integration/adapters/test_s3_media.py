"""Read exactly the uploaded version of an object, and presign URLs for the vendor."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError

from dashscribe.adapters import aws_clients
from dashscribe.adapters.s3_media import S3Media
from dashscribe.domain.recognition.media import Media
from dashscribe.errors import InvalidOptions, MediaArchived, MediaForbidden, MediaGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SPECIAL_KEYS = [
    "plain.wav",
    "with space.wav",
    "a+b.wav",
    "100%25.wav",
    "50%.wav",
    "quote'\"`.wav",
    "😀🎙️.mp3",
    "会议/录音.wav",
    "a//b/./c.wav",
    "/leading.wav",
    "q?x=1&y=2#f.wav",
    "semi;colon:comma,@$!*()[]{}|^~=.wav",
    "tab\tnewline\n.wav",
]


@pytest.fixture
def s3(aws: None) -> S3Client:
    client = boto3.client("s3")
    client.create_bucket(Bucket="media")
    client.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def plain_bucket(s3: S3Client) -> str:
    s3.create_bucket(Bucket="plain")
    return "plain"


def put(
    s3: S3Client, key: str = "a.wav", body: bytes = b"x", bucket: str = "media", metadata: dict[str, str] | None = None
) -> Media:
    reply = s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata or {})
    return Media(
        bucket=bucket,
        key=key,
        version_id=reply.get("VersionId"),
        etag=reply["ETag"].strip('"'),
        size_bytes=len(body),
    )


def refusing(status: int, code: str) -> Callable[..., Any]:
    """A request of S3 that is refused with this status and error code."""

    def refuse(**_: object) -> None:
        raise ClientError(
            {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
            "Operation",
        )

    return refuse


# head


@pytest.mark.parametrize("key", SPECIAL_KEYS)
def test_the_metadata_of_an_object_with_any_key_is_read(s3: S3Client, key: str) -> None:
    media = put(s3, key, metadata={"dashscribe-model": "fun-asr", "other": "1"})
    assert S3Media(s3, 60).head(media) == {"dashscribe-model": "fun-asr", "other": "1"}


def test_an_object_without_metadata_has_none(s3: S3Client) -> None:
    assert S3Media(s3, 60).head(put(s3)) == {}


def test_the_metadata_of_the_uploaded_version_is_read_and_not_of_a_newer_one(s3: S3Client) -> None:
    older = put(s3, body=b"1", metadata={"which": "older"})
    put(s3, body=b"2", metadata={"which": "newer"})
    assert S3Media(s3, 60).head(older) == {"which": "older"}


def test_a_version_under_a_delete_marker_is_gone(s3: S3Client) -> None:
    """The version can still be read, but its owner deleted the recording."""
    media = put(s3, metadata={"which": "hidden"})
    s3.delete_object(Bucket="media", Key=media.key)
    with pytest.raises(MediaGone):
        S3Media(s3, 60).head(media)


@pytest.mark.parametrize("storage", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_refused_until_it_is_restored(s3: S3Client, storage: Any) -> None:
    media = put(s3)
    s3.put_object(Bucket="media", Key="old.wav", Body=b"x", StorageClass=storage)
    reply = s3.head_object(Bucket="media", Key="old.wav")
    archived = media.model_copy(
        update={"key": "old.wav", "etag": reply["ETag"].strip('"'), "version_id": reply.get("VersionId")}
    )
    with pytest.raises(MediaArchived, match=rf"s3://media/old\.wav is archived \({storage}\)\. Restore it"):
        S3Media(s3, 60).head(archived)
    with pytest.raises(MediaArchived, match=r"s3://media/old\.wav is archived\. Restore it"):
        S3Media(s3, 60).read(archived)
    assert S3Media(s3, 60).head(archived, archived_too=True) == {}
    s3.restore_object(Bucket="media", Key="old.wav", RestoreRequest={"Days": 1})
    assert S3Media(s3, 60).head(archived) == {}


@pytest.mark.parametrize("tier", ["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"])
def test_an_object_in_an_archive_tier_is_refused_with_the_name_of_the_tier(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, tier: str
) -> None:
    media = put(s3)
    reply = {**s3.head_object(Bucket="media", Key=media.key), "StorageClass": "INTELLIGENT_TIERING"}
    monkeypatch.setattr(s3, "head_object", lambda **_: {**reply, "ArchiveStatus": tier})
    with pytest.raises(MediaArchived, match=rf"is archived \({tier}\)"):
        S3Media(s3, 60).head(media)
    monkeypatch.setattr(s3, "head_object", lambda **_: reply)
    assert S3Media(s3, 60).head(media) == {}


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "403", "kms:Decrypt"),
        (403, "AccessDenied", "s3:GetObject"),
        (400, "400", "SSE-C"),
        (400, "InvalidRequest", "SSE-C"),
        (400, "BadRequest", "SSE-C"),
    ],
)
def test_an_object_that_may_not_be_read_is_forbidden_with_what_to_do(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str
) -> None:
    media = put(s3)
    monkeypatch.setattr(s3, "head_object", refusing(status, code))
    with pytest.raises(MediaForbidden, match=said):
        S3Media(s3, 60).head(media)


@pytest.mark.parametrize(("status", "code"), [(400, "ExpiredToken"), (503, "SlowDown"), (503, "400"), (500, "404")])
def test_an_error_of_s3_that_may_pass_is_raised(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    media = put(s3)
    for operation in ("head_object", "get_object"):
        monkeypatch.setattr(s3, operation, refusing(status, code))
    with pytest.raises(ClientError, match=code):
        S3Media(s3, 60).head(media)
    with pytest.raises(ClientError, match=code):
        S3Media(s3, 60).read(media)


def test_a_deleted_object_is_gone(s3: S3Client, plain_bucket: str) -> None:
    media = put(s3, bucket=plain_bucket)
    s3.delete_object(Bucket=plain_bucket, Key=media.key)
    with pytest.raises(MediaGone, match=r"s3://plain/a\.wav .* deleted before it was submitted"):
        S3Media(s3, 60).head(media)


def test_a_deleted_version_is_gone(s3: S3Client) -> None:
    media = put(s3)
    s3.delete_object(Bucket="media", Key=media.key, VersionId=media.version_id or "")
    with pytest.raises(MediaGone):
        S3Media(s3, 60).head(media)


def test_a_delete_marker_in_place_of_the_object_is_gone(s3: S3Client) -> None:
    media = put(s3)
    s3.delete_object(Bucket="media", Key=media.key)
    with pytest.raises(MediaGone):
        S3Media(s3, 60).head(media.model_copy(update={"version_id": None}))


def test_the_version_of_a_delete_marker_is_gone(s3: S3Client) -> None:
    """S3 returns 405 here, not 404."""
    media = put(s3)
    marker = s3.delete_object(Bucket="media", Key=media.key)["VersionId"]
    with pytest.raises(MediaGone):
        S3Media(s3, 60).head(media.model_copy(update={"version_id": marker}))


def test_an_object_that_was_replaced_is_gone(s3: S3Client, plain_bucket: str) -> None:
    media = put(s3, body=b"1", bucket=plain_bucket)
    put(s3, body=b"2", bucket=plain_bucket)
    with pytest.raises(MediaGone, match="was replaced before it was submitted"):
        S3Media(s3, 60).head(media)


def test_an_upload_without_an_etag_in_its_event_is_not_checked(s3: S3Client) -> None:
    media = put(s3, metadata={"which": "any"}).model_copy(update={"etag": None})
    assert S3Media(s3, 60).head(media) == {"which": "any"}


# read


@pytest.mark.parametrize("key", SPECIAL_KEYS)
def test_the_content_of_an_object_with_any_key_is_read(s3: S3Client, key: str) -> None:
    body = bytes(range(256)) * 1_000
    assert S3Media(s3, 60).read(put(s3, key, body)) == body


def test_the_uploaded_version_is_read_and_not_a_newer_one(s3: S3Client) -> None:
    older = put(s3, body=b"older")
    put(s3, body=b"newer")
    assert S3Media(s3, 60).read(older) == b"older"


def test_a_version_hidden_by_a_delete_marker_can_still_be_read(s3: S3Client) -> None:
    media = put(s3, body=b"hidden")
    s3.delete_object(Bucket="media", Key=media.key)
    assert S3Media(s3, 60).read(media) == b"hidden"


def test_reading_a_deleted_object_reports_that_it_is_gone(s3: S3Client, plain_bucket: str) -> None:
    media = put(s3, bucket=plain_bucket)
    s3.delete_object(Bucket=plain_bucket, Key=media.key)
    with pytest.raises(MediaGone, match=r"s3://plain/a\.wav .* deleted before it was submitted"):
        S3Media(s3, 60).read(media)


def test_reading_a_deleted_version_or_a_delete_marker_reports_that_it_is_gone(s3: S3Client) -> None:
    media = put(s3)
    marker = s3.delete_object(Bucket="media", Key=media.key)["VersionId"]
    s3.delete_object(Bucket="media", Key=media.key, VersionId=media.version_id or "")
    for version in (media.version_id, marker, None):
        with pytest.raises(MediaGone):
            S3Media(s3, 60).read(media.model_copy(update={"version_id": version}))


def test_an_access_error_is_no_missing_object(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "get_object", refusing(403, "AccessDenied"))
    with pytest.raises(MediaForbidden):
        S3Media(s3, 60).read(Media(bucket="media", key="a.wav", size_bytes=1))


def test_the_content_of_a_newer_upload_is_not_read_for_the_older_one(s3: S3Client, plain_bucket: str) -> None:
    """A synchronous call would be paid for the wrong recording."""
    media = put(s3, body=b"1", bucket=plain_bucket)
    put(s3, body=b"2", bucket=plain_bucket)
    with pytest.raises(MediaGone, match="was replaced before it was submitted"):
        S3Media(s3, 60).read(media)
    assert S3Media(s3, 60).read(media.model_copy(update={"etag": None})) == b"2"


# presign


def presigned(media: Media, expiry_seconds: int = 3600) -> str:
    return S3Media(aws_clients.s3(), expiry_seconds).presign(media)


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-1"])
def test_a_url_has_signature_version_4_and_the_regional_virtual_hosted_endpoint(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    url = urlsplit(presigned(Media(bucket="my-media", key="calls/a.wav", size_bytes=1)))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == ("https", f"my-media.s3.{region}.amazonaws.com", "/calls/a.wav")
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert f"/{region}/s3/aws4_request" in query["X-Amz-Credential"][0]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert re.fullmatch(r"[0-9a-f]{64}", query["X-Amz-Signature"][0])
    assert "AWSAccessKeyId" not in query


def test_a_bucket_with_dots_is_in_the_path_of_the_url() -> None:
    url = urlsplit(presigned(Media(bucket="media.example.com", key="a.wav", size_bytes=1)))
    assert (url.netloc, url.path) == ("s3.us-east-1.amazonaws.com", "/media.example.com/a.wav")


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_local_endpoint_has_the_bucket_in_the_path(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://localhost:4566")
    url = urlsplit(presigned(Media(bucket="my-media", key="calls/a b.wav", size_bytes=1)))
    assert (url.scheme, url.netloc, url.path) == ("http", "localhost:4566", "/my-media/calls/a%20b.wav")
    assert parse_qs(url.query)["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


@pytest.mark.parametrize("key", SPECIAL_KEYS)
def test_every_character_of_a_key_is_preserved_in_the_url(key: str) -> None:
    url = presigned(Media(bucket="media", key=key, size_bytes=1))
    path = url.removeprefix("https://media.s3.us-east-1.amazonaws.com").split("?")[0]
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", path)
    assert unquote(path, errors="strict") == f"/{key}"


def test_a_url_has_the_version_id_if_there_is_one() -> None:
    version = "3HL4kqtJ+lcpXro/DTDmJ=="
    with_version = Media(bucket="media", key="a.wav", version_id=version, size_bytes=1)
    assert parse_qs(urlsplit(presigned(with_version)).query)["versionId"] == [version]
    without = Media(bucket="media", key="a.wav", size_bytes=1)
    assert "versionId" not in parse_qs(urlsplit(presigned(without)).query)


def test_the_signature_covers_the_version_and_the_key() -> None:
    def signature(key: str, version_id: str) -> str:
        media = Media(bucket="media", key=key, version_id=version_id, size_bytes=1)
        return parse_qs(urlsplit(presigned(media)).query)["X-Amz-Signature"][0]

    assert len({signature("a", "1"), signature("a", "2"), signature("b", "1")}) == 3


def test_the_token_of_temporary_credentials_is_in_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-token")
    monkeypatch.setattr(aws_clients, "_session", botocore.session.get_session)
    query = parse_qs(urlsplit(presigned(Media(bucket="media", key="a.wav", size_bytes=1))).query)
    assert query["X-Amz-Security-Token"] == ["the-token"]


def lifetime(expiry_seconds: int, credentials_left: float | None) -> int:
    credentials = None
    if credentials_left is not None:
        credentials = RefreshableCredentials(
            "key",
            "secret",
            "token",
            expiry_time=datetime.now(UTC) + timedelta(seconds=credentials_left),
            refresh_using=dict,
            method="test",
        )
    url = S3Media(aws_clients.s3(), expiry_seconds, credentials).presign(
        Media(bucket="media", key="a.wav", size_bytes=1)
    )
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


def test_a_url_has_the_configured_lifetime_if_the_credentials_expiry_is_unknown() -> None:
    assert lifetime(43200, None) == 43200


def test_a_url_has_the_configured_lifetime_if_the_credentials_expire_later() -> None:
    assert lifetime(3600, 7200) == 3600


def test_a_url_of_expired_credentials_has_the_shortest_lifetime_that_s3_allows() -> None:
    assert lifetime(43200, -5) == 1


@pytest.mark.parametrize("left", [120, 130, 600, 3600, 43200, 43230])
def test_a_url_never_outlives_the_credentials_that_signed_it(left: int) -> None:
    assert 60 <= lifetime(43200, left) < left


def test_metadata_that_s3_left_out_is_an_error_and_not_an_upload_without_options() -> None:
    class Client:
        def head_object(self, **_: object) -> dict[str, object]:
            return {"ETag": '"e"', "Metadata": {}, "MissingMeta": 1}

    client: Any = Client()
    with pytest.raises(InvalidOptions, match="1 of the metadata values"):
        S3Media(client, 60).head(Media(bucket="b", key="k.mp3", etag="e", size_bytes=1))
