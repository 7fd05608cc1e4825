"""dashscribe beside what people do today: the vendor's sample in a function, a job poller for each file. `make bench`.

In virtual time all three meet the same vendor, limits and latencies with their own code (the official SDK's too). The
baselines store one file and send no event, which is what their authors wanted; dashscribe stores six and sends two.
A smaller run of the baselines on the local stack, real processes and HTTP, shows that the simulation tells the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.benchmarks.deployed_baselines import deployed_baselines
from tests.benchmarks.figures import percentiles, table
from tests.benchmarks.simulated_aws import SimulatedAws, SimulatedRun
from tests.benchmarks.simulated_baselines import JobPoller, OneFunctionPerFile

TASK_SECONDS = 3.0
HEADS = (
    "succeeded",
    "lost",
    "paid twice",
    "makespan s",
    "calls a file",
    "429",
    "lag median s",
    "95th",
    "Lambda s a file",
    "transitions a file",
)


def ours(max_files_per_task: int) -> Callable[[list[float]], SimulatedRun]:
    def run(arrivals: list[float]) -> SimulatedRun:
        aws = SimulatedAws(max_files_per_task=max_files_per_task, task_seconds=TASK_SECONDS)
        for number, seconds in enumerate(arrivals):
            aws.upload_later(f"f/{number:06}.wav", seconds)
        return aws.run()

    return run


DESIGNS: Mapping[str, Callable[[list[float]], SimulatedRun]] = {
    "dashscribe, 100 a task": ours(100),
    "dashscribe, 1 a task": ours(1),
    "a function a file (the SDK's sample)": lambda arrivals: OneFunctionPerFile(TASK_SECONDS).run(arrivals),
    "a job poller a file (15 s)": lambda arrivals: JobPoller(TASK_SECONDS).run(arrivals),
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
        ("1,000 files in a second", [number / 1000 for number in range(1000)]),
        ("100 files, one every 10 s", [10.0 * number for number in range(100)]),
    ],
)
def test_side_by_side_in_virtual_time(what: str, arrivals: list[float]) -> None:
    runs = {name: design(arrivals) for name, design in DESIGNS.items()}
    print("\n" + table(what, HEADS, {name: row(run) for name, run in runs.items()}))
    for name, run in runs.items():
        if name.startswith("dashscribe"):
            assert (run.files, run.failed, run.paid_twice) == (len(arrivals), 0, 0), name


@pytest.mark.stack
def test_baselines_on_the_local_stack() -> None:
    files = 60
    found = deployed_baselines(files, TASK_SECONDS)
    heads = ("succeeded", "lost", "submissions", "queries", "429", "Lambda s a file", "states entered a file")
    print(
        "\n" + table(f"deployed, {files} files at once", heads, {name: result.row() for name, result in found.items()})
    )
    for name, result in found.items():
        assert result.succeeded + result.lost == files, name
