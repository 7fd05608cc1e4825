"""Finding the tasks that have ended, with as few calls of the vendor as it takes, and handing on what came of them.

Many tasks are looked up in the vendor's list, few are asked about one by one (docs/decisions/0006).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import groupby
from operator import attrgetter
from threading import Lock

from dashscribe.domain.jobs import job as jobs
from dashscribe.domain.jobs import pause as pauses
from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.task_replies import FileOutcome, TaskList, TaskOutput, TaskReply, read_outcomes
from dashscribe.errors import ErrorClass, StaleRecord, VendorError
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.messages import FILES_PER_FINALIZER, FinalizeRequest
from dashscribe.services.polling.scan_task_list import scan_task_list
from dashscribe.services.ports import (
    Clock,
    DueStore,
    DueTask,
    JobStore,
    PauseStore,
    RateLimiter,
    SpeechService,
    TaskListStateStore,
    TaskStore,
)
from dashscribe.services.rate_limits import QUERY_RATE_KEY, query_rate

MAX_TASKS_READ = 10_000
"""How many tasks of the due list a pass reads: all that are in flight, or a pass would see the same ones each time."""
AHEAD = timedelta(seconds=3)
"""Tasks that are due so soon count among those in flight: the next pass may be that far away."""
FILES_PER_PASS = 400
"""So that a pass's answer stays far below the 256 KB that Step Functions passes on."""
FINALIZERS_AT_ONCE = 40
"""`MaxConcurrency` of the state machine's Map, which is also the most that an inline Map does at once."""
PASS_LASTS = timedelta(seconds=20)
"""After this a pass asks no more questions."""
ENDED_FILES_WAIT = timedelta(seconds=1.5)
"""The same from the first ended task on: its files must not wait for the rest of a long list."""
CONCURRENT_QUERIES = 8
"""A question takes as long as the way to the vendor and back: one after the other they would never use up the rate."""
SINGLE_QUERY_LIMIT = 2
"""So few tasks are asked about without a thought of the list."""


@dataclass
class TaskPollReport:
    """What one collection did, to be counted."""

    queries: int = 0
    list_pages: int = 0
    finished_tasks: int = 0
    failed_steps: int = 0
    pause_reason: str | None = None
    next_task_at: datetime | None = None
    next_query_at: datetime | None = None


@dataclass
class Finalizing:
    """What finalizers have in hand while a pass asks about other tasks, and what it finds for the next ones."""

    being_finalized: Sequence[FinalizeRequest] = ()
    requests: list[FinalizeRequest] = field(default_factory=list)

    def has_submission(self, submission_id: str) -> bool:
        return submission_id in self._submissions

    def has_job(self, job_id: str) -> bool:
        return job_id in self._jobs

    @cached_property
    def _submissions(self) -> frozenset[str | None]:
        return frozenset(request.submission_id for request in self.being_finalized)

    @cached_property
    def _jobs(self) -> frozenset[str]:
        return frozenset(job_id for request in self.being_finalized for job_id in request.job_ids)


