"""Look up an object of the media bucket by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dashscribe.adapters.s3_media import is_archived
from dashscribe.domain.recognition.media import Media
from dashscribe.services.ports import Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Uploads:
    """`UploadFinder` on S3. Each lookup is one HEAD request, because a listing does not have the version id."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def find_upload(self, bucket: str, key: str) -> Upload | None:
        try:
            reply = self._client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 405):  # 405: a delete marker
                return None
            raise
        version_id = reply.get("VersionId")
        media = Media(
            bucket=bucket,
            key=key,
            # "null" is the version that was written without versioning. It can be overwritten, so it is no version id.
            version_id=version_id if version_id != "null" else None,
            etag=reply["ETag"].strip('"'),
            size_bytes=reply["ContentLength"],
        )
        return Upload(media, reply["LastModified"], is_archived(reply))
