"""A burst of uploads on the simulated AWS of the benchmarks, small enough for every test run."""

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
def one_file_per_task() -> SimulatedRun:
    return burst(150, max_files_per_task=1)


@pytest.fixture(scope="module")
def many_files_per_task() -> SimulatedRun:
    return burst(1000, max_files_per_task=100)


def test_a_burst_is_submitted_in_full_tasks_without_throttling(many_files_per_task: SimulatedRun) -> None:
    run = many_files_per_task
    assert (run.files, run.failed, run.paid_twice) == (1000, 0, 0)
    assert run.calls_per_file <= 0.1
    assert run.throttled.total() == 0


def test_a_burst_with_one_file_per_task_needs_at_most_two_and_a_half_calls_per_file(
    one_file_per_task: SimulatedRun,
) -> None:
    run = one_file_per_task
    assert (run.files, run.failed, run.paid_twice) == (150, 0, 0)
    assert run.calls_per_file <= 2.5


def test_a_burst_with_one_file_per_task_is_not_throttled(one_file_per_task: SimulatedRun) -> None:
    assert one_file_per_task.throttled.total() == 0


@pytest.mark.parametrize("run", ["one_file_per_task", "many_files_per_task"])
def test_terminal_events_of_a_burst_are_published_soon_after_the_tasks_end(
    run: str, request: pytest.FixtureRequest
) -> None:
    """A submit function runs for up to half a minute after its first task."""
    median, p95, _ = percentiles(request.getfixturevalue(run).lags)
    assert median <= 2
    assert p95 <= 5
