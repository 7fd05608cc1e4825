"""Which tasks a pass queries: a few one by one, many by the task list (docs/decisions/0006)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import MAX_WAIT, TaskPhase, wait_between_looks
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.observability import logger
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.polling.list_knowledge import ListKnowledge
from dashscribe.services.polling.pass_budget import PASS_TIME, PassBudget
from dashscribe.services.polling.scan_task_list import TaskListScan
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
        """The tasks to query, the oldest first.

        An ended task needs no query: it is closed, or finalized again. A task that is due later is left alone.
        """
        now = self.clock()
        due = [task for task in watched if task.due_at <= now]
        selected = [task for task in due if task.phase is TaskPhase.ENDED]
        for of_model in _by_model(task for task in due if task.phase is not TaskPhase.ENDED):
            if budget.stopped:
                break
            try:
                selected += self._of_model(of_model, budget, knowledge)
            except Exception:
                # Queries work without the list, whatever is wrong with the list or with its stored state.
                logger.exception("task list scan failed")
                budget.count_failure()
                selected += self._without_list(of_model, knowledge)
        return sorted(selected, key=attrgetter("accepted_at"))

    def wait(self, running: Sequence[DueTask], knowledge: ListKnowledge) -> timedelta:
        """How long to wait until the next look at these tasks."""
        now = self.clock()
        return min(
            (
                wait_between_looks(
                    [now - task.accepted_at for task in of_model],
                    sum(task.files for task in of_model) / len(of_model),
                    by_list=of_model[0].model in knowledge.scans,
                )
                for of_model in _by_model(running)
            ),
            default=MAX_WAIT,
        )

    def record_inconsistent_lists(self, knowledge: ListKnowledge) -> None:
        """Stop using a list that disagreed with the vendor's replies, for a while."""
        for model, scan in knowledge.inconsistent_lists().items():
            logger.warning("task list inconsistent; falling back to single queries", model=model)
            off_until = self.clock() + scans.DISTRUSTED_FOR
            self.facts.save_task_list_state(model, TaskListState(page_size=scan.page_size).turned_off(off_until))

    def _of_model(self, due: Sequence[DueTask], budget: PassBudget, knowledge: ListKnowledge) -> list[DueTask]:
        """The tasks of one model to query: a few, or those that the list reports as ended or does not cover."""
        if len(due) <= scans.MAX_SINGLE_QUERIES:
            return list(due)
        now, model = self.clock(), due[0].model
        stored = self.facts.task_list_state(model)
        state = stored or TaskListState()
        if state.is_off(now):
            return self._without_list(due, knowledge)
        try:
            scan = self._scan(due, state.page_size, budget)
        except VendorError as error:
            logger.warning("task list unavailable", code=error.code, reason=error.message)
            self.facts.save_task_list_state(
                model, scans.after_refusal(state, error.error_class, error.http_status, now)
            )
            budget.stopped = error.error_class is ErrorClass.THROTTLED
            return self._without_list(due, knowledge)
        state = TaskListState(page_size=scan.page_size)
        if scan.is_complete and not scan.over:
            state = state.turned_off(self.clock() + scans.OFF_AFTER_ERROR)
        if state != (stored or TaskListState()):
            self.facts.save_task_list_state(model, state)
        knowledge.scans[model] = scan
        return self._by_list(due, scan, knowledge)

    def _scan(self, due: Sequence[DueTask], page_size: int, budget: PassBudget) -> TaskListScan:
        client = self.vendor.speech()  # made here, before concurrent reads would each make one

        def read(number: int) -> TaskList | None:
            if not self.vendor.reserve_query(budget):
                return None
            return client.list_page(due[0].model, number, page_size)

        def read_pages(numbers: Sequence[int]) -> list[TaskList | None]:
            return list(map_concurrently(read, numbers, self.concurrent_pages))

        # At a low rate, half of the pass is left for the queries.
        affordable = max(1, int(self.vendor.query_rate * PASS_TIME.total_seconds() / 2))
        return TaskListScan(due, page_size, min(scans.MAX_PAGES, affordable)).run(read_pages, self.clock())

    def _by_list(self, due: Sequence[DueTask], scan: TaskListScan, knowledge: ListKnowledge) -> list[DueTask]:
        now = self.clock()
        ended = [task for task in due if scan.over.get(task.task_id)]
        unlisted = [task for task in due if task.task_id not in scan.over] if scan.is_complete else []
        others = sorted({*due} - {*ended} - {*unlisted}, key=attrgetter("due_at"))
        anyway = [task for task in others if scans.is_queried_anyway(task.due_at, task.accepted_at, now)]
        # One that contradicts a complete list is enough to stop using it.
        anyway = anyway[: 1 if scan.is_complete else scans.MAX_SINGLE_QUERIES]
        knowledge.recorded |= {task.submission_id for task in anyway}
        return ended + anyway + self._without_list(unlisted, knowledge, scan.calls_left)

    def _without_list(
        self, tasks: Sequence[DueTask], knowledge: ListKnowledge, a_few: int = scans.MAX_SINGLE_QUERIES
    ) -> list[DueTask]:
        """A few: all of them. More: those whose query is due, oldest first, until several in a row still run; and every
        task that was skipped for too long."""
        if len(tasks) <= a_few:
            return list(tasks)
        now = self.clock()
        overdue = {task: scans.overdue_without_list(task.due_at, task.accepted_at, now) for task in tasks}
        selected = [task for task in tasks if overdue[task] >= timedelta(0)]
        knowledge.recorded |= {task.submission_id for task in selected}
        knowledge.queried_early |= {task.submission_id for task in selected if overdue[task] < scans.MAX_POSTPONEMENT}
        return selected


def _by_model(tasks: Iterable[DueTask]) -> list[list[DueTask]]:
    by_model = attrgetter("model")
    return [list(of_model) for _, of_model in groupby(sorted(tasks, key=by_model), key=by_model)]
