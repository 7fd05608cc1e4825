"""The results bucket."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dashscribe.domain.parameters import JsonObject
from dashscribe.services.ports import ResultFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Results:
    """`ResultStore` on S3. Nothing is ever written over: a file that is there was written by an earlier try."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(self, files: Iterable[ResultFile]) -> None:
        for file in files:
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=file.key,
                    Body=file.body,
                    ContentType=file.content_type,
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "PreconditionFailed":
                    raise

    def find_json(self, key: str) -> JsonObject | None:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        found: JsonObject = json.loads(body)
        return found
