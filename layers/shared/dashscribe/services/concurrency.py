"""Several pieces of waiting at the same time: what takes 0.1 s each at the vendor or in S3 need not take its sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def map_concurrently(work: Callable[[Item], Answer], items: Sequence[Item], workers: int) -> Iterator[Answer]:
    """The answers, in the order of the items. What `work` raises is raised when its answer is due."""
    if workers == 1 or len(items) <= 1:
        yield from map(work, items)
    else:
        with ThreadPoolExecutor(min(workers, len(items))) as pool:
            yield from pool.map(work, items)
