"""What one task returned for each of its files, read from the vendor's reply (docs/vendor-api.md#subtask-results)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from dashscribe.domain.recognition.file_urls import (
    comparable_path,
    find_url_mark,
    is_url_of_media,
    is_url_of_other_media,
    may_be_url_of_media,
    parse_file_url,
)
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import FAILED, SUCCEEDED, Subtask, TaskOutput
from dashscribe.domain.recognition.vendor_codes import NO_SPEECH_CODES
from dashscribe.domain.recognition.vendor_usage import TaskUsage, Tokens


class FileOutcome(BaseModel):
    """What one task returned for one job. The poller stores it in the table and the finalizer reads it.

    `transcription_url` is a signed URL and therefore a secret. It must not appear in an execution's history.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    status: str
    transcription_url: str | None = None
    code: str | None = None
    message: str | None = None
    completed_at: datetime | None = None
    billed_seconds: int | None = None
    request_id: str | None = None
    tokens: Tokens | None = None
    scheduled_at: datetime | None = None


MAX_MESSAGE_CHARACTERS = 500
MAX_CODE_CHARACTERS = 100
"""How much of a message and of a code of the vendor is kept. 100 errors must fit one record of 400 KB, and each must
fit an event."""
MISSING_FROM_RESULTS = "MISSING_FROM_RESULTS"
"""Our error code for a file that is missing from the results of a task that has ended."""
AMBIGUOUS_IN_RESULTS = "AMBIGUOUS_IN_RESULTS"
"""Our error code for a file whose path is in the results, without the query that tells it from another file."""
ONE_OF_MANY_IN_RESULTS = "ONE_OF_MANY_IN_RESULTS"
"""Our error code for a task of several files whose results contain one file only: this server takes one file a
task."""


def has_only_one_answered_file(outcomes_of_task: Mapping[str, FileOutcome], files_in_task: int) -> bool:
    """Whether the results suggest that this server takes one file a task.

    That is so if all files but one are missing, in a task of more than two files. Of two files, one may be missing for
    another reason.
    """
    missing = sum(outcome.code == MISSING_FROM_RESULTS for outcome in outcomes_of_task.values())
    return files_in_task > 2 and missing == files_in_task - 1


def read_outcomes(
    output: TaskOutput,
    media_of_job: Mapping[str, Media],
    files_in_task: int | None = None,
    usage: TaskUsage | None = None,
    *,
    others: Sequence[Media] = (),
    url_marks: Mapping[str, str] | None = None,
) -> dict[str, FileOutcome]:
    """Return the outcome of each of these jobs, by job id, from the reply of a task that has ended.

    `media_of_job` may be some of the task's files; `others` are the remaining ones, `files_in_task` is the number of
    all of them (by default, of those given), and `url_marks` has the URL marks of the jobs. Results are matched by
    their file URL, because their order is not documented (docs/vendor-api.md#subtask-results). A result that may be of
    another file is not used: the file is submitted by itself. Only a task of one file needs no match. If a task failed
    as a whole, each of its files failed. `usage` covers the whole task, so a file gets billed seconds or tokens only in
    a task of one file.
    """
    subtasks = output.subtasks
    found: dict[str, Subtask] = {}
    all_media = [*media_of_job.values(), *others]
    has_one_file = (files_in_task or len(all_media)) == 1
    has_all_media = files_in_task in (None, len(all_media))
    own_usage = usage if usage and has_one_file else TaskUsage()
    of_task = {
        "billed_seconds": own_usage.billed_seconds,
        "tokens": own_usage.tokens,
        "scheduled_at": output.scheduled_at,
    }
    named = [(task, task.file_url, find_url_mark(task.file_url)) for task in subtasks if task.file_url]
    paths = Counter(map(comparable_path, all_media))
    for job_id, media in media_of_job.items():
        is_alone = has_all_media and paths[comparable_path(media)] == 1
        matches = _subtasks_of(media, named, url_marks or {}, job_id, is_alone=is_alone)
        if has_one_file and not matches:
            matches = _unnamed(subtasks, media)
        if matches:
            # A file may be named twice. Its success counts.
            found[job_id] = next((task for task in matches if task.has_result), matches[0])
        elif any(task.file_url and may_be_url_of_media(task.file_url, media) for task in subtasks):
            found[job_id] = _ambiguous()
    return {job_id: _read_outcome(output, found.get(job_id)).model_copy(update=of_task) for job_id in media_of_job}


