"""The lag from the end of a task to the event, by how long tasks take and what else is on the list. `make bench`.

Virtual time, as in `test_growth`. Counts are asserted, and times are only printed. `OLD` has the figures of the rules
before 2026-11-26 (commit ed5cc58), measured by this file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median, quantiles

import pytest

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask
from dashscribe.observability import logger
from tests.benchmarks.billed_ports import LimitedVendor
from tests.benchmarks.figures import percentiles, table
from tests.benchmarks.simulated_aws import SimulatedAws
from tests.benchmarks.test_growth import Arrival, Run, play, play_arrivals
from tests.support.constants import START

MINUTE, HOUR = 60, 3600
RELEASED = START + timedelta(seconds=200)
HEADS = ("lag median s", "95th", "calls a file", "writes a file", "before: median s", "95th", "calls a file")
OLD = {
    "100 tasks × 100 files, 9 tasks end a second": ("10.6", "29.2", "0.037"),
    "lone, 10 s": ("1.7", "2.5", "8.683"),
    "lone, 30 s": ("2.8", "6.6", "14.217"),
    "lone, 1 min": ("5.6", "10.8", "17.950"),
    "lone, 3 min": ("17.0", "32.8", "23.900"),
    "lone, 10 min": ("28.3", "59.0", "31.617"),
    "lone, 30 min": ("32.8", "50.8", "51.700"),
    "lone, 100 files, 1 min": ("2.9", "6.4", "0.342"),
    "burst, 10 s": ("2.0", "4.0", "2.249"),
    "burst, 1 min": ("3.0", "9.0", "2.583"),
    "burst, 10 min": ("6.9", "39.4", "3.897"),
    "burst, 1 h": ("10.7", "63.7", "11.207"),
    "burst, mixed 5 s to 1 h": ("5.2", "34.3", "3.841"),
    "20 tasks, mixed": ("1.5", "56.9", "12.700"),
    "stream of 5 a second, mixed": ("4.3", "27.2", "2.749"),
    "five times slower after half": ("2.2", "5.0", "2.470"),
    "five times faster after half": ("16.7", "34.2", "2.378"),
    "10 tasks × 100 files, 10 s": ("1.1", "2.0", "0.053"),
    "10 tasks × 100 files, 1 min": ("0.9", "3.9", "0.115"),
    "100 tasks × 100 files, 10 s": ("1.5", "8.3", "0.027"),
    "100 tasks × 100 files, 1 min": ("1.3", "4.3", "0.032"),
    "10,000 in flight, in order": ("3.3", "6.8", "2.551"),
    "10,000 in flight, ± half": ("340.9", "903.8", "2.297"),
    "four foreign tasks for each of ours, 20 tasks of 1 min": ("1.4", "3.8", "7.150"),
    "four foreign tasks for each of ours, 1,000 tasks of 1 min": ("6.6", "35.6", "3.164"),
    "four foreign tasks for each of ours, 1,000 tasks of 10 min": ("75.5", "1417.7", "4.386"),
}


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


class _VendorWithAQueue(LimitedVendor):
    """Tasks of a minute that wait for the vendor until `RELEASED` and then end at nine a second."""

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        accepted = super().submit(spec, file_urls, parameters)
        self.tasks[accepted.task_id].ready_at = RELEASED + timedelta(seconds=(len(self.tasks) - 1) / 9)
        return accepted


def test_a_thousand_files_a_second_end() -> None:
    """The finalizers are the limit, on a simulated AWS."""
    aws = SimulatedAws(max_files_per_task=100)
    aws.vendor = _VendorWithAQueue(aws.latencies, aws.api_key, MINUTE)
    for number in range(10_000):
        aws.upload_later(f"f/{number:06}.wav", number / 1000)
    run = aws.run()
    p50, p95, _ = percentiles(run.lags)
    name = "100 tasks × 100 files, 9 tasks end a second"
    cells = [f"{p50:.1f}", f"{p95:.1f}", f"{run.calls_per_file:.3f}", "", *OLD.get(name, ("", "", ""))]
    print("\n" + table("100 files a task", HEADS, {name: cells}))
    assert (run.files, run.failed, run.paid_twice, run.throttled.total()) == (10_000, 0, 0, 0)
    assert run.calls_per_file <= 0.1


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
