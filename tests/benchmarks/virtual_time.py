"""Functions that run at the same time, in a time that is counted instead of waited for.

Each runs in a thread of its own, and only one of them at any moment: whoever sleeps hands over to whoever is next. So a
run is the same each time, a month takes minutes, and the code that runs is the real one.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count


class VirtualTime:
    """A clock, `sleep`, and `start` for what runs beside the caller. `run` returns when nothing is left to do."""

    def __init__(self, start: datetime) -> None:
        self._begin = start
        self.seconds = 0.0
        self._order = count()
        self._waiting: list[tuple[float, int, threading.Semaphore]] = []
        self._main = threading.Semaphore(0)
        self._errors: list[BaseException] = []

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        turn = self._turn(seconds)
        self._main.release()
        turn.acquire()

    def start(self, work: Callable[[], object], after: float = 0.0) -> None:
        turn = self._turn(after)

        def life() -> None:
            turn.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by `run`
                self._errors.append(error)
            self._main.release()

        threading.Thread(target=life, daemon=True).start()

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
            self.seconds, _, turn = heapq.heappop(self._waiting)
            turn.release()
            self._main.acquire()
            if self._errors:
                raise self._errors[0]

    def _turn(self, seconds: float) -> threading.Semaphore:
        turn = threading.Semaphore(0)
        heapq.heappush(self._waiting, (self.seconds + max(0.0, seconds), next(self._order), turn))
        return turn
