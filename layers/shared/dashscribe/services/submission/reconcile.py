"""Reconciliation: finding out from the task list whether the vendor accepted a POST whose response was lost.

An accepted submission is in the task list as a task that is not ours yet. The list does not name the files of a task,
but a finished task names them, in its reply or in its result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from dashscribe.domain.jobs.task import Task
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import ListedTask, mark_of, names_media
from dashscribe.domain.recognition.vendor_codes import says_there_is_no_list
from dashscribe.errors import ResultRefused, ResultUnavailable, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import ResultSource, SpeechService, VendorFacts

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the vendor's time of our POST may differ from ours. It covers the time-out of the POST."""
PAGE_SIZE = 100
"""The vendor's default is 10 and its maximum is not documented. A server that allows less returns less."""
MAX_PAGES = 20
MAX_CANDIDATES = 20
"""Tasks of other programs on the same account are candidates too. With more of them the list cannot decide."""


class PostOutcome(StrEnum):
    """Whether the vendor accepted a POST."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    PENDING = "pending"  # a candidate still runs, or the vendor cannot answer now: try again
    UNDETERMINED = "undetermined"  # no task list, too many candidates, or a candidate that names no files


@dataclass(frozen=True)
class Reconciliation:
    """The outcome of a POST. `task_id` is set when it was accepted."""

    outcome: PostOutcome
    task_id: str | None = None


def reconcile(
    task: Task,
    media: Collection[Media],
    facts: VendorFacts,
    speech: SpeechService,
    results: ResultSource,
    reserve_slot: Callable[[], bool],
) -> Reconciliation:
    """Find the task that this POST made. `media` are the files of the POST.

    A reply that does not name its only file (qwen3-asr-flash-filetrans) has the name in its result. `reserve_slot`
    waits for a slot of the query rate; it returns False when the slot is too far away.
    """
    try:
        listed, is_whole = _listed_since(task, speech, reserve_slot)
        candidates = [each for each in listed if _is_candidate(each, task) and not facts.is_our_task(each.task_id)]
        if len(candidates) > MAX_CANDIDATES:
            return Reconciliation(PostOutcome.UNDETERMINED)
        is_pending, is_unclear = False, not is_whole
        for candidate in candidates:
            if not reserve_slot():
                raise _NoSlot
            output = speech.query(candidate.task_id).output
            if not output.is_over:
                is_pending = True
                continue
            named = [result.file_url for result in output.results or [] if result.file_url]
            if not named and output.result and output.result.transcription_url:
                named = _named_in_result(results, output.result.transcription_url)
            if any(_is_of_post(file_url, task, media) for file_url in named):
                return Reconciliation(PostOutcome.ACCEPTED, candidate.task_id)
            is_unclear = is_unclear or not named
    except (ResultUnavailable, _NoSlot):
        return Reconciliation(PostOutcome.PENDING)
    except VendorError as error:
        logger.warning("task list unavailable", code=error.code, reason=error.message)
        no_list = says_there_is_no_list(error.error_class, error.http_status)
        return Reconciliation(PostOutcome.UNDETERMINED if no_list else PostOutcome.PENDING)
    if is_pending:
        return Reconciliation(PostOutcome.PENDING)
    return Reconciliation(PostOutcome.UNDETERMINED if is_unclear else PostOutcome.NOT_ACCEPTED)


class _NoSlot(Exception):
    """No slot of the query rate is free soon enough."""


def _listed_since(task: Task, speech: SpeechService, reserve_slot: Callable[[], bool]) -> tuple[list[ListedTask], bool]:
    """The tasks of this model since the POST, newest first, and whether these are all of them.

    Absence proves nothing unless the list was read back to the time of the POST.
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
        return []  # a result that must not be downloaded names no file
    return [named] if isinstance(named, str) else []


def _is_of_post(file_url: str, task: Task, media: Collection[Media]) -> bool:
    """Whether this POST contained the file. The path alone may also belong to another upload under the same key."""
    mark = mark_of(file_url)
    return mark in task.url_marks if mark and task.url_marks else any(names_media(file_url, each) for each in media)


def _is_candidate(listed: ListedTask, task: Task) -> bool:
    created = listed.created_at
    return created is None or abs(created - task.posted_at) <= CLOCK_TOLERANCE
