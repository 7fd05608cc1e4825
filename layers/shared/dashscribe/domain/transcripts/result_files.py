"""The keys of a job's files in the results bucket."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

RESULT_JSON = "result.json"
TRANSCRIPT_JSON = "transcript.json"
TRANSCRIPT_TEXT = "transcript.txt"
TRANSCRIPT_SRT = "transcript.srt"
TRANSCRIPT_VTT = "transcript.vtt"
JOB_JSON = "job.json"
RESULT_FILE_NAMES = (RESULT_JSON, TRANSCRIPT_JSON, TRANSCRIPT_TEXT, TRANSCRIPT_SRT, TRANSCRIPT_VTT, JOB_JSON)

JOB_ID_LENGTH = 32
MAX_KEY_BYTES = 1024
"""The longest key that S3 allows, in UTF-8 bytes."""


class ResultFiles(BaseModel):
    """The keys of one job's files, by the names that events use."""

    model_config = ConfigDict(frozen=True)

    result: str
    transcript: str
    text: str
    srt: str
    vtt: str
    job: str


class ResultFolder(BaseModel):
    """The prefix of a job's files, which ends in a slash. Records store only this; the keys are derived from it."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    prefix: str

    @property
    def files(self) -> ResultFiles:
        return ResultFiles(
            result=self.prefix + RESULT_JSON,
            transcript=self.prefix + TRANSCRIPT_JSON,
            text=self.prefix + TRANSCRIPT_TEXT,
            srt=self.prefix + TRANSCRIPT_SRT,
            vtt=self.prefix + TRANSCRIPT_VTT,
            job=self.prefix + JOB_JSON,
        )


class ResultLocation(BaseModel):
    """The prefix of a job's files and every key, as events contain them."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    prefix: str
    files: ResultFiles


def results_of(media_key: str) -> str:
    """`<media key>/`, the prefix of the results of all uploads under one media key. The key is not encoded.

    If a file's key would exceed 1,024 bytes, the media key is cut after a whole character and ends in `~` and its hash,
    so that two long keys with the same beginning have different prefixes.
    """
    max_bytes = MAX_KEY_BYTES - len("//") - JOB_ID_LENGTH - max(map(len, RESULT_FILE_NAMES))
    raw = media_key.encode()
    if len(raw) > max_bytes:
        mark = "~" + hashlib.sha256(raw).hexdigest()[:16]
        media_key = raw[: max_bytes - len(mark)].decode(errors="ignore") + mark
    return f"{media_key}/"


def result_prefix(media_key: str, job_id: str) -> str:
    """`<media key>/<job id>/`, the prefix of one job's files."""
    return f"{results_of(media_key)}{job_id}/"


def result_folder(bucket: str, media_key: str, job_id: str) -> ResultFolder:
    """The bucket and prefix of a job's files."""
    return ResultFolder(bucket=bucket, prefix=result_prefix(media_key, job_id))


def result_location(folder: ResultFolder) -> ResultLocation:
    """The same folder with every key, for an event."""
    return ResultLocation(bucket=folder.bucket, prefix=folder.prefix, files=folder.files)
