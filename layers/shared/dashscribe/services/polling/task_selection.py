"""Which tasks a pass queries: a few one by one, many by the task list (docs/decisions/0006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import MAX_WAIT, TaskPhase, wait_between_looks
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.observability import logger
from dashscribe.services.polling.pass_budget import ENDED_FILES_WAIT, PassBudget
from dashscribe.services.polling.scan_task_list import ListKnowledge, TaskListScan
from dashscribe.services.polling.vendor_calls import VendorCalls
from dashscribe.services.ports import Clock, DueTask, VendorFacts


@dataclass(frozen=True)
class TaskSelector:
    """Selects the tasks of one pass, model by model."""

    facts: VendorFacts
    vendor: VendorCalls
    clock: Clock
    concurrent_pages: int

    def select(self, watched: Sequence[DueTask], budget: PassBudget, knowledge: ListKnowledge) -> list[DueTask]:
        """The tasks to query: those that have waited longest, then those whose query can wait, the oldest first.

        An ended task needs no query: it is closed, or finalized again. A task that is due later is left alone.
        """
        now = self.clock()
        due = [task for task in watched if task.due_at <= now]
        selected = [task for task in due if task.phase is TaskPhase.ENDED]
        by_model = attrgetter("model")
        running = sorted((task for task in due if task.phase is not TaskPhase.ENDED), key=by_model)
        for _, group in groupby(running, key=by_model):
            of_model = list(group)
            try:
                selected += self._of_model(of_model, budget, knowledge)
            except Exception:
                # Queries work without the list, whatever is wrong with the list or with its stored state.
                logger.exception("task list scan failed")
                budget.count_failure()
                selected += self._without_list(of_model, knowledge)

        def turn(task: DueTask) -> tuple[bool, datetime]:
            is_early = task.submission_id in knowledge.queried_early
            return is_early, task.accepted_at if is_early else task.due_at

        return sorted(selected, key=turn)

    def wait(self, running: Sequence[DueTask], knowledge: ListKnowledge) -> timedelta:
        """How long to wait until the next look at these tasks."""
        now = self.clock()
        files = sum(task.files for task in running) / len(running)
        return wait_between_looks([now - task.accepted_at for task in running], files, by_list=bool(knowledge.scans))

    def record_inconsistent_lists(self, knowledge: ListKnowledge) -> None:
        """Stop using a list that disagreed with the vendor's replies, for a while."""
        for model, scan in knowledge.scans.items():
            if scan.is_contradicted_by(knowledge.replies):
                logger.warning("task list inconsistent; falling back to single queries", model=model)
                off_until = self.clock() + scans.DISTRUSTED_FOR
                self.facts.save_task_list_state(model, TaskListState(page_size=scan.page_size, off_until=off_until))

    def _of_model(self, due: Sequence[DueTask], budget: PassBudget, knowledge: ListKnowledge) -> list[DueTask]:
        """The tasks of one model to query: a few, or those that the list reports as ended or does not cover."""
        if len(due) <= scans.MAX_SINGLE_QUERIES:
            return list(due)
        now, model = self.clock(), due[0].model
        stored = self.facts.task_list_state(model) or TaskListState()
        if stored.off_until and stored.off_until > now:
            return self._without_list(due, knowledge)
        max_pages, enough_ended = self.vendor.calls_in(MAX_WAIT), self.vendor.calls_in(ENDED_FILES_WAIT)
        ours = {task.task_id: task for task in due}
        scan = knowledge.scans[model] = TaskListScan(ours, stored.page_size, now, max_pages, enough_ended)
        try:
            scan.run(self.vendor.page_reader(model, stored.page_size, budget), self.concurrent_pages)
            is_useless = bool(scan.spans) and not scan.over
        except VendorError as error:
            logger.warning("task list unavailable", code=error.code, reason=error.message)
            budget.stopped |= error.error_class is ErrorClass.THROTTLED
            is_useless = True
        off_until = self.clock() + scans.OFF_AFTER_ERROR if is_useless else None
        state = TaskListState(page_size=scan.page_size, off_until=off_until)
        if state != stored:
            self.facts.save_task_list_state(model, state)
        return self._by_list(due, scan, knowledge)

    def _by_list(self, due: Sequence[DueTask], scan: TaskListScan, knowledge: ListKnowledge) -> list[DueTask]:
        now = self.clock()
        ended = [task for task in due if scan.over.get(task.task_id)]
        unlisted = [task for task in due if task.task_id not in scan.over] if scan.is_complete else []
        others = sorted({*due} - {*ended} - {*unlisted}, key=attrgetter("due_at"))
        # One that contradicts the list is enough to stop using it.
        anyway = [task for task in others if scans.is_queried_anyway(task.due_at, task.accepted_at, now)][:1]
        knowledge.recorded |= {task.submission_id for task in anyway}
        return ended + anyway + self._without_list(unlisted, knowledge, scan.calls_left)

    def _without_list(
        self, tasks: Sequence[DueTask], knowledge: ListKnowledge, a_few: int = scans.MAX_SINGLE_QUERIES
    ) -> list[DueTask]:
        """A few: all of them. More: those whose query is due, until several in a row still run."""
        if len(tasks) <= a_few:
            return list(tasks)
        now = self.clock()
        selected = [task for task in tasks if scans.is_due_without_list(task.due_at, task.accepted_at, now)]
        knowledge.recorded |= {task.submission_id for task in selected}
        early = (task for task in selected if now - task.due_at < scans.QUERY_ANYWAY_AFTER)
        knowledge.queried_early |= {task.submission_id for task in early}
        return selected
