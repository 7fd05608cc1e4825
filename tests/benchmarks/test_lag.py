"""The lag from the end of a task to the event, by how long tasks take and what else is on the list. `make bench`.

Virtual time, as in `test_growth`. Counts are asserted, and times are only printed. `OLD` has the figures of the rules
before 2026-11-26 (commit ed5cc58), measured by this file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from statistics import median, quantiles

import pytest

from dashscribe.observability import logger
from tests.benchmarks.figures import table
from tests.benchmarks.test_growth import Arrival, Run, play, play_arrivals
from tests.support.world import START

MINUTE, HOUR = 60, 3600
HEADS = ("lag median s", "95th", "calls a file", "writes a file", "before: median s", "95th", "calls a file")
OLD: dict[str, tuple[str, str, str]] = {}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel("INFO")


def row(name: str, run: Run) -> list[str]:
    p95 = quantiles(run.lags, n=100, method="inclusive")[94]
    own = [
        f"{median(run.lags):.1f}",
        f"{p95:.1f}",
        f"{run.calls_per_file:.3f}",
        f"{run.records.writes / run.files:.1f}",
    ]
    return [*own, *OLD.get(name, ("", "", ""))]


def show(title: str, runs: dict[str, Run]) -> None:
    print("\n" + table(title, HEADS, {name: row(name, run) for name, run in runs.items()}))
    for name, run in runs.items():
        assert len(run.lags) == run.files, name
        assert len(run.world.vendor.tasks) == len(run.world.records.tasks), name


def burst(lengths: list[float], *, files: int = 1, per_second: float = 10, foreign: int = 0) -> list[Arrival]:
    """Tasks of these seconds, submitted at the vendor's rate, each followed by so many foreign ones."""
    arrivals = []
    for number, length in enumerate(lengths):
        at = START + timedelta(seconds=number / per_second)
        arrivals.append(Arrival(at, at + timedelta(seconds=length), files))
        for other in range(foreign):
            moment = at + timedelta(seconds=(other + 1) / (foreign + 1) / per_second)
            arrivals.append(Arrival(moment, moment, is_foreign=True))
    return arrivals


def lognormal(number: int, middle: float, spread: float = 0.5, seed: int = 1) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - the same lengths each time
    return [middle * chance.lognormvariate(0, spread) for _ in range(number)]


def lone(seconds: float, number: int = 60) -> list[Arrival]:
    """One task after the other, with a break between them."""
    arrivals, at = [], START
    for length in lognormal(number, seconds, 0.2):
        arrivals.append(Arrival(at, at + timedelta(seconds=length)))
        at += timedelta(seconds=length + 30)
    return arrivals


def test_lone_tasks() -> None:
    runs = {
        f"lone, {name}": play_arrivals(lone(seconds))
        for name, seconds in (
            ("10 s", 10),
            ("30 s", 30),
            ("1 min", MINUTE),
            ("3 min", 3 * MINUTE),
            ("10 min", 10 * MINUTE),
            ("30 min", 30 * MINUTE),
        )
    }
    runs["lone, 100 files, 1 min"] = play_arrivals(
        [Arrival(arrival.accepted, arrival.ready, 100) for arrival in lone(MINUTE)]
    )
    show("one task at a time", runs)


def test_bursts() -> None:
    runs = {
        f"burst, {name}": play_arrivals(burst(lognormal(1000, seconds)))
        for name, seconds in (("10 s", 10), ("1 min", MINUTE), ("10 min", 10 * MINUTE), ("1 h", HOUR))
    }
    runs["burst, mixed 5 s to 1 h"] = play_arrivals(burst(lognormal(1000, 2 * MINUTE, 1.2)))
    runs["20 tasks, mixed"] = play_arrivals(burst(lognormal(20, 2 * MINUTE, 1.2)))
    runs["stream of 5 a second, mixed"] = play_arrivals(burst(lognormal(3000, MINUTE, 1.0), per_second=5))
    show("one file a task", runs)
    assert runs["burst, 10 s"].calls_per_file <= 2.5


def test_foreign_tasks_on_the_list() -> None:
    """All programs of the account together submit ten tasks a second."""
    runs = {
        f"four foreign tasks for each of ours, {number:,} tasks of {name}": play_arrivals(
            burst(lognormal(number, seconds), per_second=2, foreign=4)
        )
        for number, name, seconds in ((20, "1 min", MINUTE), (1000, "1 min", MINUTE), (1000, "10 min", 10 * MINUTE))
    }
    show("one file a task", runs)


def test_a_sudden_slowdown() -> None:
    """Tasks of 20 s, until every task takes five times as long; and the other way round."""
    lengths = lognormal(1000, 20, 0.3)
    slower = [length * (5 if number >= 500 else 1) for number, length in enumerate(lengths)]
    show(
        "one file a task",
        {
            "five times slower after half": play_arrivals(burst(slower)),
            "five times faster after half": play_arrivals(burst(slower[::-1])),
        },
    )


def test_ten_thousand_in_flight() -> None:
    show(
        "one file a task",
        {
            "10,000 in flight, in order": play(10_000, seconds=1000, spread=0.02),
            "10,000 in flight, ± half": play(10_000, seconds=1000, spread=0.5),
        },
    )


def test_tasks_of_a_hundred_files() -> None:
    runs = {
        f"{number} tasks × 100 files, {name}": play_arrivals(burst(lognormal(number, seconds, 0.3), files=100))
        for number, name, seconds in (
            (10, "10 s", 10),
            (10, "1 min", MINUTE),
            (100, "10 s", 10),
            (100, "1 min", MINUTE),
        )
    }
    show("100 files a task", runs)
    for run in runs.values():
        assert run.calls_per_file <= 0.1
