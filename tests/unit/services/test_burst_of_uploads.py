"""A burst through the real services on the simulated AWS of the benchmarks, small enough for every test run."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import percentiles
from tests.benchmarks.simulated_aws import SimulatedAws, SimulatedRun


def burst(files: int, max_files_per_task: int) -> SimulatedRun:
    aws = SimulatedAws(max_files_per_task=max_files_per_task)
    for number in range(files):
        aws.upload_later(f"f/{number:03}.wav", number / 1000)
    return aws.run()


@pytest.fixture(scope="module")
def one_file_a_task() -> SimulatedRun:
    return burst(300, max_files_per_task=1)


@pytest.fixture(scope="module")
def many_files_a_task() -> SimulatedRun:
    return burst(1000, max_files_per_task=100)


def test_a_burst_goes_in_full_tasks_and_never_too_fast(many_files_a_task: SimulatedRun) -> None:
    run = many_files_a_task
    assert (run.files, run.failed, run.paid_twice) == (1000, 0, 0)
    assert run.calls_per_file <= 0.1
    assert run.throttled.total() == 0


def test_a_burst_of_one_file_a_task_asks_about_each_little(one_file_a_task: SimulatedRun) -> None:
    run = one_file_a_task
    assert (run.files, run.failed, run.paid_twice) == (300, 0, 0)
    assert run.calls_per_file <= 2.5


def test_a_burst_of_one_file_a_task_is_never_too_fast(one_file_a_task: SimulatedRun) -> None:
    assert one_file_a_task.throttled.total() == 0


@pytest.mark.parametrize("run", ["one_file_a_task", "many_files_a_task"])
def test_what_has_ended_in_a_burst_is_told_of_soon(run: str, request: pytest.FixtureRequest) -> None:
    """Although a submit function goes on for half a minute after its first task."""
    median, p95, _ = percentiles(request.getfixturevalue(run).lags)
    assert median <= 2
    assert p95 <= 5
