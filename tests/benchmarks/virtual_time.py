"""Runs functions concurrently in virtual time.

Each function is a greenlet. When one sleeps, the next one runs, and the clock jumps to its time. So a run is
reproducible, a simulated hour takes seconds, and the code that runs is the real, blocking code.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Set
from concurrent.futures import FIRST_COMPLETED, Future
from datetime import datetime, timedelta
from itertools import count
from math import inf
from types import TracebackType
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class VirtualTime:
    """A clock. `start` runs a function concurrently with the caller; `run` returns when all functions have ended."""

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
        """Run this function too, `after` so many seconds. `run` raises what it raises."""
        self._requeue(greenlet(work, parent=self._hub), after)

    def run_concurrently(self, works: list[Callable[[], object]], max_workers: int) -> None:
        """Run these functions, at most `max_workers` at the same time. Return when all have ended."""
        waiting = list(works[::-1])
        running = 0

        def worker() -> None:
            nonlocal running
            while waiting:
                waiting.pop()()
            running -= 1

        for _ in range(min(max_workers, len(works))):
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
    """The part of `ThreadPoolExecutor` that the product uses, with greenlets instead of threads."""

    def __init__(self, time: VirtualTime, max_workers: int) -> None:
        self._time = time
        self._max_workers = max_workers
        self._running = 0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        pass

    def map(self, work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        given = list(items)
        answers: dict[int, Answer] = {}

        def answer(place: int) -> Callable[[], object]:
            return lambda: answers.__setitem__(place, work(given[place]))

        self._time.run_concurrently([answer(place) for place in range(len(given))], self._max_workers)
        return [answers[place] for place in range(len(given))]

    def submit(self, work: Callable[[Item], Answer], item: Item) -> Future[Answer]:
        future = Future[Answer]()

        def run() -> None:
            self._time.wait_until(lambda: self._running < self._max_workers)
            self._running += 1
            try:
                future.set_result(work(item))
            except Exception as error:  # noqa: BLE001 - `Future.result` raises it
                future.set_exception(error)
            finally:
                self._running -= 1

        self._time.start(run)
        return future


def wait(
    time: VirtualTime, futures: Set[Future[Any]], timeout: float = inf, return_when: str = ""
) -> tuple[set[Future[Any]], set[Future[Any]]]:
    """`concurrent.futures.wait` in virtual time."""
    enough = any if return_when == FIRST_COMPLETED else all
    until = time.seconds + timeout
    time.wait_until(lambda: enough(future.done() for future in futures) or time.seconds >= until)
    done = {future for future in futures if future.done()}
    return done, set(futures) - done
