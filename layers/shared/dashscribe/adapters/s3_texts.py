"""Text objects of the media bucket, which requests contain as context or prompt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dashscribe.domain.recognition.context import MAX_CONTEXT_CHARACTERS
from dashscribe.errors import TextUnusable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_TEXT_BYTES = MAX_CONTEXT_CHARACTERS
MAX_AGE_SECONDS = 30
"""How long a text is kept, so that the uploads of a burst read it once. A changed object applies within a minute."""
MAX_KEPT = 50


class S3Texts:
    """`TextSource` on S3. `clock` returns seconds."""

    def __init__(self, client: S3Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}

    def read_text(self, bucket: str, key: str) -> str:
        now = self._clock()
        kept = self._kept.get((bucket, key))
        if kept and now - kept[0] < MAX_AGE_SECONDS:
            return kept[1]
        text = self._read(bucket, key)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[bucket, key] = now, text
        return text

    def _read(self, bucket: str, key: str) -> str:
        address = f"The object s3://{bucket}/{key}"
        try:
            reply = self._client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
            if status in (404, 405):
                raise TextUnusable(
                    f"{address} does not exist. It must be in the bucket of the recording; upload it there."
                ) from error
            if status == 403:
                reason = "is archived; restore it" if code == "InvalidObjectState" else "may not be read"
                raise TextUnusable(f"{address} {reason}.") from error
            if status == 400:
                raise TextUnusable(f"{address} cannot be read: {code}.") from error
            raise
        size = reply["ContentLength"]
        if size > MAX_TEXT_BYTES:
            raise TextUnusable(f"{address} has {size:,} bytes; at most {MAX_TEXT_BYTES:,} are allowed. Shorten it.")
        try:
            text = reply["Body"].read().decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise TextUnusable(f"{address} is not text in UTF-8. Save it as UTF-8.") from None
        if "\0" in text:
            raise TextUnusable(f"{address} is not text. Name a text file in UTF-8.")
        if not text:
            raise TextUnusable(f"{address} is empty. Write the text into it, or name no object.")
        return text
