"""How much one pass may do: its time, its queries, and how many files it hands to finalizers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

FILES_PER_PASS = 800
"""Keeps the output of a pass far below the 256 KB that Step Functions allows."""
PASS_TIME = timedelta(seconds=20)
"""After this a pass sends no more queries."""
ENDED_FILES_WAIT = timedelta(seconds=2.2)
"""The same, counted from the first ended task: its files must not wait for the rest of a long list. A scan
stops when it has found as many ended tasks as can be queried in it."""


@dataclass
class PassBudget:
    """Shared by the concurrent queries of one pass, so every change is made under a lock.

    `until` is when the last query may start; the first ended task moves it forward. `stopped` means that no further
    query makes sense, for example after throttling. `files` counts the files of ended tasks, `files_being_queried`
    those of tasks whose query is under way: each of them may have ended. `postponed` counts tasks that the budget left
    out.
    """

    until: datetime
    stopped: bool = False
    files: int = 0
    files_being_queried: int = 0
    queries: int = 0
    answers: int = 0
    ended_tasks: int = 0
    postponed: int = 0
    failures: int = 0
    lock: Lock = field(default_factory=Lock)

    def is_spent(self, now: datetime) -> bool:
        return self.stopped or now > self.until or self.files >= FILES_PER_PASS

    def reserve_files(self, files: int) -> bool:
        """Whether a task of this many files may be queried. `release_files` must follow."""
        with self.lock:
            if self.files + self.files_being_queried >= FILES_PER_PASS:
                return False
            self.files_being_queried += files
            return True

    def release_files(self, files: int) -> None:
        with self.lock:
            self.files_being_queried -= files

    def count_query(self) -> None:
        with self.lock:
            self.queries += 1

    def count_answer(self) -> None:
        with self.lock:
            self.answers += 1

    def count_ended(self, files: int, now: datetime) -> None:
        with self.lock:
            self.ended_tasks += 1
            self.files += files
            self.until = min(self.until, now + ENDED_FILES_WAIT)

    def count_postponed(self) -> None:
        with self.lock:
            self.postponed += 1

    def count_failure(self) -> None:
        with self.lock:
            self.failures += 1
