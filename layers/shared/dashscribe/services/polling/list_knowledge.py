"""What one pass learned from the task list, and whether the vendor's replies to queries agree with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.task_replies import TaskOutput


@dataclass
class ListKnowledge:
    """`over` says by task id whether the list reports the task as ended; a task that is missing was not listed.

    `states` has the models whose list was read, and `scanned_at` when. `recorded` has the submissions whose record is
    written when a query finds them running. `queried_early` has those that are queried, without a list, before they
    must be; these queries stop after several `misses` in a row. `confirmed` and `denied` count, by model, the tasks
    reported as ended that had or had not ended. `stale` has the models whose list reported a task as running that had
    ended a while before.
    """

    over: dict[str, bool] = field(default_factory=dict)
    scanned_at: dict[str, datetime] = field(default_factory=dict)
    states: dict[str, TaskListState] = field(default_factory=dict)
    pages: int = 0
    recorded: set[str] = field(default_factory=set)
    queried_early: set[str] = field(default_factory=set)
    misses: int = 0
    confirmed: Counter[str] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    stale: set[str] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def skips(self, submission_id: str) -> bool:
        """Whether this early query is left out, because several before it found that their tasks still run."""
        return submission_id in self.queried_early and self.misses >= scans.MAX_MISSES

    def compare(self, task: Task, output: TaskOutput) -> None:
        """Compare the vendor's reply to a query with what the list, or the task's age, made us expect."""
        if task.submission_id in self.queried_early:
            self.misses = 0 if output.is_over else self.misses + 1
        listed_as_over = self.over.get(task.task_id or "")
        if listed_as_over is None:
            return
        with self.lock:
            if listed_as_over:
                (self.confirmed if output.is_over else self.denied)[task.model] += 1
            elif output.ended_at is not None and output.ended_at < self.scanned_at[task.model] - scans.CLOCK_TOLERANCE:
                self.stale.add(task.model)

    def inconsistent_lists(self) -> Iterator[tuple[str, TaskListState]]:
        """The models whose list disagreed with the vendor's replies."""
        for model, state in self.states.items():
            mostly_wrong = self.denied[model] >= max(scans.MIN_WRONG_ENTRIES, self.confirmed[model])
            if model in self.stale or mostly_wrong:
                yield model, state
