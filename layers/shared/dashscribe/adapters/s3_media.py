"""The media bucket: an object's metadata, its content, and presigned URLs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dashscribe.domain.recognition.media import Media
from dashscribe.errors import MediaGone

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client


class S3Media:
    """`MediaStore` on S3.

    `expiry_seconds` is the lifetime of a presigned URL. It is shorter if the credentials expire sooner.
    """

    def __init__(self, client: S3Client, expiry_seconds: int, credentials: Credentials | None = None) -> None:
        self._client = client
        self._expiry_seconds = expiry_seconds
        self._credentials = credentials

    def head(self, media: Media) -> Mapping[str, str]:
        try:
            reply = self._client.head_object(**_object_parameters(media))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 405):  # 405: a delete marker
                raise _deleted_error(media) from error
            raise
        etag = reply["ETag"].strip('"')
        if media.etag and etag != media.etag:
            raise _replaced_error(media)
        return reply["Metadata"]

    def read(self, media: Media) -> bytes:
        try:
            return self._client.get_object(**_object_parameters(media), **_etag_condition(media))["Body"].read()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 405):
                raise _deleted_error(media) from error
            if error.response["Error"]["Code"] == "PreconditionFailed":
                raise _replaced_error(media) from error
            raise

    def presign(self, media: Media) -> str:
        """Return a GET URL for exactly this object version. It is a secret: do not log, store or publish it."""
        return self._client.generate_presigned_url(
            "get_object", Params=_object_parameters(media), ExpiresIn=self._url_lifetime_seconds()
        )

    def _url_lifetime_seconds(self) -> int:
        """A presigned URL expires with the credentials that signed it. Lambda does not say when its own expire."""
        expiry = getattr(self._credentials, "_expiry_time", None)
        if expiry is None:
            return self._expiry_seconds
        left = int((expiry - datetime.now(UTC)).total_seconds())
        return max(1, min(self._expiry_seconds, left))


def _deleted_error(media: Media) -> MediaGone:
    return MediaGone(
        f"The object {media.s3_uri} no longer exists; it was deleted before it was submitted. "
        "To have it transcribed, upload it again."
    )


def _etag_condition(media: Media) -> dict[str, Any]:
    return {"IfMatch": f'"{media.etag}"'} if media.etag else {}


def _replaced_error(media: Media) -> MediaGone:
    return MediaGone(
        f"The object {media.s3_uri} was replaced before it was submitted; the newer upload has its own job. "
        "To have both transcribed, turn on versioning for the bucket."
    )


def _object_parameters(media: Media) -> dict[str, Any]:
    address = {"Bucket": media.bucket, "Key": media.key}
    return {**address, "VersionId": media.version_id} if media.version_id else address
