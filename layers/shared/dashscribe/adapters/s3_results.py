"""The results bucket: store result files, and find existing transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from dashscribe.domain.jobs.job import Status
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.domain.transcripts.result_files import JOB_ID_LENGTH, JOB_JSON, results_of
from dashscribe.services.ports import StoredTranscript

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAX_CONCURRENT_PUTS = 30
"""For all jobs that one function call finalizes concurrently: six files of each, after its first."""
_LARGE_FILE_BYTES = 1024**2


class S3Results:
    """`ResultStore` on S3. It overwrites nothing: an existing file was written by an earlier attempt."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._pool = ThreadPoolExecutor(_MAX_CONCURRENT_PUTS)

    def store(self, files: Iterable[OutputFile]) -> None:
        """Store the files of one job.

        The first file is stored before the others, because it is the one that was paid for. Small files are then stored
        concurrently. Large files are stored one after the other, so that only one of them is in memory.
        """
        remaining = iter(files)
        for first in islice(remaining, 1):
            self._put(first)
        started: list[Future[None]] = []
        try:
            for file in remaining:
                if len(file.body) > _LARGE_FILE_BYTES:
                    self._put(file)
                else:
                    started.append(self._pool.submit(self._put, file))
        finally:
            wait(started)
        for put in started:
            put.result()

    def _put(self, file: OutputFile) -> None:
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=file.key,
                Body=file.body,  # type: ignore[arg-type]  # the stubs do not know that a bytearray is accepted
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


class S3Transcripts:
    """`TranscriptFinder` on S3. An upload costs one LIST, and one GET for each earlier job of its key."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def find_transcripts(self, media: Media) -> Iterator[StoredTranscript]:
        """Compare the ETag and the size in each `job.json`. The `job.json` of a failed job has no transcript."""
        for key in self._list_reports(media.key):
            report = json.loads(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())
            seen = report["media"]
            is_same = media.etag is not None and (seen["etag"], seen.get("size_bytes")) == (
                media.etag,
                media.size_bytes,
            )
            if is_same and report.get("status", Status.SUCCEEDED) == Status.SUCCEEDED:
                yield StoredTranscript(report["job_id"], _options(report))

    def _list_reports(self, media_key: str) -> Iterator[str]:
        prefix = results_of(media_key)
        length = len(prefix) + JOB_ID_LENGTH + len(f"/{JOB_JSON}")  # excludes longer media keys with the same prefix
        start_after = ""
        while True:
            reply = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=start_after)
            listed = reply.get("Contents", [])
            for entry in listed:
                key = entry["Key"]
                if key.endswith(f"/{JOB_JSON}") and len(key) == length:
                    yield key
            if not reply.get("IsTruncated") or not listed:
                return
            start_after = listed[-1]["Key"]


def _options(report: JsonObject) -> Options | None:
    try:
        return Options.model_validate(report["options"])
    except ValidationError:
        return None
