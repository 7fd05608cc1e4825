"""The tables of measurements for docs/performance.md."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class Run(Protocol):
    """A finished burst. Times are in seconds.

    `lags` are the times from the end of a task at the vendor to the event of each file. `min_makespan` is the shortest
    makespan that the vendor's limits allow.
    """

    files: int
    makespan: float
    min_makespan: float
    calls: Counter[str]
    throttled: Counter[str]
    lags: list[float]
    failed: int


BURST_COLUMNS = (
    "files",
    "makespan s",
    "makespan / minimum",
    "calls per file",
    "429",
    "median lag s",
    "95th",
    "99th",
    "failed",
)


def burst_row(run: Run) -> list[str]:
    median, p95, p99 = percentiles(run.lags)
    return [
        f"{run.files:,}",
        f"{run.makespan:.0f}",
        f"{run.makespan / run.min_makespan:.1f} ×",
        f"{run.calls.total() / run.files:.3f}",
        f"{run.throttled.total():,}",
        f"{median:.1f}",
        f"{p95:.1f}",
        f"{p99:.1f}",
        f"{run.failed:,}",
    ]


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, the 95th and the 99th percentile."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def table(first: str, columns: Iterable[str], rows: Mapping[str, Sequence[str]]) -> str:
    """A Markdown table. `first` is the header of the column with the rows' names."""
    columns = list(columns)
    lines = [f"| {first} | {' | '.join(columns)} |", f"|---{'|---:' * len(columns)}|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])
