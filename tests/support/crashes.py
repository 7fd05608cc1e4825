"""Dying, and being interrupted, at any moment of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Kill(BaseException):  # not an Exception: no handler in the product may survive it
    """The function is gone."""


class Crashes:
    """Kills at the n-th side effect, before or after it, and lets others in between. Without a target it only counts.

    `moments` names every place where another function can come in between: after each read, before each side effect.
    """

    def __init__(self) -> None:
        self.count = 0
        self.target: int | None = None
        self.after = False
        self.names: list[str] = []
        self.moments: list[str] = []
        self.intruders: dict[int | str, Callable[[], object]] = {}

    def at(self, target: int, *, after: bool) -> None:
        self.count, self.target, self.after = 0, target, after

    def never(self) -> None:
        self.target = None
        self.intruders.clear()

    def intrude(self, moment: int | str, intruder: Callable[[], object]) -> None:
        """Let the intruder run once, at the moment-th moment from now on (1 is the next), or the next one so called."""
        self.intruders[moment if isinstance(moment, str) else len(self.moments) + moment] = intruder

    def _moment(self, name: str) -> None:
        self.moments.append(name)
        for sign in (len(self.moments), name):
            intruder = self.intruders.pop(sign, None)
            if intruder is not None:
                intruder()

    def read(self, name: str, answer: Answer) -> Answer:
        """What was read is what it was, whatever happens before it is used."""
        self._moment(f"after {name}")
        return answer

    def around(self, name: str, effect: Callable[[], Any]) -> Any:
        self._moment(f"before {name}")
        self.count += 1
        self.names.append(name)
        hit = self.count == self.target
        if hit and not self.after:
            raise Kill(name)
        answer = effect()
        if hit:
            raise Kill(name)
        return answer
