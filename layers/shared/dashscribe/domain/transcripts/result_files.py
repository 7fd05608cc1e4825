"""Where a job's files lie in the results bucket."""

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
"""S3's own limit for a key, in UTF-8 bytes."""


class ResultFiles(BaseModel):
    """The keys of one job's files, as events name them."""

    model_config = ConfigDict(frozen=True)

    result: str
    transcript: str
    text: str
    srt: str
    vtt: str
    job: str


class ResultFolder(BaseModel):
    """Where a job's files are. `prefix` ends in a slash. Records store only this; each file's key follows from it."""

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
    """The same with every key written out, as events have it."""

    model_config = ConfigDict(frozen=True)

    bucket: str
    prefix: str
    files: ResultFiles


def results_of(media_key: str) -> str:
    """`<media key>/`, under which the results of all its uploads lie, whatever characters the media key has.

    A media key so long that a file's key would pass 1,024 bytes is cut, at a whole character, and ends in `~` and
    its hash: two long keys that begin alike stay apart.
    """
    room = MAX_KEY_BYTES - len("//") - JOB_ID_LENGTH - max(map(len, RESULT_FILE_NAMES))
    raw = media_key.encode()
    if len(raw) > room:
        mark = "~" + hashlib.sha256(raw).hexdigest()[:16]
        media_key = raw[: room - len(mark)].decode(errors="ignore") + mark
    return f"{media_key}/"


def result_prefix(media_key: str, job_id: str) -> str:
    """`<media key>/<job id>/`."""
    return f"{results_of(media_key)}{job_id}/"


def result_folder(bucket: str, media_key: str, job_id: str) -> ResultFolder:
    """Where the files of a job are."""
    return ResultFolder(bucket=bucket, prefix=result_prefix(media_key, job_id))


def result_location(folder: ResultFolder) -> ResultLocation:
    """The keys of all files of a job."""
    return ResultLocation(bucket=folder.bucket, prefix=folder.prefix, files=folder.files)
