"""What 1,000 one-minute files cost on AWS, by part, beside the two baselines. `make bench`.

Counted in virtual time: every read and write of the table by its item's real size, every object, event, message,
invocation, state machine and log line of the real services; then multiplied with `prices.json`. Free amounts are left
out, except where a table says so. Not in it, because every design pays it: the user's own upload, storage in S3, the
transfer of the media to the vendor.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from dashscribe.domain.jobs.timeouts import KEEP_RECORDS
from local.stack import ROOT
from tests.benchmarks.aws_bill import MONTH_SECONDS, PriceTable, money, units_table
from tests.benchmarks.simulated_aws import SimulatedAws, SimulatedRun
from tests.benchmarks.simulated_baselines import Baseline, JobPoller, OneFunctionPerFile

HOUR = 3600.0
KEEP_MONTHS = KEEP_RECORDS.total_seconds() / MONTH_SECONDS
"""How long records stay in the table."""
SQS_POLLERS = 5
"""Lambda keeps so many long polls of 20 seconds open at each queue without messages."""

Units = Mapping[str, float]


def added(*several: Units) -> dict[str, float]:
    return {unit: sum(units.get(unit, 0.0) for units in several) for units in several for unit in units}


def scaled(units: Units, factor: float) -> dict[str, float]:
    return {unit: amount * factor for unit, amount in units.items()}


def run_hour(max_files_per_task: int, arrivals: list[float]) -> SimulatedRun:
    aws = SimulatedAws(max_files_per_task=max_files_per_task)
    for number, seconds in enumerate(arrivals):
        aws.upload_later(f"calls/2026/11/20/recording-{number:06}.wav", seconds)
    return aws.run(ticks_until=HOUR)


def fixed_a_month(run: SimulatedRun) -> dict[str, float]:
    """A custom metric is billed for the hours in which it is told; here every hour is like the one of `run`."""
    template = (ROOT / "template.yaml").read_text()
    return {
        "alarms": template.count("Type: AWS::CloudWatch::Alarm"),
        "secrets": 1,
        "custom_metrics": run.metrics_told,
        "sqs_requests": template.count("Type: SQS\n") * SQS_POLLERS * MONTH_SECONDS / 20,
    }


def stored(run: SimulatedRun, files_a_month: float) -> dict[str, float]:
    return {"dynamodb_gb_months": run.stored_bytes / run.files * files_a_month * KEEP_MONTHS / 1e9}


def ours(max_files_per_task: int) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Units of a month: at a thousand files one by one, at a million evenly, at a million in bursts of 1,000; idle."""
    chance = random.Random(7)  # noqa: S311 - the same arrivals each time
    nothing = run_hour(max_files_per_task, [])
    idle_hour = nothing.bill
    idle = scaled(idle_hour, MONTH_SECONDS / HOUR)
    lone = run_hour(max_files_per_task, [30 + 180.0 * number for number in range(20)])
    alone = {unit: (lone.bill[unit] - idle_hour[unit]) / 20 for unit in lone.bill}
    even = run_hour(
        max_files_per_task, sorted(chance.uniform(0, HOUR) for _ in range(1_000_000 * 3600 // MONTH_SECONDS))
    )
    burst = run_hour(max_files_per_task, [number / 1000 for number in range(1000)])
    in_burst = {unit: (burst.bill[unit] - idle_hour[unit]) / 1000 for unit in burst.bill}
    months = {
        "1,000 one by one": added(idle, scaled(alone, 1_000), stored(lone, 1e3), fixed_a_month(lone)),
        "1,000,000 evenly": added(scaled(even.bill, MONTH_SECONDS / HOUR), stored(even, 1e6), fixed_a_month(even)),
        "1,000,000 in bursts": added(idle, scaled(in_burst, 1e6), stored(burst, 1e6), fixed_a_month(burst)),
    }
    return months, added(idle, fixed_a_month(nothing))


def of_baseline(baseline: type[Baseline]) -> dict[str, float]:
    """A file of it, when nothing goes wrong: files so far apart that the vendor refuses none."""
    run = baseline(3.0).run([10.0 * number for number in range(100)])
    assert (run.failed, run.throttled.total()) == (0, 0)
    return scaled(run.bill, 1 / run.files)


def test_cost_of_a_thousand_files() -> None:
    prices = PriceTable.load()
    print(f"\nPrices: {prices.region}, {prices.as_of}. {prices.source}")
    cases: dict[str, dict[str, float]] = {}
    free: dict[str, dict[str, float]] = {}
    units: dict[str, dict[str, float]] = {}
    idle: dict[str, float] = {}
    for per_task in (100, 1):
        months, idle = ours(per_task)
        for volume, month in months.items():
            files = 1_000_000 if "1,000,000" in volume else 1_000
            name = f"ours, {per_task} a task, {volume}"
            units[name] = scaled(month, 1 / files)
            cases[name] = scaled(prices.by_part(month), 1000 / files)
            free[name] = scaled(prices.by_part(month, free=True), 1000 / files)
    for baseline in (OneFunctionPerFile, JobPoller):
        units[baseline.name] = of_baseline(baseline)
        cases[baseline.name] = prices.by_part(scaled(units[baseline.name], 1000))
    print("\n" + money(cases))
    print("\nWith AWS's free amounts, in an account that does nothing else:\n\n" + money(free))
    print(
        "\nAn idle month:\n\n"
        + money({"list": prices.by_part(idle), "free amounts off": prices.by_part(idle, free=True)}, "USD a month")
    )
    print("\n" + units_table(units))
    dominated = max(cases["ours, 100 a task, 1,000,000 evenly"].items(), key=lambda part: part[1])
    print(f"\nWhat dominates at a million files: {dominated[0]}, {dominated[1]:.4f} USD per 1,000 files")
    for name, case in cases.items():
        if name.startswith("ours") and "1,000,000" in name:
            assert sum(case.values()) < cases[JobPoller.name]["Step Functions"], name
