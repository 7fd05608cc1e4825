"""Polling the vendor's tasks: find those that have ended, with few calls, and hand their files to finalizers.

`TaskSelector` selects the tasks to query, `TaskQuery` handles each of them, and `PassBudget` limits the pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from dashscribe.domain.jobs.job import Due
from dashscribe.domain.jobs.task import MAX_WAIT, TaskPhase
from dashscribe.services.concurrency import map_concurrently
from dashscribe.services.finalize_requests import FILES_PER_FINALIZER, FinalizeRequest
from dashscribe.services.pauses import PauseKeeper
from dashscribe.services.polling.pass_budget import PASS_TIME, PassBudget
from dashscribe.services.polling.scan_task_list import ListKnowledge
from dashscribe.services.polling.task_query import TaskQuery
from dashscribe.services.polling.task_selection import TaskSelector
from dashscribe.services.polling.vendor_calls import CONCURRENT_QUERIES, VendorCalls
from dashscribe.services.ports import Clock, DueTask, JobRecords

MAX_TASKS_READ = 10_000
"""How many tasks of the due list a pass reads. It must be all in flight, or every pass would see the same ones."""
IN_FLIGHT_WITHIN = timedelta(days=1)
"""Every task in flight is due by then: a retry after an error is minutes away."""
CONCURRENT_FINALIZERS = 40
"""`MaxConcurrency` of the state machine's Map. It is also the limit of an inline Map."""
MIN_FILES_PER_FINALIZER = 5
"""Five small files together take 0.2 s longer than one."""


@dataclass
class TaskPollReport:
    """What one poll did."""

    queries: int = 0
    list_pages: int = 0
    finished_tasks: int = 0
    failed_steps: int = 0
    answered_queries: int = 0
    next_task_at: datetime | None = None
    next_query_at: datetime | None = None


@dataclass
class FinalizeWork:
    """What finalizers work on while a pass polls other tasks (`being_finalized`), and what the pass finds for the next
    ones (`requests`)."""

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
    """Polls the tasks of one pass. Several queries run concurrently, each for another task."""

    records: JobRecords
    pauses: PauseKeeper
    vendor: VendorCalls
    selector: TaskSelector
    clock: Clock
    concurrent_queries: int = CONCURRENT_QUERIES

    def poll(self, work: FinalizeWork, report: TaskPollReport) -> None:
        """Add what is to be finalized to `work`, and what was done to `report`, also when the poll breaks off."""
        now = self.clock()
        listed = self.records.due_tasks(now + IN_FLIGHT_WITHIN, MAX_TASKS_READ)
        watched = [task for task in listed if not work.has_submission(task.submission_id)]
        budget, knowledge = PassBudget(until=now + PASS_TIME), ListKnowledge()
        selected = self.selector.select(watched, budget, knowledge)
        ended: list[FinalizeRequest] = []
        try:
            ended = self._query_all(selected, budget, knowledge)
        finally:
            work.requests += _shared_out(ended)
            report.queries = budget.queries
            report.list_pages = sum(len(scan.spans) for scan in knowledge.scans.values())
            report.answered_queries = budget.answers
            report.finished_tasks = budget.ended_tasks
            report.failed_steps += budget.failures
        self.selector.record_inconsistent_lists(knowledge)
        over = {request.submission_id for request in ended}
        running = [task for task in watched if task.phase is not TaskPhase.ENDED and task.submission_id not in over]
        # After throttling the next pass comes as late as it may.
        wait = MAX_WAIT if budget.stopped or not running else self.selector.wait(running, knowledge)
        next_poll = self.clock() if budget.postponed and not budget.stopped else now + wait
        if listed and not ended and self.records.next_due(Due.TASK) is not None:  # otherwise finalizers run
            report.next_task_at = next_poll
        if running and not budget.stopped:
            report.next_query_at = next_poll

    def _query_all(
        self, selected: Sequence[DueTask], budget: PassBudget, knowledge: ListKnowledge
    ) -> list[FinalizeRequest]:
        if selected:
            self.vendor.speech()  # made here, before concurrent queries would each make one
        query = TaskQuery(self.records, self.pauses, self.vendor, self.clock, budget, knowledge)
        found = map_concurrently(query.run, selected, self.concurrent_queries)
        return [request for request in found if request is not None]


def _shared_out(ended: Sequence[FinalizeRequest]) -> list[FinalizeRequest]:
    """Share the files among as many finalizers as can run at once: a finalizer with fewer files is done sooner.

    A few files of a task share a finalizer, which costs less than one for each.
    """
    files = sum(len(request.job_ids) for request in ended)
    each = min(FILES_PER_FINALIZER, max(MIN_FILES_PER_FINALIZER, -(-files // CONCURRENT_FINALIZERS)))
    return [
        FinalizeRequest(submission_id=request.submission_id, job_ids=request.job_ids[start : start + each])
        for request in ended
        for start in range(0, len(request.job_ids), each)
    ]
