"""Measures bursts of uploads against the vendor's own limits. `make bench`.

A burst runs on the deployed local stack (real code and processes on two cores), and with the real services in virtual
time (the latencies of `billed_ports`). Times are printed; only counts are asserted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import ModuleType

import pytest

from dashscribe.services.finalize import FinalizeService
from dashscribe.services.polling import pass_budget
from dashscribe.services.polling.poll import PassResult, PollService
from tests.benchmarks import billed_ports, simulated_aws
from tests.benchmarks.aws_bill import MONTH_SECONDS, PriceTable
from tests.benchmarks.deployed_burst import deployed_burst
from tests.benchmarks.figures import BURST_COLUMNS, burst_row, percentiles, table
from tests.benchmarks.simulated_aws import SimulatedAws, SimulatedRun

UPLOADS_PER_SECOND = 1000


def per_task(files: int) -> str:
    return f"{files} file{'' if files == 1 else 's'} per task"


def simulated_burst(aws: SimulatedAws, files: int) -> SimulatedRun:
    for number in range(files):
        aws.upload_later(f"f/{number:06}.wav", number / UPLOADS_PER_SECOND)
    return aws.run()


@pytest.mark.parametrize("files", [1_000, 10_000])
def test_burst_in_virtual_time(files: int) -> None:
    runs = {
        "100 files per task": simulated_burst(SimulatedAws(max_files_per_task=100), files),
        "1 file per task": simulated_burst(SimulatedAws(max_files_per_task=1), files),
    }
    if files <= 1_000:
        tens = SimulatedAws(max_files_per_task=100, sqs_batch=10)
        runs["100 files per task, 10 messages per batch"] = simulated_burst(tens, files)
    print("\n" + table("virtual time", BURST_COLUMNS, {name: burst_row(run) for name, run in runs.items()}))
    for name, run in runs.items():
        assert (run.files, run.failed, run.paid_twice) == (files, 0, 0), name
    assert runs["100 files per task"].calls_per_file <= 0.1
    assert runs["100 files per task"].throttled.total() == 0
    assert runs["1 file per task"].calls_per_file <= 2.5


def test_bursts_of_short_and_long_tasks_in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's duration decides which pass finds it. The vendor's distance decides how evenly requests arrive."""
    rows = {}
    for max_files_per_task, task_seconds in ((100, 2), (100, 5), (100, 10), (100, 20), (100, 60), (1, 2), (1, 10)):
        run = simulated_burst(SimulatedAws(max_files_per_task=max_files_per_task, task_seconds=task_seconds), 1_000)
        rows[f"{per_task(max_files_per_task)}, tasks of {task_seconds} s"] = burst_row(run)
        assert (run.failed, run.throttled.total()) == (0, 0)
    monkeypatch.setitem(billed_ports.LATENCY, "transit to the vendor", 0.11)
    for max_files_per_task in (100, 1):
        run = simulated_burst(SimulatedAws(max_files_per_task=max_files_per_task), 1_000)
        rows[f"{per_task(max_files_per_task)}, vendor twice as far away"] = burst_row(run)
        assert (run.failed, run.throttled.total()) == (0, 0)
    print("\n" + table("virtual time", BURST_COLUMNS, rows))


def test_steady_load_in_virtual_time() -> None:
    """A few minutes of a month whose uploads arrive evenly (docs/scaling.md)."""
    rows = {}
    for files_a_month, max_files_per_task, minutes in (
        (1e6, 100, 20),
        (1e7, 100, 10),
        (1e7, 1, 10),
        (5e7, 100, 5),
        (1e8, 100, 2),
    ):
        chance = random.Random(7)  # noqa: S311 - the same arrivals each time
        aws = SimulatedAws(max_files_per_task=max_files_per_task)
        files = int(files_a_month * 60 * minutes / MONTH_SECONDS)
        for number in range(files):
            aws.upload_later(f"f/{number:06}.wav", chance.uniform(0, 60 * minutes))
        run = aws.run(ticks_until=60 * minutes)
        usd = sum(PriceTable.load().by_part(run.bill).values()) / files * 1000
        median, p95, _ = percentiles(run.lags)
        rows[f"{files_a_month / 1e6:.0f} million, {per_task(max_files_per_task)}"] = [
            f"{files / run.submissions:.1f}",
            f"{run.calls_per_file:.2f}",
            str(run.throttled.total()),
            f"{median:.1f}",
            f"{p95:.1f}",
            f"{run.bill['dynamodb_write_units'] / (60 * minutes):.0f}",
            f"{usd:.3f}",
        ]
        assert (run.files, run.failed, run.paid_twice) == (files, 0, 0)
    columns = (
        "files per task",
        "calls per file",
        "429",
        "median lag s",
        "95th",
        "write units per second",
        "USD per 1,000",
    )
    print("\n" + table("files per month, evenly", columns, rows))


