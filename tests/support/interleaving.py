"""Runs of the real services that interleave at every call of a port, by a random schedule that a seed repeats.

Each run is a greenlet. Every port call of the in-memory world switches to the scheduler, which decides which run
continues, whether a run is killed there (before or after its effect), and whether the response of a conditional write
is lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from tests.support.crashes import Crashes, Kill

Value = TypeVar("Value")
SLOW_RUN_STANDS_STILL = 0.97
"""How likely a slow run does not continue at one step, while others can."""
CONDITIONAL_WRITES = ("save job", "save task", "create job")


@dataclass
class Faults:
    """How likely each fault is at one port call. With `one_run_is_slow` one run of a round stands still for long."""

    kill: float = 0.0
    lost_write_response: float = 0.0
    one_run_is_slow: bool = False
    refused_event: float = 0.0
    lost_publish_reply: float = 0.0


@dataclass
class Run:
    """One run of a service. `killed_at` names the port call where it was killed."""

    name: str
    work: Callable[[], object]
    green: greenlet | None = None
    killed_at: str | None = None
    is_done: bool = False


class Interleaver(Crashes):
    """A `Crashes` whose every moment can switch to another run. `story` lists what happened, in order."""

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        super().__init__()
        self.random = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self.faults = faults or Faults()
        self.runs: list[Run] = []
        self.story: list[str] = []
        self._scheduler: greenlet | None = None

    def run_all(self, works: dict[str, Callable[[], object]]) -> None:
        """Interleave these runs until all of them are done or killed."""
        self._scheduler = getcurrent()
        self.runs = [Run(name, work) for name, work in works.items()]
        for run in self.runs:
            run.green = greenlet(self._body(run))
        slow = self.random.choice(self.runs) if self.faults.one_run_is_slow else None
        try:
            while waiting := [run for run in self.runs if not run.is_done]:
                run = self._next(waiting, slow)
                assert run.green is not None
                run.green.switch()
        finally:
            self._scheduler = None

    def _next(self, waiting: list[Run], slow: Run | None) -> Run:
        others = [run for run in waiting if run is not slow]
        stands_still = slow is not None and bool(others) and self.random.random() < SLOW_RUN_STANDS_STILL
        return self.random.choice(others if stands_still else waiting)

    def _body(self, run: Run) -> Callable[[], None]:
        def body() -> None:
            try:
                run.work()
            except Kill as kill:
                run.killed_at = str(kill)
                self.story.append(f"{run.name}: killed at {kill}")
            finally:
                run.is_done = True

        return body

    @property
    def current(self) -> Run | None:
        green = getcurrent()
        return next((run for run in self.runs if run.green is green), None)

    def _switch(self, label: str) -> None:
        run = self.current
        if run is None or self._scheduler is None:
            return
        self.story.append(f"{run.name}: {label}")
        self._scheduler.switch()

    def read(self, name: str, answer: Value) -> Value:
        answer = super().read(name, answer)
        self._switch(f"read {name}")
        return answer

    def around(self, name: str, effect: Callable[[], Any]) -> Any:
        self._switch(name)
        if self.current is not None and self.random.random() < self.faults.kill:
            raise Kill(f"before {name}")
        result = super().around(name, effect)
        if self.current is not None and self.random.random() < self.faults.kill:
            raise Kill(f"after {name}")
        return result

    def loses_response(self, name: str) -> bool:
        """Whether the response of this conditional write is lost: the client then repeats the write."""
        is_write = name.startswith(CONDITIONAL_WRITES)
        lost = is_write and self.current is not None and self.random.random() < self.faults.lost_write_response
        if lost:
            self.story.append(f"{self.current.name if self.current else ''}: response of {name} lost")
        return lost

    def refuses_event(self, key: str) -> bool:
        """Whether the bus refuses the next event of this file."""
        refuses = self.current is not None and self.random.random() < self.faults.refused_event
        if refuses:
            self.story.append(f"{self.current.name if self.current else ''}: event of {key} refused")
        return refuses

    def loses_publish_reply(self) -> bool:
        """Whether the reply of the next call of the bus is lost, after its events are on the bus."""
        lost = self.current is not None and self.random.random() < self.faults.lost_publish_reply
        if lost:
            self.story.append(f"{self.current.name if self.current else ''}: reply of publish lost")
        return lost


@dataclass
class Story:
    """The story of one failed schedule, for the assertion message."""

    seed: int
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"schedule {self.seed} failed:\n  " + "\n  ".join(self.lines[-400:])
