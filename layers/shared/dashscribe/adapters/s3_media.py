"""The media bucket: an object's metadata, its content, and presigned URLs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dashscribe.domain.recognition.media import Media
from dashscribe.errors import InvalidOptions, MediaArchived, MediaForbidden, MediaGone, MediaUnusable

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_ARCHIVE_STORAGE_CLASSES = ("GLACIER", "DEEP_ARCHIVE")
"""The storage classes whose objects must be restored before they can be read. GLACIER_IR is not one of them."""


class S3Media:
    """`MediaStore` on S3.

    `expiry_seconds` is the lifetime of a presigned URL. It is shorter if the credentials expire sooner.
    """

    def __init__(self, client: S3Client, expiry_seconds: int, credentials: Credentials | None = None) -> None:
        self._client = client
        self._expiry_seconds = expiry_seconds
        self._credentials = credentials

    def head(self, media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        """Return the object's user metadata. Raises `MediaGone`, and `InvalidOptions` if S3 left values out."""
        reply = self._head(media, _object_parameters(media))
        etag = reply["ETag"].strip('"')
        if media.etag and etag != media.etag:
            raise _replaced_error(media)
        if is_archived(reply) and not archived_too:
            storage = reply["ArchiveStatus"] if "ArchiveStatus" in reply else reply["StorageClass"]
            raise _archived_error(media, storage)
        if media.version_id:
            self._head(media, {"Bucket": media.bucket, "Key": media.key})  # the version remains under a delete marker
        missing = reply.get("MissingMeta")
        if missing:
            raise InvalidOptions(
                [
                    f"S3 left out {missing} of the metadata values of {media.s3_uri}, because a header cannot contain "
                    "them, so options may be missing. Write these values as RFC 2047 encoded words, and upload the "
                    "object again."
                ]
            )
        return reply["Metadata"]

    def _head(self, media: Media, parameters: dict[str, Any]) -> HeadObjectOutputTypeDef:
        try:
            return self._client.head_object(**parameters)
        except ClientError as error:
            unusable = _unusable(media, error)
            if unusable is None:
                raise
            raise unusable from error

    def read(self, media: Media) -> bytes:
        try:
            return self._client.get_object(**_object_parameters(media), **_etag_condition(media))["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                raise _replaced_error(media) from error
            unusable = _unusable(media, error)
            if unusable is None:
                raise
            raise unusable from error

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


def _unusable(media: Media, error: ClientError) -> MediaUnusable | None:
    """The error of an object that a retry does not make readable. None for any other error."""
    status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    if code == "InvalidObjectState":
        return _archived_error(media)
    if status in (404, 405):  # 405: a delete marker
        return _deleted_error(media)
    if status == 403:
        return MediaForbidden(
            f"The functions may not read the object {media.s3_uri}. "
            "They need s3:GetObject on it and kms:Decrypt on the key of an encrypted object (MediaKmsKeyArn). "
            "An object that another account uploaded must belong to the bucket's owner."
        )
    if status == 400 and code in ("400", "InvalidRequest", "BadRequest"):
        return MediaForbidden(
            f"The object {media.s3_uri} is encrypted with a key that its uploader provided (SSE-C), "
            "so the functions cannot read it. Upload it with SSE-S3 or SSE-KMS."
        )
    return None


def is_archived(reply: HeadObjectOutputTypeDef) -> bool:
    """Whether the object must be restored before it can be read.

    `ArchiveStatus` is set by Intelligent-Tiering. `Restore` says whether a restored copy exists.
    """
    is_archive = reply.get("StorageClass") in _ARCHIVE_STORAGE_CLASSES or "ArchiveStatus" in reply
    return is_archive and 'ongoing-request="false"' not in reply.get("Restore", "")


def _archived_error(media: Media, storage: str | None = None) -> MediaArchived:
    """`storage` is the storage class or the archive tier, if S3 told it."""
    kind = f" ({storage})" if storage else ""
    return MediaArchived(
        f"The object {media.s3_uri} is archived{kind}. Restore it. "
        "In a versioned bucket the transcription then starts by itself; otherwise run a backfill."
    )


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