@dataclass(frozen=True)
class TaskPoller:
    """Several questions are asked at once, each of them about another task.

    `speech` gives the same one each time, made when there is a task to look at: most passes of an idle stack have none.
    """

    store: JobStore
    tasks: TaskStore
    due: DueStore
    pauses: PauseStore
    rate_limiter: RateLimiter
    task_lists: TaskListStateStore
    speech: Callable[[], SpeechService]
    clock: Clock
    query_requests_per_second: float
    concurrent_queries: int = CONCURRENT_QUERIES
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep

    def poll(self, finalizing: Finalizing, report: TaskPollReport) -> None:
        """Add what is to be finalized now to the requests, and what was done to `report`, also when it breaks off."""
        now = self.clock()
        listed = self.due.due_tasks(now + AHEAD, MAX_TASKS_READ)
        watched = [task for task in listed if not finalizing.has_submission(task.submission_id)]
        collection = _Collection(until=now + PASS_LASTS)
        ended: list[FinalizeRequest] = []
        # One that has ended needs no question: it is closed, or comes back for another try.
        to_look_at = [task for task in watched if task.phase is TaskPhase.ENDED and task.due_at <= now]
        by_model = attrgetter("model")
        for _, of_model in groupby(sorted(watched, key=by_model), key=by_model):
            in_flight = [task for task in of_model if task.phase is not TaskPhase.ENDED]
            if collection.stopped:
                break
            try:
                to_look_at += self._tasks_to_query(in_flight, collection)
            except Exception:
                # Whatever is wrong with the list, or with what is remembered of it: questions work without it.
                logger.exception("a sweep failed")
                collection.failed()
                to_look_at += self._one_by_one([task for task in in_flight if task.due_at <= now], collection)
        try:
            if to_look_at:
                self.speech()  # made before several would make it
            for found in map_concurrently(partial(self._look, collection), to_look_at, self.concurrent_queries):
                ended += found
        finally:
            finalizing.requests += _shared_out(ended)
            report.queries, report.list_pages = collection.queries, collection.pages
            report.finished_tasks, report.pause_reason = collection.ended, collection.pause_reason
            report.failed_steps += collection.failures
        for model, state in collection.inconsistent_lists():
            logger.warning("the list of tasks is not true", model=model)
            self.task_lists.save_task_list_state(model, state.turned_off(self.clock() + scans.OFF_FOR_INCONSISTENT))
        if not ended:  # else finalizers run, and only the next question counts
            report.next_task_at = collection.next_look(self.clock(), self.due.next_due(Due.TASK))
        if not collection.stopped:
            over = {request.submission_id for request in ended}
            running = [task for task in watched if task.phase is not TaskPhase.ENDED and task.submission_id not in over]
            report.next_query_at = collection.next_query(self.clock(), running)

    def _tasks_to_query(self, in_flight: Sequence[DueTask], collection: _Collection) -> list[DueTask]:
        """Of one model's tasks, those to ask about now: all that are due, or what a sweep makes of them."""
        now = self.clock()
        due = [task for task in in_flight if task.due_at <= now]
        if len(due) <= SINGLE_QUERY_LIMIT:
            collection.singly |= bool(in_flight)
            return due
        model = due[0].model
        state = self.task_lists.task_list_state(model) or TaskListState(next_at=now)
        if state.is_off(now) or not scans.list_needs_fewer_calls(len(due), len(in_flight), state.page_size):
            return self._one_by_one(due, collection)
        if state.is_due(now):
            try:
                state = self._scan(due, in_flight, state, collection)
            except VendorError as error:
                logger.warning("the list of tasks could not be used", code=error.code, reason=error.message)
                self.task_lists.save_task_list_state(
                    model, scans.after_refusal(state, error.error_class, error.http_status, now)
                )
                collection.stopped = error.error_class is ErrorClass.THROTTLED
                return self._one_by_one(due, collection)
        collection.list_states[model] = state
        over = collection.over
        unended = sorted((task for task in due if not over.get(task.task_id)), key=lambda task: task.due_at)
        anyway = [task for task in unended if scans.is_queried_anyway(task.due_at, task.accepted_at, now)]
        if model in collection.scanned_at and unended and now - unended[0].due_at >= scans.SPOT_CHECK_AFTER:
            anyway = anyway or (unended[:1] if self.chance() < scans.SPOT_CHECK_CHANCE else [])
        return [task for task in due if over.get(task.task_id)] + anyway

    def _one_by_one(self, due: Sequence[DueTask], collection: _Collection) -> list[DueTask]:
        """Without a list: the oldest first, until some in a row still run, and whoever has waited too long."""
        now = self.clock()
        collection.singly = True
        in_turn = [task for task in due if scans.is_query_overdue(task.due_at, now)]
        ahead = sorted(set(due) - set(in_turn), key=lambda task: task.accepted_at)
        collection.queried_early |= {task.submission_id for task in ahead}
        return ahead + in_turn

    def _scan(
        self, due: Sequence[DueTask], in_flight: Sequence[DueTask], state: TaskListState, collection: _Collection
    ) -> TaskListState:
        model, began = due[0].model, self.clock()
        in_order = sorted(due, key=lambda task: task.accepted_at)
        enough = int(ENDED_FILES_WAIT.total_seconds() * query_rate(self.query_requests_per_second))

        def read_page(page: int, page_size: int) -> TaskList | None:
            if not self._reserve_query_slot(collection):
                return None
            collection.pages += 1
            return self.speech().list_page(model, page, page_size)

        ours = {task.task_id for task in in_flight}
        scan = scan_task_list(in_order, ours, state.page_size, enough, read_page, self.chance)
        if not scan.pages:
            return state
        now = self.clock()
        ages = [now - task.accepted_at for task in due if not scan.over.get(task.task_id)]
        ended_files = sum(task.files for task in due if scan.over.get(task.task_id))
        files_a_task = sum(task.files for task in due) // len(due)
        pause = scans.pause_after(scan.pages, ended_files, ages, files_a_task)
        following = TaskListState(next_at=now + pause, page_size=scan.page_size)
        if not scan.knows_ours:
            following = following.turned_off(now + scans.OFF_FOR)
        self.task_lists.save_task_list_state(model, following)
        collection.over |= scan.over
        collection.scanned_at[model] = began
        return following

    def _reserve_query_slot(self, collection: _Collection) -> bool:
        """Wait for our turn to ask the vendor something. False when it would not come before the pass is over."""
        now = self.clock()
        if collection.is_over(now):
            return False
        rate = query_rate(self.query_requests_per_second)
        turn = self.rate_limiter.reserve(QUERY_RATE_KEY, rate, now, max(timedelta(0), collection.until - now))
        if turn is None:
            return False
        self.sleep(turn.total_seconds())
        return True

    def _look(self, collection: _Collection, listed: DueTask) -> list[FinalizeRequest]:
        """What is to be finalized of this task, in one request. Runs beside others of its kind."""
        name = listed.submission_id
        if collection.is_over(self.clock()):
            collection.left_out()
            return []
        if name in collection.queried_early and collection.misses >= scans.MAX_MISSES:
            return []
        try:
            task = self.tasks.find_task(name)
            if task is None or task.due_at is None or task.due_at > self.clock():
                return []
            job_ids = self._look_at(task, collection)
        except StaleRecord:
            logger.info("another loop looked at this task", submission_id=name)
            return []
        except VendorError as error:
            self._record_query_error(name, error, collection)
            return []
        except Exception:
            # One record that cannot be handled must not keep the others from being looked at.
            logger.exception("a task could not be looked at", submission_id=name)
            collection.failed()
            return []
        return [FinalizeRequest(submission_id=name, job_ids=job_ids)] if job_ids else []

    def _look_at(self, task: Task, collection: _Collection) -> list[str]:
        """The jobs of this task that are ready for a finalizer."""
        now = self.clock()
        waiting = self._waiting_jobs(task)
        if not waiting:
            self.tasks.save_task(tasks.closed(task, now))
            return []
        if task.phase is TaskPhase.ENDED:  # it was handed to a finalizer, which has not finished all of its files
            if tasks.is_out_of_finalize_attempts(task):
                for job in waiting.values():
                    if not job.is_terminal:
                        self._give_up(job, now)
            self.tasks.save_task(tasks.finalize_again(task, now))
            return []
        if not collection.has_room(len(waiting)):
            collection.left_out()
            return []
        try:
            return self._query(task, waiting, collection)
        finally:
            collection.room_used(len(waiting))

    def _query(self, task: Task, waiting: dict[str, Job], collection: _Collection) -> list[str]:
        if not self._reserve_query_slot(collection):
            collection.left_out()
            return []
        collection.asked()
        try:
            reply = self.speech().query(task.task_id or "")
        except VendorError:
            if not tasks.is_beyond_querying(task, self.clock()):
                raise
            reply = TaskReply()
        output = reply.output
        now = self.clock()
        collection.compare(task, output)
        if not output.is_over:
            if not tasks.is_overdue(task, now):
                # Whom the list calls unfinished is looked at with the next sweep again, not after a pause of its own.
                by_list = collection.over.get(task.task_id or "") is False
                pause = tasks.min_query_delay(task.files, now - (task.accepted_at or now)) if by_list else None
                collection.put_off(self.tasks.save_task(tasks.still_running(task, now, pause=pause)))
                return []
            self._cancel(task)
            output = TaskOutput(
                task_status="TIMED_OUT", code="TASK_TIMED_OUT", message="The task did not end within 4 hours."
            )
        logger.info("task ended", task_id=task.task_id, status=output.task_status, job_ids=list(waiting))
        media = {job_id: job.media for job_id, job in waiting.items()}
        found = read_outcomes(output, media, len(task.job_ids), reply.usage)
        # The task first: of two loops that ask at once, only one may say what came of it.
        task = self.tasks.save_task(tasks.ended(task, now))
        ended_at = output.ended_at or task.ended_at or now
        self.tasks.save_outcomes(
            task.submission_id, {job_id: _ended_by(outcome, ended_at) for job_id, outcome in found.items()}
        )
        collection.found(len(waiting), now)
        return list(waiting)

    def _give_up(self, job: Job, now: datetime) -> None:
        """Due at once: this very pass has its event published."""
        with suppress(StaleRecord):  # another loop was faster
            self.store.save(jobs.give_up(job, now))

    def _cancel(self, task: Task) -> None:
        """The files will be submitted again: a task that has not even begun need not be paid for too."""
        try:
            self.speech().cancel(task.task_id or "")
        except VendorError as error:
            logger.info("an overdue task could not be cancelled", task_id=task.task_id, code=error.code)

    def _waiting_jobs(self, task: Task) -> dict[str, Job]:
        """The jobs that still count on this task, if only for their event. One submitted again counts on another."""
        return {
            job_id: job
            for job_id, job in self.store.find_many(task.job_ids).items()
            if job.submission_id == task.submission_id and (not job.is_terminal or jobs.is_unpublished_success(job))
        }

    def _record_query_error(self, submission_id: str, error: VendorError, collection: _Collection) -> None:
        """Ask later; and nothing else in this pass when no other question makes sense."""
        now = self.clock()
        logger.warning("query failed", submission_id=submission_id, code=error.code, reason=error.message)
        if error.error_class is ErrorClass.ACCOUNT_WIDE:
            collection.pause_reason = error.code
            self.pauses.save_pause(pauses.start_pause(error.code, error.message, now, self.pauses.current_pause()))
        if error.error_class in (ErrorClass.ACCOUNT_WIDE, ErrorClass.THROTTLED):
            collection.stopped = True
        pause = jobs.retry_delay(4 if error.error_class is ErrorClass.ACCOUNT_WIDE else 2)
        task = self.tasks.find_task(submission_id)
        if task is not None:
            with suppress(StaleRecord):  # another loop looked at this task
                self.tasks.save_task(tasks.still_running(task, now, pause=pause))


