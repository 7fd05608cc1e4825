"""DashScope's replies, read so that nothing the vendor adds can break us (docs/vendor-api.md#task-query).

Unknown fields are ignored, missing ones are None, unknown statuses are kept as text.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dashscribe.domain.recognition.media import Media
from dashscribe.domain.timestamps import parse_vendor_time

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
OVER = frozenset({SUCCEEDED, FAILED, "CANCELED", "UNKNOWN"})
"""Statuses after which a task will not change any more. Any other word, known or not, means: ask again."""


FRAMES = "frames"
"""A streamed answer is kept as `{"frames": […]}`, one entry for each piece as it came, in order."""


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _text_or_none(value: object) -> object:
    """What should be text and is something else is as good as absent: nothing depends on it enough to fail for."""
    return value if isinstance(value, str) else None


def _whole_number_or_none(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 10**9:
        return None
    return math.ceil(value)


def _object_or_none(value: object) -> object:
    return value if isinstance(value, dict) else None


TextOrNone = Annotated[str | None, BeforeValidator(_text_or_none)]
_Number = Annotated[int | None, BeforeValidator(_whole_number_or_none)]


class Subtask(_Reply):
    """One file of a task."""

    file_url: TextOrNone = None
    subtask_status: TextOrNone = None
    transcription_url: TextOrNone = None
    code: TextOrNone = None
    message: TextOrNone = None


class TaskOutput(_Reply):
    """`output` of a task query."""

    task_id: TextOrNone = None
    task_status: str = ""
    submit_time: TextOrNone = None
    end_time: TextOrNone = None
    code: TextOrNone = None
    message: TextOrNone = None
    results: list[Subtask] | None = None
    result: Subtask | None = None

    @property
    def is_over(self) -> bool:
        return self.task_status in OVER

    @property
    def ended_at(self) -> datetime | None:
        return parse_vendor_time(self.end_time)


class TaskUsage(_Reply):
    """What the vendor bills for a task or a call, in whole seconds: `duration`, or `seconds`
    (docs/vendor-api.md#usage)."""

    duration: _Number = None
    seconds: _Number = None

    @property
    def billed_seconds(self) -> int | None:
        return self.duration if self.seconds is None else self.seconds


UsageOrNone = Annotated[TaskUsage | None, BeforeValidator(_object_or_none)]


class TaskReply(_Reply):
    """The whole reply of a submission or a query."""

    request_id: TextOrNone = None
    output: TaskOutput = Field(default_factory=TaskOutput)
    usage: UsageOrNone = None


class ListedTask(_Reply):
    """An entry of the list of tasks. `gmt_create` is in epoch milliseconds (docs/vendor-api.md#task-list)."""

    task_id: str
    status: TextOrNone = None
    gmt_create: int | None = None

    @property
    def is_over(self) -> bool:
        """A status that the list does not tell, or that we do not know, is no end."""
        return self.status in OVER

    @property
    def created_at(self) -> datetime | None:
        return None if self.gmt_create is None else datetime.fromtimestamp(self.gmt_create / 1000, UTC)


def _positive_or_none(value: object) -> object:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_PositiveNumber = Annotated[int | None, BeforeValidator(_positive_or_none)]


class TaskList(_Reply):
    """A page of the list: at the top level, without `output`.

    `page_size` is the one that was used: a server may allow less than was asked for (the maximum is not documented).
    """

    total_page: int = 1
    page_size: _PositiveNumber = None
    data: list[ListedTask]


class FileOutcome(_Reply):
    """What a task did for one job, as kept between the poll and the finalizer.

    `transcription_url` is a secret of the vendor's: it lives in the table only, never in an execution's history.
    """

    status: str
    transcription_url: str | None = None
    code: str | None = None
    message: str | None = None
    completed_at: datetime | None = None
    billed_seconds: int | None = None


MOST_CHARACTERS = 500
MOST_CODE_CHARACTERS = 100
"""Of a message and of a code of the vendor's that are kept."""
MISSING_FROM_RESULTS = "MISSING_FROM_RESULTS"
"""Our word for a file that the vendor silently left out of a finished task."""


ONE_OF_MANY_IN_RESULTS = "ONE_OF_MANY_IN_RESULTS"
"""Our word for a task of several files of which one alone was answered: this server takes one file a task."""


def one_alone_was_answered(outcomes_of_task: Mapping[str, FileOutcome], files_in_task: int) -> bool:
    """Of two files one may be missing for a reason of its own; of more, not all but one."""
    missing = sum(outcome.code == MISSING_FROM_RESULTS for outcome in outcomes_of_task.values())
    return files_in_task > 2 and missing == files_in_task - 1


def address_of(file_url: str) -> tuple[str, str, str | None]:
    """(host, path, version id) of a file URL, without its signature and however it is percent-encoded.

    All empty for what is no URL: an odd echo names nothing, and must not cost the other files of its task anything.
    """
    try:
        parts = urlsplit(file_url)
    except ValueError:
        return "", "", None
    version = parse_qs(parts.query).get("versionId", [None])[0]
    return parts.netloc.lower(), unquote(parts.path).removeprefix("/"), version


def names_media(file_url: str, media: Media) -> bool:
    """Whether an echoed file URL is this object's: the bucket is the host name's first part, else the path's."""
    host, path, version = address_of(file_url)
    in_host = host.startswith(f"{media.bucket}.")
    return path == (media.key if in_host else f"{media.bucket}/{media.key}") and version == media.version_id


def mark_of(file_url: str) -> str | None:
    """By what a signed URL is known again when it is echoed: a digest, since the signature is a secret."""
    try:
        query = parse_qs(urlsplit(file_url).query)
    except ValueError:
        return None
    signature = query.get("X-Amz-Signature", query.get("Signature"))
    return hashlib.sha256(signature[0].encode()).hexdigest()[:16] if signature else None


def outcomes(
    output: TaskOutput,
    media_of_job: Mapping[str, Media],
    files_in_task: int | None = None,
    usage: TaskUsage | None = None,
) -> dict[str, FileOutcome]:
    """What a finished task says of these jobs: all of its files, or those of `files_in_task` that wait for it still.

    Results are matched by their file URL, not by their order, which the vendor does not promise
    (docs/vendor-api.md#subtask-results).
    Only a file that was alone in its task needs no matching: the last one that waits could get its neighbour's result.
    A task that failed as a whole failed for each of its files. `usage` is the whole task's, so it is a file's only for
    one that was single_file_task.
    """
    subtasks = list(output.results or ([output.result] if output.result else []))
    found: dict[str, Subtask] = {}
    alone = (files_in_task or len(media_of_job)) == 1
    billed_seconds = usage.billed_seconds if usage and alone else None
    if alone and len(subtasks) == 1:
        found[next(iter(media_of_job))] = subtasks[0]
    else:
        for job_id, media in media_of_job.items():
            match = next((task for task in subtasks if task.file_url and names_media(task.file_url, media)), None)
            if match is not None:
                found[job_id] = match
    return {
        job_id: _outcome(output, found.get(job_id)).model_copy(update={"billed_seconds": billed_seconds})
        for job_id in media_of_job
    }


def _code(words: str) -> str:
    return _cut(words, MOST_CODE_CHARACTERS) or ""


def _cut(words: str | None, most: int = MOST_CHARACTERS) -> str | None:
    """A hundred reasons share one record of 400 KB, and each goes into an event. Half characters are no UTF-8."""
    return words[:most].encode(errors="replace").decode() if words else None


def _outcome(output: TaskOutput, subtask: Subtask | None) -> FileOutcome:
    if subtask is None:
        whole_task_failed = output.task_status != SUCCEEDED
        return FileOutcome(
            status=FAILED,
            code=_code(output.code or f"TASK_{output.task_status}") if whole_task_failed else MISSING_FROM_RESULTS,
            message=_cut(output.message)
            or (
                f"The task ended as {output.task_status}."
                if whole_task_failed
                else "DashScope's finished task says nothing of this file."
            ),
            completed_at=output.ended_at,
        )
    worked = bool(subtask.transcription_url) and subtask.subtask_status in (None, SUCCEEDED)
    return FileOutcome(
        status=SUCCEEDED if worked else FAILED,
        transcription_url=subtask.transcription_url if worked else None,
        code=None if worked else _code(subtask.code or output.code or f"SUBTASK_{subtask.subtask_status}"),
        message=None if worked else _cut(subtask.message or output.message or subtask.code or "No reason was given."),
        completed_at=output.ended_at,
    )
