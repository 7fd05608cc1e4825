"""The AWS cost of 1,000 one-minute files, by part, compared with the two baselines. `make bench`.

A run in virtual time counts every read and write of the table by its item's real size, and every object, event,
message, invocation, execution and log line of the real services. The counts are multiplied with `prices.json`. Free
amounts are included only where a table says so. Costs that every design has are left out: the user's upload, storage in
S3, and the transfer of the media to the vendor.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from dashscribe.domain.jobs.timeouts import KEEP_RECORDS
from local.stack import ROOT
from tests.benchmarks.aws_bill import MONTH_SECONDS, PriceTable, cost_table, units_table
from tests.benchmarks.simulated_aws import SimulatedAws, SimulatedRun
from tests.benchmarks.simulated_baselines import Baseline, JobPoller, OneFunctionPerFile

HOUR = 3600.0
KEEP_MONTHS = KEEP_RECORDS.total_seconds() / MONTH_SECONDS
"""How many months a record stays in the table."""
SQS_POLLERS = 5
"""An event source mapping keeps this many long polls of 20 seconds open while its queue is empty."""

REQUESTS_OF_AN_EMPTY_QUEUE = SQS_POLLERS * MONTH_SECONDS / 20
"""A month's requests. The synchronous queue has them from the first recording for a synchronous model on."""

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


def fixed_per_month(run: SimulatedRun) -> dict[str, float]:
    """A custom metric is billed for the hours in which it is emitted. Every hour is taken to be like that of `run`."""
    template = (ROOT / "template.yaml").read_text()
    return {
        "alarms": template.count("Type: AWS::CloudWatch::Alarm") - template.count("Condition: HasDetailedAlarms"),
        "secrets": 1,
        "custom_metrics": run.emitted_metrics,
        "sqs_requests": REQUESTS_OF_AN_EMPTY_QUEUE,  # of the submit queue
    }


def stored(run: SimulatedRun, files_a_month: float) -> dict[str, float]:
    return {"dynamodb_gb_months": run.stored_bytes / run.files * files_a_month * KEEP_MONTHS / 1e9}


def dashscribe(max_files_per_task: int) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """The units of a month, by its volume, and of an idle month.

    The volumes are 1,000 files one by one, 1,000,000 files evenly, and 1,000,000 files in bursts of 1,000.
    """
    chance = random.Random(7)  # noqa: S311 - the same arrivals each time
    idle_run = run_hour(max_files_per_task, [])
    idle_hour = idle_run.bill
    idle = scaled(idle_hour, MONTH_SECONDS / HOUR)
    single = run_hour(max_files_per_task, [30 + 180.0 * number for number in range(20)])
    per_single_file = {unit: (single.bill[unit] - idle_hour[unit]) / 20 for unit in single.bill}
    even = run_hour(
        max_files_per_task, sorted(chance.uniform(0, HOUR) for _ in range(1_000_000 * 3600 // MONTH_SECONDS))
    )
    burst = run_hour(max_files_per_task, [number / 1000 for number in range(1000)])
    per_burst_file = {unit: (burst.bill[unit] - idle_hour[unit]) / 1000 for unit in burst.bill}
    months = {
        "1,000 one by one": added(idle, scaled(per_single_file, 1_000), stored(single, 1e3), fixed_per_month(single)),
        "1,000,000 evenly": added(scaled(even.bill, MONTH_SECONDS / HOUR), stored(even, 1e6), fixed_per_month(even)),
        "1,000,000 in bursts": added(idle, scaled(per_burst_file, 1e6), stored(burst, 1e6), fixed_per_month(burst)),
    }
    return months, added(idle, fixed_per_month(idle_run))


def units_per_file(baseline: type[Baseline]) -> dict[str, float]:
    """The units of one file of a baseline. The files arrive so slowly that the vendor refuses none."""
    run = baseline(3.0).run([10.0 * number for number in range(100)])
    assert (run.failed, run.throttled.total()) == (0, 0)
    return scaled(run.bill, 1 / run.files)


def test_cost_of_1000_files() -> None:
    prices = PriceTable.load()
    print(f"\nPrices: {prices.region}, {prices.as_of}. {prices.source}")
    cases: dict[str, dict[str, float]] = {}
    free: dict[str, dict[str, float]] = {}
    units: dict[str, dict[str, float]] = {}
    idle: dict[str, float] = {}
    for per_task in (100, 1):
        months, idle = dashscribe(per_task)
        for volume, month in months.items():
            files = 1_000_000 if "1,000,000" in volume else 1_000
            name = f"dashscribe, {per_task} per task, {volume}"
            units[name] = scaled(month, 1 / files)
            cases[name] = scaled(prices.by_part(month), 1000 / files)
            free[name] = scaled(prices.by_part(month, free=True), 1000 / files)
    for baseline in (OneFunctionPerFile, JobPoller):
        units[baseline.name] = units_per_file(baseline)
        cases[baseline.name] = prices.by_part(scaled(units[baseline.name], 1000))
    print("\n" + cost_table(cases))
    print("\nWith AWS's free amounts, in an account that runs nothing else:\n\n" + cost_table(free))
    two_queues = {**idle, "sqs_requests": idle["sqs_requests"] + REQUESTS_OF_AN_EMPTY_QUEUE}
    idle_months = {
        "list": prices.by_part(idle),
        "after free amounts": prices.by_part(idle, free=True),
        "with synchronous models, list": prices.by_part(two_queues),
        "with synchronous models, after free amounts": prices.by_part(two_queues, free=True),
    }
    print("\nAn idle month:\n\n" + cost_table(idle_months, "USD per month"))
    assert idle["custom_metrics"] == 0
    assert sum(idle_months["list"].values()) <= 1.50
    assert sum(idle_months["after free amounts"].values()) <= 0.50
    print("\n" + units_table(units))
    largest = max(cases["dashscribe, 100 per task, 1,000,000 evenly"].items(), key=lambda part: part[1])
    print(f"\nLargest part at a million files: {largest[0]}, {largest[1]:.4f} USD per 1,000 files")
    for name, case in cases.items():
        if name.startswith("dashscribe") and "1,000,000" in name:
            assert sum(case.values()) < cases[JobPoller.name]["Step Functions"], name