@dataclass
class _Collection:
    """What one pass knows of the vendor's tasks; several questions are asked at once, so its counts have a lock.

    `over` is what the list says: by task id, whether it has ended. `list_states` has the models that were left to it.
    `queried_early` has the submissions that are asked about only until there were so many `misses` in a row.
    """

    until: datetime
    stopped: bool = False
    singly: bool = False
    queried_early: set[str] = field(default_factory=set)
    put_off_until: dict[str, datetime] = field(default_factory=dict)
    misses: int = 0
    over: dict[str, bool] = field(default_factory=dict)
    scanned_at: dict[str, datetime] = field(default_factory=dict)
    list_states: dict[str, TaskListState] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    confirmed: Counter[str] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    queries: int = 0
    ended: int = 0
    files: int = 0
    files_being_queried: int = 0
    not_queried: int = 0
    failures: int = 0
    pause_reason: str | None = None
    lock: Lock = field(default_factory=Lock)

    def is_over(self, now: datetime) -> bool:
        return self.stopped or now > self.until or self.files >= FILES_PER_PASS

    def left_out(self) -> None:
        with self.lock:
            self.not_queried += 1

    def has_room(self, files: int) -> bool:
        """Whether a task of so many files may be asked about: it might have ended. They count until it is answered."""
        with self.lock:
            if self.files + self.files_being_queried >= FILES_PER_PASS:
                return False
            self.files_being_queried += files
            return True

    def room_used(self, files: int) -> None:
        with self.lock:
            self.files_being_queried -= files

    def failed(self) -> None:
        with self.lock:
            self.failures += 1

    def asked(self) -> None:
        with self.lock:
            self.queries += 1

    def found(self, files: int, now: datetime) -> None:
        with self.lock:
            self.ended += 1
            self.files += files
            self.until = min(self.until, now + ENDED_FILES_WAIT)

    def compare(self, task: Task, output: TaskOutput) -> None:
        """What the list said of this task, or its age made us think, with what the vendor says of it now."""
        if task.submission_id in self.queried_early:
            self.misses = 0 if output.is_over else self.misses + 1
        listed_as_over = self.over.get(task.task_id or "")
        if listed_as_over is None:
            return
        with self.lock:
            if listed_as_over:
                (self.confirmed if output.is_over else self.denied)[task.model] += 1
            elif output.ended_at is not None and output.ended_at < self.scanned_at[task.model] - scans.STALE_AFTER:
                self.stale.add(task.model)

    def inconsistent_lists(self) -> Iterator[tuple[str, TaskListState]]:
        """The models whose list was found to be wrong."""
        for model, state in self.list_states.items():
            mostly_wrong = self.denied[model] >= max(scans.MIN_WRONG_ENTRIES, self.confirmed[model])
            if model in self.stale or mostly_wrong:
                yield model, state

    def put_off(self, task: Task) -> None:
        """It still runs, and is due again later."""
        with self.lock:
            self.put_off_until[task.submission_id] = task.due_at or task.posted_at

    def next_query(self, now: datetime, running: Sequence[DueTask]) -> datetime | None:
        """When to ask on about these, which have not ended; None where there are none."""
        if not running:
            return None
        singly = [
            self.put_off_until.get(task.submission_id, task.due_at)
            for task in running
            if task.model not in self.list_states
        ]
        return self.next_look(now, min(singly, default=None))

    def next_look(self, now: datetime, next_due: datetime | None) -> datetime | None:
        """When to look at tasks again. What is left to the list stays due, so then the due list cannot tell."""
        if self.not_queried and not self.stopped:
            return now
        moments = [state.next_at for state in self.list_states.values()]
        if self.queried_early or (self.singly and moments):
            moments.append(now + tasks.FIRST_QUERY_AFTER)
        return min(moments, default=next_due)


def _shared_out(ended: Sequence[FinalizeRequest]) -> list[FinalizeRequest]:
    """To as many finalizers as can run: one whose files are few is done sooner."""
    files = sum(len(request.job_ids) for request in ended)
    each = min(FILES_PER_FINALIZER, -(-files // FINALIZERS_AT_ONCE))
    return [
        FinalizeRequest(submission_id=request.submission_id, job_ids=request.job_ids[start : start + each])
        for request in ended
        for start in range(0, len(request.job_ids), each)
    ]


def _ended_by(outcome: FileOutcome, moment: datetime) -> FileOutcome:
    return outcome if outcome.completed_at else outcome.model_copy(update={"completed_at": moment})