@pytest.mark.stack
@pytest.mark.parametrize(("files", "max_files_per_task"), [(1_000, 100), (300, 1)])
def test_burst_on_the_deployed_stack(files: int, max_files_per_task: int) -> None:
    burst = deployed_burst(files, max_files_per_task)
    print("\n" + table("deployed", BURST_COLUMNS, {per_task(max_files_per_task): burst_row(burst)}))
    sizes = burst.files_per_submission
    print(f"files per submission: {sum(sizes) / len(sizes):.1f} on average, {max(sizes)} at most")
    print(f"429 by operation: {dict(burst.throttled)}")
    for name, seconds in burst.lambda_seconds.items():
        print(f"{name}: {burst.invocations[name]} invocations, {seconds:.1f} s billed")
    assert (burst.failed, burst.unfinished) == (0, 0)
    if max_files_per_task > 1:
        assert burst.throttled.total() == 0


class _OneQueryAtATime(SimulatedAws):
    def poll_service(self, workers: int = 1) -> PollService:
        return super().poll_service(workers)


class _OneFileAtATime(SimulatedAws):
    def finalize_service(self, workers: int = 1) -> FinalizeService:
        return super().finalize_service(workers)


class _NoPollWhileFinalizing(SimulatedAws):
    """No pass polls while finalizers run."""

    def _pass(self, found: PassResult, *, polls: bool) -> PassResult:
        return super()._pass(found, polls=polls and not found.finalize)


def test_one_change_at_a_time_in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a burst reacts to each setting and to each part of the design."""
    hundred, one = partial(SimulatedAws, max_files_per_task=100), partial(SimulatedAws, max_files_per_task=1)
    warm: Mapping[ModuleType, Mapping[str, object]] = {simulated_aws: {"COLD_START": simulated_aws.WARM_START}}
    changes: dict[str, tuple[Callable[[], SimulatedAws], Mapping[ModuleType, Mapping[str, object]]]] = {
        "100 files per task, unchanged": (hundred, {}),
        "every function warm": (hundred, warm),
        "20 finalizers": (partial(hundred, finalizers=20), {}),
        "10 submit functions": (partial(hundred, submitters=10), {}),
        "200 files per pass": (hundred, {pass_budget: {"FILES_PER_PASS": 200}}),
        "a finalizer's files one by one": (partial(_OneFileAtATime, max_files_per_task=100), {}),
        "no queries while finalizers run": (partial(_NoPollWhileFinalizing, max_files_per_task=100), {}),
        "1 file per task, unchanged": (one, {}),
        "1 file per task, every function warm": (one, warm),
        "1 file per task, 3 s of queries per pass": (one, {pass_budget: {"ENDED_FILES_WAIT": timedelta(seconds=3)}}),
        "1 file per task, queries and requeues one by one": (partial(_OneQueryAtATime, max_files_per_task=1), {}),
        "1 file per task, no queries while finalizers run": (partial(_NoPollWhileFinalizing, max_files_per_task=1), {}),
    }
    rows = {}
    for name, (make, settings) in changes.items():
        with monkeypatch.context() as patch:
            for module, values in settings.items():
                for setting, value in values.items():
                    patch.setattr(module, setting, value)
            run = simulated_burst(make(), 1_000)
        assert run.failed == 0, name
        rows[name] = burst_row(run)
    print("\n" + table("virtual time", BURST_COLUMNS, rows))
