"""Functions that run at the same time, in a time that is counted instead of waited for.

Each is a greenlet: whoever sleeps hands over to whoever is next. So a run is the same each time, an hour takes seconds,
and the code that runs is the real, blocking one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType
from typing import TypeVar

from greenlet import getcurrent, greenlet

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class VirtualTime:
    """A clock, `sleep`, and `start` for what runs beside the caller. `run` returns when nothing is left to do."""

    def __init__(self, start: datetime) -> None:
        self._begin = start
        self.seconds = 0.0
        self._order = count()
        self._waiting: list[tuple[float, int, greenlet]] = []
        self._hub = getcurrent()

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self._requeue(getcurrent(), seconds)
        self._hub.switch()

    def start(self, work: Callable[[], object], after: float = 0.0) -> None:
        """Run this too, from then on. What it raises, `run` raises."""
        self._requeue(greenlet(work, parent=self._hub), after)

    def at_once(self, works: list[Callable[[], object]], most: int) -> None:
        """Run these, at most so many at the same time; return when all are done."""
        waiting = list(works[::-1])
        running = 0

        def worker() -> None:
            nonlocal running
            while waiting:
                waiting.pop()()
            running -= 1

        for _ in range(min(most, len(works))):
            running += 1
            self.start(worker)
        self.wait_until(lambda: running == 0)

    def wait_until(self, condition: Callable[[], bool], step: float = 0.01) -> None:
        while not condition():
            self.sleep(step)

    def run(self) -> None:
        while self._waiting:
            self.seconds, _, sleeper = heapq.heappop(self._waiting)
            sleeper.switch()

    def _requeue(self, sleeper: greenlet, after: float) -> None:
        heapq.heappush(self._waiting, (self.seconds + max(0.0, after), next(self._order), sleeper))


class Pool:
    """What the product uses of a `ThreadPoolExecutor`, with greenlets for threads."""

    def __init__(self, time: VirtualTime, max_workers: int) -> None:
        self._time = time
        self._max_workers = max_workers

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        pass

    def map(self, work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        given = list(items)
        answers: dict[int, Answer] = {}

        def answer(place: int) -> Callable[[], object]:
            return lambda: answers.__setitem__(place, work(given[place]))

        self._time.at_once([answer(place) for place in range(len(given))], self._max_workers)
        return [answers[place] for place in range(len(given))]
