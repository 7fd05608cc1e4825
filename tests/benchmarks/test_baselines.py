"""Compares dashscribe with two usual designs: the SDK's sample in a function, and a job poller per file. `make bench`.

In virtual time all three run their own code (the official SDK's too) against the same vendor, limits and latencies. A
baseline stores one file and sends no event; dashscribe stores six files and sends two events. A smaller run of the
baselines on the local stack, with real processes and HTTP, confirms the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.benchmarks.deployed_baselines import deployed_baselines
from tests.benchmarks.figures import percentiles, table
from tests.benchmarks.simulated_aws import SimulatedAws, SimulatedRun
from tests.benchmarks.simulated_baselines import JobPoller, OneFunctionPerFile

TASK_SECONDS = 3.0
COLUMNS = (
    "succeeded",
    "lost",
    "paid twice",
    "makespan s",
    "calls per file",
    "429",
    "median lag s",
    "95th",
    "Lambda s per file",
    "transitions per file",
)


def dashscribe(max_files_per_task: int) -> Callable[[list[float]], SimulatedRun]:
    def run(arrivals: list[float]) -> SimulatedRun:
        aws = SimulatedAws(max_files_per_task=max_files_per_task, task_seconds=TASK_SECONDS)
        for number, seconds in enumerate(arrivals):
            aws.upload_later(f"f/{number:06}.wav", seconds)
        return aws.run()

    return run


DESIGNS: Mapping[str, Callable[[list[float]], SimulatedRun]] = {
    "dashscribe, 100 files per task": dashscribe(100),
    "dashscribe, 1 file per task": dashscribe(1),
    "one function per file (the SDK's sample)": lambda arrivals: OneFunctionPerFile(TASK_SECONDS).run(arrivals),
    "one job poller per file (15 s)": lambda arrivals: JobPoller(TASK_SECONDS).run(arrivals),
}


def row(run: SimulatedRun) -> list[str]:
    median, p95, _ = percentiles(run.lags)
    return [
        f"{run.files - run.failed:,}",
        f"{run.failed:,}",
        f"{run.paid_twice:,}",
        f"{run.makespan:.0f}",
        f"{run.calls_per_file:.3f}",
        f"{run.throttled.total():,}",
        f"{median:.1f}",
        f"{p95:.1f}",
        f"{run.lambda_seconds / run.files:.2f}",
        f"{run.transitions / run.files:.1f}",
    ]


@pytest.mark.parametrize(
    ("what", "arrivals"),
    [
        ("1,000 files in one second", [number / 1000 for number in range(1000)]),
        ("100 files, one every 10 s", [10.0 * number for number in range(100)]),
    ],
)
def test_three_designs_in_virtual_time(what: str, arrivals: list[float]) -> None:
    runs = {name: design(arrivals) for name, design in DESIGNS.items()}
    print("\n" + table(what, COLUMNS, {name: row(run) for name, run in runs.items()}))
    for name, run in runs.items():
        if name.startswith("dashscribe"):
            assert (run.files, run.failed, run.paid_twice) == (len(arrivals), 0, 0), name


@pytest.mark.stack
def test_baselines_on_the_local_stack() -> None:
    files = 60
    found = deployed_baselines(files, TASK_SECONDS)
    columns = ("succeeded", "lost", "submissions", "queries", "429", "Lambda s per file", "states entered per file")
    print(
        "\n"
        + table(f"deployed, {files} files at once", columns, {name: result.row() for name, result in found.items()})
    )
    for name, result in found.items():
        assert result.succeeded + result.lost == files, name
