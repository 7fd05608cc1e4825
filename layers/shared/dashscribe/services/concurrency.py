"""Concurrent waiting: calls that take 0.1 s each need not take the sum of their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
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


def map_in_groups(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int, gather_seconds: float
) -> Iterator[list[Result]]:
    """The results in the order in which they are ready, in groups.

    A group has all results that are ready `gather_seconds` after its first one. It is returned earlier when no result
    is missing. So one slow item does not delay the results of the others.
    """
    if workers == 1 or len(items) <= 1:
        yield [work(item) for item in items]
        return
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        running = {pool.submit(work, item) for item in items}
        while running:
            wait(running, return_when=FIRST_COMPLETED)
            done, running = wait(running, timeout=gather_seconds)
            yield [future.result() for future in done]
