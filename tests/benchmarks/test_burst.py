"""A burst of uploads: how close to the vendor's own limits it goes through. `make bench`.

Twice: deployed on the local stack (real code, real processes, two cores), and with the real services in virtual time
(the latencies of `simulated_aws`, no cold machine in the way). Figures are printed; only counts are judged.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from dashscribe.services.submit import SubmitService
from tests.benchmarks.aws_bill import MONTH_SECONDS, PriceTable
from tests.benchmarks.deployed_burst import deployed_burst
from tests.benchmarks.figures import BURST_HEADS, burst_row, percentiles, table
from tests.benchmarks.simulated_aws import FINALIZERS, LATENCY, SUBMITTERS, SimulatedAws, SimulatedRun

UPLOADS_PER_SECOND = 1000


def simulated_burst(aws: SimulatedAws, files: int) -> SimulatedRun:
    for number in range(files):
        aws.upload_later(f"f/{number:06}.wav", number / UPLOADS_PER_SECOND)
    return aws.run()


@pytest.mark.parametrize("files", [1_000, 10_000])
def test_burst_in_virtual_time(files: int) -> None:
    runs = {
        "100 a task": simulated_burst(SimulatedAws(max_files_per_task=100), files),
        "1 a task": simulated_burst(SimulatedAws(max_files_per_task=1), files),
    }
    if files <= 1_000:
        tens = SimulatedAws(max_files_per_task=100, batch_size=10)
        runs["100 a task, but 10 messages a batch"] = simulated_burst(tens, files)
    print("\n" + table("virtual time", BURST_HEADS, {name: burst_row(run) for name, run in runs.items()}))
    for name, run in runs.items():
        assert (run.files, run.failed, run.paid_twice) == (files, 0, 0), name
    assert runs["100 a task"].calls_per_file <= 0.1
    assert runs["100 a task"].throttled.total() == 0
    assert runs["1 a task"].calls_per_file <= 2.5


def test_steady_load_in_virtual_time() -> None:
    """Uploads spread evenly over the month, some minutes of it (docs/scaling.md)."""
    rows = {}
    for files_a_month, max_files_per_task, minutes in ((1e6, 100, 20), (1e7, 100, 10), (1e7, 1, 10), (5e7, 100, 5)):
        chance = random.Random(7)  # noqa: S311 - the same arrivals each time
        aws = SimulatedAws(max_files_per_task=max_files_per_task)
        files = int(files_a_month * 60 * minutes / MONTH_SECONDS)
        for number in range(files):
            aws.upload_later(f"f/{number:06}.wav", chance.uniform(0, 60 * minutes))
        run = aws.run(ticks_until=60 * minutes)
        usd = sum(PriceTable.load().by_part(run.bill).values()) / files * 1000
        median, p95, _ = percentiles(run.lags)
        rows[f"{files_a_month / 1e6:.0f} million, {max_files_per_task} a task"] = [
            f"{files / run.submissions:.1f}",
            f"{run.calls_per_file:.2f}",
            str(run.throttled.total()),
            f"{median:.1f}",
            f"{p95:.1f}",
            f"{run.bill['dynamodb_write_units'] / (60 * minutes):.0f}",
            f"{usd:.3f}",
        ]
        assert (run.files, run.failed, run.paid_twice) == (files, 0, 0)
    heads = ("files a task", "calls a file", "429", "lag median s", "95th", "write units a second", "USD per 1,000")
    print("\n" + table("files a month, evenly", heads, rows))


@pytest.mark.stack
@pytest.mark.parametrize(("files", "max_files_per_task"), [(1_000, 100), (300, 1)])
def test_burst_on_the_deployed_stack(files: int, max_files_per_task: int) -> None:
    burst = deployed_burst(files, max_files_per_task)
    print("\n" + table("deployed", BURST_HEADS, {f"{max_files_per_task} a task": burst_row(burst)}))
    sizes = burst.files_per_submission
    print(f"files per submission: {sum(sizes) / len(sizes):.1f} on average, {max(sizes)} at most")
    print(f"429 by operation: {dict(burst.throttled)}")
    for name, seconds in burst.lambda_seconds.items():
        print(f"{name}: {burst.invocations[name]} invocations, {seconds:.1f} s billed")
    assert (burst.failed, burst.without_an_end) == (0, 0)
    if max_files_per_task > 1:
        assert burst.throttled.total() == 0


class _AtItsOwnRate(SimulatedAws):
    """One file a task, submitted at another rate than the vendor's."""

    def __init__(self, per_second: float) -> None:
        super().__init__(max_files_per_task=1)
        self._per_second = per_second

    def submit_service(self) -> SubmitService:
        return replace(super().submit_service(), submit_requests_per_second=self._per_second)


def test_what_would_move_the_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """One change at a time, in virtual time: what could be turned, and what that would give."""

    def hundred(*, submitters: int = SUBMITTERS, finalizers: int = FINALIZERS) -> SimulatedAws:
        return SimulatedAws(max_files_per_task=100, submitters=submitters, finalizers=finalizers)

    def one(per_second: float = 10.0) -> SimulatedAws:
        return _AtItsOwnRate(per_second)

    six_at_once, five_at_once = {"put result": LATENCY["put result"] / 6}, {"query": LATENCY["query"] / 5}
    changes: dict[str, tuple[Callable[[], SimulatedAws], dict[str, float]]] = {
        "100 a task, as it is": (hundred, {}),
        "40 finalizers (the most of an inline Map)": (lambda: hundred(finalizers=40), {}),
        "a file's six puts at once": (hundred, six_at_once),
        "both": (lambda: hundred(finalizers=40), six_at_once),
        "both, and 10 submit functions": (lambda: hundred(finalizers=40, submitters=10), six_at_once),
        "1 a task, as it is": (one, {}),
        "9.5 submissions a second": (lambda: one(9.5), {}),
        "five questions at once": (one, five_at_once),
        "9.5 a second, five at once, six puts at once": (lambda: one(9.5), five_at_once | six_at_once),
    }
    rows = {}
    for name, (make, latencies) in changes.items():
        with monkeypatch.context() as patch:
            for operation, seconds in latencies.items():
                patch.setitem(LATENCY, operation, seconds)
            run = simulated_burst(make(), 1_000)
        assert run.failed == 0, name
        rows[name] = burst_row(run)
    print("\n" + table("virtual time", BURST_HEADS, rows))
