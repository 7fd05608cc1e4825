"""Tables of what was measured, as they stand in docs/performance.md."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class Run(Protocol):
    """A burst that is over. Lags are from a task's end at the vendor to the file's event, in seconds."""

    files: int
    makespan: float
    floor: float
    calls: Counter[str]
    throttled: Counter[str]
    lags: list[float]
    failed: int


BURST_HEADS = ("files", "makespan s", "over the floor", "calls a file", "429", "lag median s", "95th", "99th", "failed")


def burst_row(run: Run) -> list[str]:
    median, p95, p99 = percentiles(run.lags)
    return [
        f"{run.files:,}",
        f"{run.makespan:.0f}",
        f"{run.makespan / run.floor:.1f} ×",
        f"{run.calls.total() / run.files:.3f}",
        f"{run.throttled.total():,}",
        f"{median:.1f}",
        f"{p95:.1f}",
        f"{p99:.1f}",
        f"{run.failed:,}",
    ]


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, the 95th and the 99th."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def table(first: str, heads: Iterable[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Markdown: `first` heads the column of the rows' names."""
    heads = list(heads)
    lines = [f"| {first} | {' | '.join(heads)} |", f"|---{'|---:' * len(heads)}|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])
