"""The results bucket for `dashscribe render`: find the jobs, read their files, and write new versions of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dashscribe.domain.transcripts.result_files import JOB_ID_LENGTH, RESULT_JSON

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_RESULT_KEY = re.compile(rf"(?:^|/)[0-9a-f]{{{JOB_ID_LENGTH}}}/{re.escape(RESULT_JSON)}$")


class S3Folder:
    """`FileFolder` on S3. Unlike `S3Results` it replaces files; on a bucket with versions the old ones are kept."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def read(self, name: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def write(self, name: str, body: bytes, content_type: str) -> None:
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body, ContentType=content_type)


def find_result_prefixes(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """The prefixes, which end in a slash, of all jobs with a result under a prefix."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if _RESULT_KEY.search(entry["Key"]):
                yield entry["Key"].removesuffix(RESULT_JSON)
