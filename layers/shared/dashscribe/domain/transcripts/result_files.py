"""The keys of a job's files in the results bucket."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, FIRST_OUTPUTS, OUTPUTS

RESULT_JSON = "result.json"
TRANSCRIPT_JSON = "transcript.json"
JOB_JSON = "job.json"
RESULT_FILE_NAMES = (RESULT_JSON, TRANSCRIPT_JSON, *(output.file_name for output in OUTPUTS.values()), JOB_JSON)
"""Every name that a file of a job can have."""

JOB_ID_LENGTH = 32
MAX_KEY_BYTES = 1024
"""The longest key that S3 allows, in UTF-8 bytes."""
MAX_FILE_NAME_BYTES = 32
"""What a key leaves for a file's name. It is a constant, so that a new output does not change the cut of long keys."""


def _describe_outputs(schema: dict[str, Any]) -> None:
    for output in OUTPUTS.values():
        described = {"description": f"{output.file_name}: {output.description}", "type": "string"}
        schema["properties"][output.event_key] = described


class ResultFiles(BaseModel):
    """The keys of one job's stored files. Beside `result`, `transcript` and `job` it has one for each output."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra=_describe_outputs, defer_build=True)
    __pydantic_extra__: dict[str, str]

    result: str
    transcript: str
    job: str

    def __getitem__(self, event_key: str) -> str:
        """The key of an output's file. Raises `KeyError` when the output is not stored."""
        return self.__pydantic_extra__[event_key]

    @property
    def keys(self) -> list[str]:
        """The S3 keys of all files."""
        return [self.result, self.transcript, self.job, *self.__pydantic_extra__.values()]


class ResultFolder(BaseModel):
    """The prefix of a job's files, which ends in a slash, and the names of its outputs. The keys are derived from them.

    A record without `outputs` was written before outputs could be chosen.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    bucket: str
    prefix: str
    outputs: tuple[str, ...] = FIRST_OUTPUTS

    @property
    def files(self) -> ResultFiles:
        # A record may name an output that this version does not have.
        outputs = [OUTPUTS[name] for name in self.outputs if name in OUTPUTS]
        return ResultFiles.model_validate(
            {
                "result": self.prefix + RESULT_JSON,
                "transcript": self.prefix + TRANSCRIPT_JSON,
                "job": self.prefix + JOB_JSON,
                **{output.event_key: self.prefix + output.file_name for output in outputs},
            }
        )


class ResultLocation(BaseModel):
    """The prefix of a job's files and every key, as events contain them."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    bucket: str
    prefix: str
    files: ResultFiles


def results_of(media_key: str) -> str:
    """`<media key>/`, the prefix of the results of all uploads under one media key. The key is not encoded.

    If a file's key would exceed 1,024 bytes, the media key is cut after a whole character and ends in `~` and its hash,
    so that two long keys with the same beginning have different prefixes.
    """
    max_bytes = MAX_KEY_BYTES - len("//") - JOB_ID_LENGTH - MAX_FILE_NAME_BYTES
    raw = media_key.encode()
    if len(raw) > max_bytes:
        mark = "~" + hashlib.sha256(raw).hexdigest()[:16]
        media_key = raw[: max_bytes - len(mark)].decode(errors="ignore") + mark
    return f"{media_key}/"


def result_prefix(media_key: str, job_id: str) -> str:
    """`<media key>/<job id>/`, the prefix of one job's files."""
    return f"{results_of(media_key)}{job_id}/"


def result_folder(bucket: str, media_key: str, job_id: str, outputs: tuple[str, ...] = DEFAULT_OUTPUTS) -> ResultFolder:
    """The bucket, the prefix and the outputs of a job's files."""
    return ResultFolder(bucket=bucket, prefix=result_prefix(media_key, job_id), outputs=outputs)


def result_location(folder: ResultFolder) -> ResultLocation:
    """The same folder with every key, for an event."""
    return ResultLocation(bucket=folder.bucket, prefix=folder.prefix, files=folder.files)
