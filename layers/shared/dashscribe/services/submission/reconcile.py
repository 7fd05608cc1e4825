"""Reconciliation: finding out from the task list whether the vendor accepted POSTs whose responses were lost.

An accepted submission is in the task list as a task that we do not know yet. The list does not name the files of a
task, but a finished task names them, in its reply or in its result. All lost submissions of a model are reconciled with
one set of list pages, and each candidate is queried once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dashscribe.domain.jobs.task import PostOutcome, Task
from dashscribe.domain.jobs.timeouts import VENDOR_CLOCK_TOLERANCE
from dashscribe.domain.recognition.file_urls import find_url_mark, is_url_of_media, may_be_url_of_media
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.task_replies import MAX_PAGE_SIZE, UNKNOWN, ListedTask
from dashscribe.domain.recognition.vendor_codes import is_task_list_unsupported
from dashscribe.errors import ResultRefused, ResultUnavailable, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import ResultSource, SpeechService, VendorFacts

MAX_PAGES = 20
MAX_CANDIDATES = 100
"""Tasks of other programs on the same account are candidates too. With more of them the list cannot decide."""


@dataclass(frozen=True)
class LostSubmission:
    """A task in POSTING whose response was lost, and the media of its jobs."""

    task: Task
    media: Sequence[Media]


@dataclass(frozen=True)
class Reconciliation:
    """What was found for one submission. `task_id` is set when it was accepted; `list_was_read` is false when no list
    answered; `has_candidate` when a task that may be its own still runs."""

    outcome: PostOutcome
    task_id: str | None = None
    list_was_read: bool = True
    has_candidate: bool = False


class _NoSlot(Exception):
    """No slot of the query rate is free soon enough."""


@dataclass
class _Search:
    """What a search of the task list knows. `candidates` are tasks of the time of the POSTs that we do not know.

    `is_whole`: the list was read back to the oldest POST. `shows_ours`: it has a known task of that time, so it is the
    list of our account and not an old one. `is_pending`: a candidate still runs. `is_unclear`: a candidate names no
    file.
    """

    lost: Sequence[LostSubmission]
    candidates: list[str] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)
    is_whole: bool = False
    shows_ours: bool = False
    is_pending: bool = False
    is_unclear: bool = False

    def outcome_of(self, submission_id: str) -> Reconciliation:
        task_id = self.found.get(submission_id)
        if task_id is not None:
            return Reconciliation(PostOutcome.ACCEPTED, task_id)
        if self.is_pending or not self.shows_ours:
            return Reconciliation(PostOutcome.PENDING, has_candidate=self.is_pending)
        is_certain = self.is_whole and not self.is_unclear
        return Reconciliation(PostOutcome.NOT_ACCEPTED if is_certain else PostOutcome.UNDETERMINED)


@dataclass(frozen=True)
class Reconciler:
    """`reserve_slot` waits for a slot of the query rate; it returns False when the slot is too far away."""

    facts: VendorFacts
    speech: SpeechService
    results: ResultSource
    reserve_slot: Callable[[], bool]

    def reconcile(self, model: str, lost: Sequence[LostSubmission]) -> dict[str, Reconciliation]:
        """Find the tasks of these submissions of one model, by submission id."""
        search = _Search(lost)
        try:
            self._read_list(model, search)
            if len(search.candidates) > MAX_CANDIDATES:
                search.is_unclear = True
            else:
                for task_id in search.candidates:
                    self._query(task_id, search)
        except (ResultUnavailable, _NoSlot):
            search.is_pending = True
        except VendorError as error:
            logger.warning("task list unavailable", code=error.code, reason=error.message)
            no_list = is_task_list_unsupported(error.error_class, error.http_status)
            found = PostOutcome.UNDETERMINED if no_list else PostOutcome.PENDING
            outcome = Reconciliation(found, list_was_read=False)
            return {each.task.submission_id: outcome for each in lost}
        return {each.task.submission_id: search.outcome_of(each.task.submission_id) for each in lost}

    def _read_list(self, model: str, search: _Search) -> None:
        """Read the list, newest task first, back to the oldest POST. Absence proves nothing unless it was read so
        far."""
        oldest_post = min(each.task.posted_at for each in search.lost)
        for page in range(1, MAX_PAGES + 1):
            self._wait_for_slot()
            reply = self.speech.list_page(model, page, MAX_PAGE_SIZE)
            for listed in reply.data:
                self._classify(listed, search)
            oldest = reply.data[-1].created_at if reply.data else None
            reached = oldest is not None and oldest < oldest_post - VENDOR_CLOCK_TOLERANCE
            if reached or not reply.data or page >= reply.total_page:
                search.is_whole = True
                return

    def _classify(self, listed: ListedTask, search: _Search) -> None:
        """A task of the time of a POST is known, found already by an earlier run, or a candidate."""
        if not any(_is_of_that_time(listed, each.task) for each in search.lost):
            return
        owner = self.facts.submission_of(listed.task_id)
        if owner is None:
            if listed.task_id not in search.candidates:
                search.candidates.append(listed.task_id)
        elif any(owner == each.task.submission_id for each in search.lost):
            search.found[owner] = listed.task_id
        else:
            search.shows_ours = True

    def _query(self, task_id: str, search: _Search) -> None:
        """Query a candidate, unless every submission is found, and match its files."""
        waiting = [each for each in search.lost if each.task.submission_id not in search.found]
        if not waiting:
            return
        self._wait_for_slot()
        output = self.speech.query(task_id).output
        if not output.is_over or output.is_incomplete or output.task_status == UNKNOWN:
            search.is_pending = True
            return
        named = [result.file_url for result in output.results or [] if result.file_url]
        if not named and output.result and output.result.transcription_url:
            named = self._named_in_result(output.result.transcription_url)
        if not named:
            search.is_unclear = True
        matched = _submissions_with(named, waiting)
        if len(matched) == 1:
            search.found[matched[0].task.submission_id] = task_id
        elif matched:
            search.is_unclear = True

    def _named_in_result(self, url: str) -> list[str]:
        try:
            named = self.results.download(url).get("file_url")
        except ResultRefused:
            return []  # a result that must not be downloaded names no file
        return [named] if isinstance(named, str) else []

    def _wait_for_slot(self) -> None:
        if not self.reserve_slot():
            raise _NoSlot


def _submissions_with(named: Sequence[str], lost: Sequence[LostSubmission]) -> list[LostSubmission]:
    """The submissions that may have posted one of these URLs: those with its URL mark, else those with its path.

    A URL without its query may also be of another version of the file, or of a later upload under the same key.
    """
    for file_url in named:
        mark = find_url_mark(file_url)
        marked = [each for each in lost if mark is not None and mark in each.task.url_marks]
        if marked:
            return marked[:1]
        if mark is None or not all(each.task.url_marks for each in lost):
            matches = may_be_url_of_media if mark is None else is_url_of_media
            by_path = [each for each in lost if any(matches(file_url, media) for media in each.media)]
            if by_path:
                return by_path
    return []


def _is_of_that_time(listed: ListedTask, task: Task) -> bool:
    created = listed.created_at
    return created is None or abs(created - task.posted_at) <= VENDOR_CLOCK_TOLERANCE
