"""What one pass learned from the task list, and whether the vendor's replies to queries agree with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from dashscribe.domain.jobs import task_list_scan as scans
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.recognition.task_replies import TaskOutput
from dashscribe.services.polling.scan_task_list import TaskListScan


@dataclass
class ListKnowledge:
    """`scans` has the scan of each model whose list was read, and `replies` the vendor's reply for each queried task.

    `recorded` has the submissions whose record is written when a query finds them running. `queried_early` has those
    that are queried, without a list, before they must be; these queries stop after several `misses` in a row.
    """

    scans: dict[str, TaskListScan] = field(default_factory=dict)
    replies: dict[str, TaskOutput] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)
    queried_early: set[str] = field(default_factory=set)
    misses: int = 0

    @property
    def pages(self) -> int:
        """How many pages of the lists were read."""
        return sum(len(scan.spans) for scan in self.scans.values())

    def skips(self, submission_id: str) -> bool:
        """Whether this early query is left out, because several before it found that their tasks still run."""
        return submission_id in self.queried_early and self.misses >= scans.MAX_MISSES

    def note(self, task: Task, output: TaskOutput) -> None:
        """Note the vendor's reply to a query."""
        self.replies[task.task_id or ""] = output
        if task.submission_id in self.queried_early:
            self.misses = 0 if output.is_over else self.misses + 1

    def inconsistent_lists(self) -> dict[str, TaskListScan]:
        """The scans that the replies contradict, by model."""
        return {model: scan for model, scan in self.scans.items() if scan.is_contradicted_by(self.replies)}