def _unnamed(subtasks: Sequence[Subtask], media: Media) -> list[Subtask]:
    """The results of a task of one file that do not name it. A single result may name it in an unknown way, but a
    result that names another file of the bucket is not its result."""
    possible = [task for task in subtasks if not task.file_url or not is_url_of_other_media(task.file_url, media)]
    return possible if len(subtasks) == 1 else [task for task in possible if not task.file_url]


_Named = tuple[Subtask, str, str | None]
"""A result that names a file, its URL, and the URL's mark."""


def _ambiguous() -> Subtask:
    return Subtask(
        subtask_status=FAILED,
        code=AMBIGUOUS_IN_RESULTS,
        message="The results name this file without its version, and the task has another version of it.",
    )


def _subtasks_of(
    media: Media, named: Sequence[_Named], url_marks: Mapping[str, str], job_id: str, *, is_alone: bool
) -> list[Subtask]:
    """The results of this file: those with its URL mark, else those with its path and version.

    Without a mark a URL may be incomplete. It then counts only if the path `is_alone` in the task, and not if two
    results with different transcripts have it.
    """
    ours, marks = url_marks.get(job_id), set(url_marks.values())
    by_mark = [task for task, _, mark in named if mark and mark == ours]
    if by_mark:
        return by_mark
    whole = [task for task, url, mark in named if mark and mark not in marks and is_url_of_media(url, media)]
    if whole:
        return whole
    unmarked = [(task, url) for task, url, mark in named if not mark and may_be_url_of_media(url, media)]
    with_version = [task for task, url in unmarked if parse_file_url(url)[2]]
    by_path = with_version or ([task for task, _ in unmarked] if is_alone else [])
    transcripts = {task.transcription_url for task in by_path if task.has_result}
    return by_path if len(transcripts) <= 1 else []


def _code_of_status(status: str | None, code: str | None, prefix: str) -> str:
    """The error code of a task or file. A status that is itself a code for silence is the code."""
    return status if status in NO_SPEECH_CODES and status else code or f"{prefix}_{status}"


def _truncate_code(code: str) -> str:
    return _truncate(code, MAX_CODE_CHARACTERS) or ""


def _truncate(text: str | None, max_characters: int = MAX_MESSAGE_CHARACTERS) -> str | None:
    """Shorten a text, and replace lone surrogates, which UTF-8 cannot encode."""
    return text[:max_characters].encode(errors="replace").decode() if text else None


def _read_outcome(output: TaskOutput, subtask: Subtask | None) -> FileOutcome:
    if subtask is None:
        return _outcome_without_subtask(output)
    if subtask.has_result:
        return FileOutcome(status=SUCCEEDED, transcription_url=subtask.transcription_url, completed_at=output.ended_at)
    return FileOutcome(
        status=FAILED,
        code=_truncate_code(_code_of_status(subtask.subtask_status, subtask.code or output.code, "SUBTASK")),
        message=_truncate(subtask.message or output.message or subtask.code or "DashScope gave no reason."),
        completed_at=output.ended_at,
    )


def _outcome_without_subtask(output: TaskOutput) -> FileOutcome:
    if output.task_status == SUCCEEDED and output.code not in NO_SPEECH_CODES:
        code = MISSING_FROM_RESULTS
        message = "This file is missing from the results of DashScope's task."
    else:
        code = _truncate_code(_code_of_status(output.task_status, output.code, "TASK"))
        message = f"The task ended with the status {output.task_status}."
    return FileOutcome(
        status=FAILED, code=code, message=_truncate(output.message) or message, completed_at=output.ended_at
    )
