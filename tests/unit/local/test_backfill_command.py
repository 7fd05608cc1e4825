"""`make backfill`: the execution that it starts, what it prints, and that nothing is spent without a confirmation."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.console import Console

from local import backfill
from local.estimate import Estimate
from local.processes import StackError
from local.target import Target

ARN = "arn:aws:states:us-east-1:123456789012:execution:backfill:the-run"


@dataclass
class Account:
    """Step Functions and the table, with one execution; each query returns its next status."""

    statuses: list[str]
    counts: dict[str, int] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False

    def start_execution(self, **asked: Any) -> dict[str, str]:
        self.inputs.append(json.loads(asked["input"]))
        return {"executionArn": ARN}

    def describe_execution(self, **_: Any) -> dict[str, str]:
        if self.interrupted:
            raise KeyboardInterrupt
        return {"status": self.statuses.pop(0), "error": "States.Timeout", "cause": "too late"}

    def get_item(self, **asked: Any) -> dict[str, Any]:
        assert asked["Key"] == {"pk": {"S": "BACKFILL#the-run"}}
        return {"Item": {name: {"N": str(count)} for name, count in self.counts.items()}} if self.counts else {}

    def run(self, **request: Any) -> tuple[int, str]:
        said: list[str] = []
        status, _ = backfill.run(self.target, backfill.request_of(**request), said.append, every_seconds=0)
        return status, "\n".join(said)

    def command(self, *, confirmed: bool = False, **request: Any) -> tuple[int, str]:
        console = Console(record=True, quiet=False, file=io.StringIO(), width=200)
        return (
            backfill.command(self.target, backfill.request_of(**request), console, confirmed=confirmed),
            console.export_text(),
        )

    @property
    def target(self) -> Target:
        outputs = {"BackfillStateMachineArn": "machine", "JobsTableName": "table"}
        return Target(lambda _: self, outputs, {})


def test_it_follows_the_counts_to_the_end() -> None:
    account = Account(["RUNNING", "RUNNING", "SUCCEEDED"], {"listed": 3, "queued": 2})
    status, said = account.run(prefix="calls/", newer_than="2026-01-31", older_than="2026-02-01T00:00+01:00")
    assert status == 0
    assert said.count("listed 3, queued 2") == 1
    assert account.inputs[-1] == {
        "prefix": "calls/",
        "suffix": "",
        "newer_than": "2026-01-31T00:00:00.000Z",
        "older_than": "2026-01-31T23:00:00.000Z",
        "inventory": None,
        "dry_run": False,
    }


def test_a_dry_run_says_that_nothing_was_queued() -> None:
    _, said = Account(["SUCCEEDED"], {"queued": 2}).run(dry_run=True)
    assert "would be queued 2" in said


def test_an_interrupt_leaves_it_running_and_says_how_to_stop_it() -> None:
    status, said = Account([], interrupted=True).run()
    assert status == 130
    assert f"stop-execution --execution-arn {ARN}" in said


@pytest.mark.parametrize("end", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_failed_execution_is_an_error_and_says_how_to_resume(end: str) -> None:
    status, said = Account([end]).run()
    assert status == 1
    assert f"{end}: States.Timeout too late" in said
    assert "Start it again with the same filters" in said


def test_objects_that_could_not_be_read_are_an_error() -> None:
    assert Account(["SUCCEEDED"], {"listed": 2, "failed": 1}).run()[0] == 1


def test_an_inventory_is_named_by_its_manifest() -> None:
    account = Account(["SUCCEEDED"])
    account.run(inventory="s3://lists/media/all/2026-01-01T01-00Z/manifest.json")
    assert account.inputs[-1]["inventory"] == {"bucket": "lists", "key": "media/all/2026-01-01T01-00Z/manifest.json"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"newer_than": "yesterday"},
        {"older_than": "31.1.2026"},
        {"inventory": "lists/manifest.json"},
        {"inventory": "s3://lists/data.csv.gz"},
    ],
)
def test_a_filter_that_is_not_valid_is_refused_before_anything_is_started(wrong: dict[str, str]) -> None:
    with pytest.raises(StackError, match="write"):
        backfill.request_of(**wrong)  # type: ignore[arg-type]  # none of these is dry_run


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimate without S3."""
    monkeypatch.setattr(backfill, "estimate", lambda *_: Estimate(2, hours=3.5, usd=0.44, sampled=2, unreadable=0))


@pytest.mark.usefixtures("cheap")
def test_nothing_is_queued_without_a_confirmation() -> None:
    account = Account(["SUCCEEDED"], {"listed": 3, "queued": 2})
    status, said = account.command(prefix="calls/")
    assert [each["dry_run"] for each in account.inputs] == [True]
    assert status == 1
    assert "add YES=1" in said


@pytest.mark.usefixtures("cheap")
def test_a_confirmed_backfill_starts_at_once() -> None:
    account = Account(["SUCCEEDED"], {"listed": 3, "queued": 2})
    assert account.command(prefix="calls/", confirmed=True)[0] == 0
    assert [each["dry_run"] for each in account.inputs] == [False]


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("confirmed", [True, False])
def test_a_dry_run_says_hours_and_price_and_queues_nothing(confirmed: bool) -> None:
    account = Account(["SUCCEEDED"], {"listed": 3, "queued": 2})
    status, said = account.command(dry_run=True, confirmed=confirmed)
    assert status == 0
    assert "about 3.5 hours of audio, about 0.44 USD" in said
    assert [each["dry_run"] for each in account.inputs] == [True]


def test_a_bucket_without_new_recordings_asks_nothing() -> None:
    account = Account(["SUCCEEDED"], {"listed": 3, "skipped_done": 3})
    status, said = account.command()
    assert status == 0
    assert "Nothing would be queued" in said
