"""Finding out what became of a POST whose answer was lost, with the vendor's own list of tasks.

A submission that was accepted is somewhere in the list, as a task that we know nothing of. The list does not say which
files a task has, but a finished task names them, itself or in its result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from dashscribe.domain.jobs.media import Media
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.recognition.task_replies import ListedTask, find_url_mark, is_url_of_media
from dashscribe.domain.recognition.vendor_codes import is_task_list_unsupported
from dashscribe.errors import ResultRefused, ResultUnavailable, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import ResultSource, SpeechService, TaskStore

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the vendor's idea of the time of our POST may lie from ours, its own time-out included."""
PAGE_SIZE = 100
"""The vendor's default is 10, its maximum is not documented; a server that allows less gives less."""
MAX_PAGES = 20
MAX_CANDIDATES = 20
"""Tasks of somebody else's on the same account look like candidates too; beyond this many the list cannot help."""


class PostOutcome(StrEnum):
    """What became of a POST."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    PENDING = "pending"  # a task that may be it still runs, or the vendor cannot answer now
    UNDETERMINED = "undetermined"  # no list here, too many tasks could be it, or one names no files


@dataclass(frozen=True)
class Reconciliation:
    """A outcome, and the task id of what was accepted."""

    outcome: PostOutcome
    task_id: str | None = None


def reconcile(
    task: Task,
    media: Collection[Media],
    tasks: TaskStore,
    speech: SpeechService,
    results: ResultSource,
    reserve_slot: Callable[[], bool],
) -> Reconciliation:
    """Look for the task that came of this POST. `media` are the files that were in it.

    A task of one file whose reply does not name it (qwen3-asr-flash-filetrans) names it in its result.
    `reserve_slot` waits until the vendor may be asked one more question; False when that is too far away.
    """
    try:
        listed, is_whole = _listed_since(task, speech, reserve_slot)
        candidates = [each for each in listed if _may_be(each, task) and not tasks.is_our_task(each.task_id)]
        if len(candidates) > MAX_CANDIDATES:
            return Reconciliation(PostOutcome.UNDETERMINED)
        undecided, nameless = False, not is_whole
        for candidate in candidates:
            if not reserve_slot():
                raise _NoSlot
            output = speech.query(candidate.task_id).output
            if not output.is_over:
                undecided = True
                continue
            named = [result.file_url for result in output.results or [] if result.file_url]
            if not named and output.result and output.result.transcription_url:
                named = _named_in_result(results, output.result.transcription_url)
            if any(_was_posted(file_url, task, media) for file_url in named):
                return Reconciliation(PostOutcome.ACCEPTED, candidate.task_id)
            nameless = nameless or not named
    except (ResultUnavailable, _NoSlot):
        return Reconciliation(PostOutcome.PENDING)
    except VendorError as error:
        logger.warning("the list of tasks could not be used", code=error.code, reason=error.message)
        no_list = is_task_list_unsupported(error.error_class, error.http_status)
        return Reconciliation(PostOutcome.UNDETERMINED if no_list else PostOutcome.PENDING)
    if undecided:
        return Reconciliation(PostOutcome.PENDING)
    return Reconciliation(PostOutcome.UNDETERMINED if nameless else PostOutcome.NOT_ACCEPTED)


class _NoSlot(Exception):
    """When the vendor may not be asked anything more for now."""


def _listed_since(task: Task, speech: SpeechService, reserve_slot: Callable[[], bool]) -> tuple[list[ListedTask], bool]:
    """The tasks of this model since the POST, newest first, and whether these are all of them.

    A list that was not read back to the moment of the POST proves nothing by what it lacks.
    """
    found: list[ListedTask] = []
    for page in range(1, MAX_PAGES + 1):
        if not reserve_slot():
            raise _NoSlot
        reply = speech.list_page(task.model, page, PAGE_SIZE)
        found += reply.data
        oldest = reply.data[-1].created_at if reply.data else None
        reached = oldest is not None and oldest < task.posted_at - CLOCK_TOLERANCE
        if reached or not reply.data or page >= reply.total_page:
            return found, True
    return found, False


def _named_in_result(results: ResultSource, url: str) -> list[str]:
    try:
        named = results.download(url).get("file_url")
    except ResultRefused:
        return []  # a result that must not be fetched names nothing
    return [named] if isinstance(named, str) else []


def _was_posted(file_url: str, task: Task, media: Collection[Media]) -> bool:
    """Whether this very POST had the file. Its address alone may also be that of another upload under the same key."""
    mark = find_url_mark(file_url)
    return mark in task.url_marks if mark and task.url_marks else any(is_url_of_media(file_url, each) for each in media)


def _may_be(listed: ListedTask, task: Task) -> bool:
    created = listed.created_at
    return created is None or abs(created - task.posted_at) <= CLOCK_TOLERANCE
