"""Which tasks a pass queries: all that are due, or those that the task list reports as ended (docs/decisions/0006)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.observability import logger
from dashscribe.services.polling.list_knowledge import ListKnowledge
from dashscribe.services.polling.pass_budget import ENDED_FILES_WAIT, PassBudget
from dashscribe.services.polling.scan_task_list import scan_task_list
from dashscribe.services.polling.vendor_calls import VendorCalls
from dashscribe.services.ports import Clock, DueTask, VendorFacts

SINGLE_QUERY_LIMIT = 2
"""So few due tasks are queried one by one, without the list."""


@dataclass
class _Selection:
    """The tasks to query, and whether some of them are queried one by one."""

    budget: PassBudget
    knowledge: ListKnowledge
    singly: bool = False


@dataclass(frozen=True)
class TaskSelector:
    """Selects the tasks of one pass, model by model."""

    facts: VendorFacts
    vendor: VendorCalls
    clock: Clock
    chance: Callable[[], float] = random.random

    def select(
        self, watched: Sequence[DueTask], budget: PassBudget, knowledge: ListKnowledge
    ) -> tuple[list[DueTask], bool]:
        """The tasks to look at now, and whether tasks are queried one by one.

        An ended task needs no query: it is closed, or finalized again.
        """
        now = self.clock()
        selected = [task for task in watched if task.phase is TaskPhase.ENDED and task.due_at <= now]
        selection = _Selection(budget, knowledge)
        by_model = attrgetter("model")
        for _, of_model in groupby(sorted(watched, key=by_model), key=by_model):
            in_flight = [task for task in of_model if task.phase is not TaskPhase.ENDED]
            if budget.stopped:
                break
            try:
                selected += self._of_model(in_flight, selection)
            except Exception:
                # Queries work without the list, whatever is wrong with the list or with its stored state.
                logger.exception("task list scan failed")
                budget.count_failure()
                selected += self._one_by_one([task for task in in_flight if task.due_at <= now], selection)
        return selected, selection.singly

    def record_inconsistent_lists(self, knowledge: ListKnowledge) -> None:
        """Use single queries for a while where the list disagreed with the vendor's replies."""
        for model, state in knowledge.inconsistent_lists():
            logger.warning("task list inconsistent; falling back to single queries", model=model)
            self.facts.save_task_list_state(model, state.turned_off(self.clock() + scans.OFF_FOR_INCONSISTENT))

    def _of_model(self, in_flight: Sequence[DueTask], selection: _Selection) -> list[DueTask]:
        """The tasks of one model to query now: all that are due, or what a scan of the list selects."""
        now = self.clock()
        due = [task for task in in_flight if task.due_at <= now]
        if len(due) <= SINGLE_QUERY_LIMIT:
            selection.singly |= bool(in_flight)
            return due
        model = due[0].model
        state = self.facts.task_list_state(model) or TaskListState(next_at=now)
        if state.is_off(now) or not scans.list_needs_fewer_calls(len(due), len(in_flight), state.page_size):
            return self._one_by_one(due, selection)
        if state.is_due(now):
            try:
                state = self._scan(due, in_flight, state, selection)
            except VendorError as error:
                logger.warning("task list unavailable", code=error.code, reason=error.message)
                following = scans.after_refusal(state, error.error_class, error.http_status, now)
                self.facts.save_task_list_state(model, following)
                selection.budget.stopped = error.error_class is ErrorClass.THROTTLED
                return self._one_by_one(due, selection)
        selection.knowledge.states[model] = state
        return self._by_list(due, selection.knowledge)

    def _by_list(self, due: Sequence[DueTask], knowledge: ListKnowledge) -> list[DueTask]:
        """The tasks that the list reports as ended, those that must be queried anyway, and now and then a spot
        check."""
        now, over = self.clock(), knowledge.over
        running = sorted((task for task in due if not over.get(task.task_id)), key=lambda task: task.due_at)
        anyway = [task for task in running if scans.is_queried_anyway(task.due_at, task.accepted_at, now)]
        was_scanned = due[0].model in knowledge.scanned_at
        if not anyway and was_scanned and running and now - running[0].due_at >= scans.SPOT_CHECK_AFTER:
            anyway = running[:1] if self.chance() < scans.SPOT_CHECK_CHANCE else []
        return [task for task in due if over.get(task.task_id)] + anyway

    def _one_by_one(self, due: Sequence[DueTask], selection: _Selection) -> list[DueTask]:
        """Without a list: oldest first, until several in a row still run; and every task that has waited too long."""
        now = self.clock()
        selection.singly = True
        overdue = [task for task in due if scans.is_query_overdue(task.due_at, now)]
        early = sorted(set(due) - set(overdue), key=lambda task: task.accepted_at)
        selection.knowledge.queried_early |= {task.submission_id for task in early}
        return early + overdue

    def _scan(
        self, due: Sequence[DueTask], in_flight: Sequence[DueTask], state: TaskListState, selection: _Selection
    ) -> TaskListState:
        model, began, knowledge = due[0].model, self.clock(), selection.knowledge
        enough = int(ENDED_FILES_WAIT.total_seconds() * self.vendor.query_rate)

        def read_page(page: int, page_size: int) -> TaskList | None:
            if not self.vendor.reserve_query(selection.budget):
                return None
            knowledge.pages += 1
            return self.vendor.speech().list_page(model, page, page_size)

        ours = {task.task_id for task in in_flight}
        in_order = sorted(due, key=lambda task: task.accepted_at)
        scan = scan_task_list(in_order, ours, state.page_size, enough, read_page, self.chance)
        if not scan.pages:
            return state
        now = self.clock()
        ages = [now - task.accepted_at for task in due if not scan.over.get(task.task_id)]
        ended_files = sum(task.files for task in due if scan.over.get(task.task_id))
        files_per_task = sum(task.files for task in due) // len(due)
        interval = scans.pause_after(scan.pages, ended_files, ages, files_per_task)
        following = TaskListState(next_at=now + interval, page_size=scan.page_size)
        if not scan.knows_ours:
            following = following.turned_off(now + scans.OFF_FOR)
        self.facts.save_task_list_state(model, following)
        knowledge.over |= scan.over
        knowledge.scanned_at[model] = began
        return following
