"""Concurrent waiting: calls that take 0.1 s each need not take the sum of their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_concurrently(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """The results in the order of the items. An error of `work` is raised when its result is due."""
    if workers == 1 or len(items) <= 1:
        yield from map(work, items)
    else:
        with ThreadPoolExecutor(min(workers, len(items))) as pool:
            yield from pool.map(work, items)
