"""Models of DashScope's replies about tasks (docs/vendor-api.md#task-query).

They tolerate additions by the vendor: unknown fields are ignored, missing fields are None, and unknown statuses are
kept as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dashscribe.domain.recognition.tolerant import (
    MAX_ID,
    IdOrNone,
    IsObjectOrEmpty,
    IsObjectOrNone,
    OnlyObjects,
    TextOrNone,
    replace_surrogates,
    to_whole_number,
)
from dashscribe.domain.recognition.vendor_codes import NO_SPEECH_CODES
from dashscribe.domain.recognition.vendor_usage import TaskUsage
from dashscribe.domain.timestamps import parse_vendor_time
from dashscribe.redaction import redacted

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
UNKNOWN = "UNKNOWN"
FINAL_STATUSES = frozenset({SUCCEEDED, FAILED, "CANCELED", UNKNOWN}) | NO_SPEECH_CODES
"""The statuses of a task that has ended. A task with any other status, known or not, is queried again.

The vendor documents the codes for silence as a code of a file; as a status they mean the same.
"""
MAX_EPOCH_MS = 253_402_300_799_000
"""The end of the year 9999, the last time that Python and our records can express."""

FRAMES = "frames"
"""A streamed reply is stored as `{"frames": […]}`, with one entry for each event of the stream, in order."""
MAX_PAGE_SIZE = 100
"""How many entries of the task list we ask for at once. The vendor's maximum is not documented."""
DEFAULT_PAGE_SIZE = 10
"""The vendor's default (docs/vendor-api.md#task-list). Every server should allow it."""
MAX_REQUEST_ID_CHARACTERS = 100
"""How much of a request id is kept. The vendor's ids have 36 characters."""


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


def _text_or_empty(value: object) -> object:
    return replace_surrogates(value) if isinstance(value, str) else ""


def _normalized_status(status: str) -> str:
    """A known status in capitals; an unknown one redacted."""
    normalized = status.strip().upper()
    return normalized if normalized in FINAL_STATUSES else redacted(status)


def _redacted_or_none(value: str | None) -> str | None:
    return None if value is None else redacted(value)


_RedactedOrNone = Annotated[TextOrNone, AfterValidator(_redacted_or_none)]
"""Text that is recorded, logged or published. It may quote a presigned URL or the API key, so it is redacted here,
before it is shortened: half a secret cannot be recognised."""
_StatusOrNone = Annotated[TextOrNone, AfterValidator(lambda given: given and _normalized_status(given))]
RequestId = Annotated[
    _RedactedOrNone, AfterValidator(lambda given: given[:MAX_REQUEST_ID_CHARACTERS] if given else None)
]
"""The vendor's id of a request."""


class Subtask(_Reply):
    """The vendor's result for one file of a task (docs/vendor-api.md#subtask-results)."""

    file_url: TextOrNone = None
    subtask_status: _StatusOrNone = None
    transcription_url: TextOrNone = None
    code: _RedactedOrNone = None
    message: _RedactedOrNone = None

    @property
    def has_result(self) -> bool:
        return bool(self.transcription_url) and self.subtask_status in (None, SUCCEEDED)

    @property
    def is_incomplete(self) -> bool:
        """Whether the file is not done, or is done and its result is missing."""
        if not self.subtask_status or self.subtask_status == SUCCEEDED:
            return not self.transcription_url and not self.code
        return self.subtask_status not in FINAL_STATUSES and not self.code


class TaskOutput(_Reply):
    """`output` of a reply. A query has `results` for a task of several files, `result` for a task of one file."""

    task_id: Annotated[IdOrNone, AfterValidator(_redacted_or_none)] = None
    task_status: Annotated[str, BeforeValidator(_text_or_empty), AfterValidator(_normalized_status)] = ""
    scheduled_time: TextOrNone = None
    end_time: TextOrNone = None
    code: _RedactedOrNone = None
    message: _RedactedOrNone = None
    results: Annotated[list[Subtask], OnlyObjects] = []
    result: Annotated[Subtask | None, IsObjectOrNone] = None

    @property
    def subtasks(self) -> list[Subtask]:
        return self.results or ([self.result] if self.result else [])

    @property
    def is_over(self) -> bool:
        return self.task_status in FINAL_STATUSES

    @property
    def is_incomplete(self) -> bool:
        """Whether a task that succeeded has no results, or not all of them. They may come a moment later."""
        if self.task_status != SUCCEEDED or self.code:
            return False
        return not self.subtasks or any(subtask.is_incomplete for subtask in self.subtasks)

    @property
    def ended_at(self) -> datetime | None:
        return parse_vendor_time(self.end_time)

    @property
    def scheduled_at(self) -> datetime | None:
        return parse_vendor_time(self.scheduled_time)


class TaskReply(_Reply):
    """The reply to a submission or a query."""

    request_id: RequestId = None
    output: Annotated[TaskOutput, IsObjectOrEmpty] = Field(default_factory=TaskOutput)
    usage: Annotated[TaskUsage | None, IsObjectOrNone] = None


class AcceptedTask(NamedTuple):
    """A task that the vendor accepted, and the id of the request that made it."""

    task_id: str
    request_id: str | None = None


def read_request_id(reply: Mapping[str, object]) -> str | None:
    """Return the id of the request that got this reply, which may have any shape.

    The OpenAI-compatible endpoint names it `id`. Each event of a stream has it.
    """
    frames = reply.get(FRAMES)
    if isinstance(frames, list):
        return next((found for frame in frames if isinstance(frame, dict) and (found := read_request_id(frame))), None)
    return TaskReply.model_validate({"request_id": reply.get("request_id") or reply.get("id")}).request_id


def _epoch_ms_or_none(value: object) -> object:
    return to_whole_number(value, MAX_EPOCH_MS)


class ListedTask(_Reply):
    """An entry of the task list (docs/vendor-api.md#task-list). `gmt_create` is in epoch milliseconds."""

    task_id: Annotated[str, AfterValidator(redacted)]
    status: _StatusOrNone = None
    gmt_create: Annotated[int | None, BeforeValidator(_epoch_ms_or_none)] = None

    @property
    def is_over(self) -> bool:
        """Whether the task has ended. It has not if its status is missing or unknown."""
        return self.status in FINAL_STATUSES

    @property
    def created_at(self) -> datetime | None:
        """When the vendor created the task. None for what is no time of this century."""
        created = None if self.gmt_create is None else datetime.fromtimestamp(self.gmt_create / 1000, UTC)
        return created if created is not None and 2000 <= created.year < 2100 else None


def _listed_tasks(value: object) -> object:
    """The entries that name a task. One odd entry does not cost the other entries of its page."""
    if not isinstance(value, list):
        return value
    return [entry for entry in value if isinstance(entry, ListedTask) or _names_a_task(entry)]


def _names_a_task(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("task_id"), str)


def _positive_or_none(value: object) -> object:
    return to_whole_number(value, MAX_ID) or None


def _positive_or_one(value: object) -> object:
    return to_whole_number(value, MAX_ID) or 1


class TaskList(_Reply):
    """A page of the task list. Its fields are at the top level of the reply, not in `output`.

    `page_size` is the size that the server used. It may be smaller than the requested size: the maximum is not
    documented.
    """

    total_page: Annotated[int, BeforeValidator(_positive_or_one)] = 1
    page_size: Annotated[int | None, BeforeValidator(_positive_or_none)] = None
    data: Annotated[list[ListedTask], BeforeValidator(_listed_tasks)]
