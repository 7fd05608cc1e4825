"""Killing a function, or running another one, at any moment of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Value = TypeVar("Value")


class Kill(BaseException):  # not an Exception: no handler in the product may catch it
    """The function was killed."""


class Crashes:
    """Kills a function before or after one of its side effects, and runs other functions at its moments.

    A moment is after each read and before each side effect. `moments` has their names in order, `names` those of the
    side effects. Without a target nothing is killed, and everything is only counted.
    """

    def __init__(self) -> None:
        self.count = 0
        self.target: int | None = None
        self.after = False
        self.names: list[str] = []
        self.moments: list[str] = []
        self.interleaved: dict[int | str, Callable[[], object]] = {}

    def kill_at(self, target: int, *, after: bool) -> None:
        """Kill at the `target`-th side effect from now on, before or after it."""
        self.count, self.target, self.after = 0, target, after

    def clear(self) -> None:
        """Kill nothing, and run nothing in between."""
        self.target = None
        self.interleaved.clear()

    def interleave_at(self, moment: int | str, run: Callable[[], object]) -> None:
        """Run another function once: at the `moment`-th moment from now on (1 is the next), or at the next moment of
        this name."""
        self.interleaved[moment if isinstance(moment, str) else len(self.moments) + moment] = run

    def _moment(self, name: str) -> None:
        self.moments.append(name)
        for key in (len(self.moments), name):
            run = self.interleaved.pop(key, None)
            if run is not None:
                run()

    def read(self, name: str, answer: Value) -> Value:
        """Return what was read, whatever happens between the read and its use."""
        self._moment(f"after {name}")
        return answer

    def around(self, name: str, effect: Callable[[], Any]) -> Any:
        """Run a side effect, unless the function is killed before it."""
        self._moment(f"before {name}")
        self.count += 1
        self.names.append(name)
        is_target = self.count == self.target
        if is_target and not self.after:
            raise Kill(name)
        result = effect()
        if is_target:
            raise Kill(name)
        return result
