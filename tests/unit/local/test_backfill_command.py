"""`make backfill`: what it asks for, and what it says when things end otherwise than well."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from local import backfill
from local.backfill import Target
from local.processes import StackError

ARN = "arn:aws:states:us-east-1:123456789012:execution:backfill:the-run"


@dataclass
class Account:
    """Step Functions and the table: an execution that has these statuses, one a look."""

    statuses: list[str]
    counts: dict[str, int] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False

    def start_execution(self, **asked: Any) -> dict[str, str]:
        self.asked = json.loads(asked["input"])
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
        target = Target(cast("Any", self), cast("Any", self), "machine", "table")
        return backfill.run(target, backfill.request_of(**request), said.append, every_seconds=0), "\n".join(said)


def test_it_follows_the_counts_to_the_end() -> None:
    account = Account(["RUNNING", "RUNNING", "SUCCEEDED"], {"listed": 3, "queued": 2})
    status, said = account.run(prefix="calls/", newer_than="2026-01-31", older_than="2026-02-01T00:00+01:00")
    assert status == 0
    assert said.count("listed 3, queued 2") == 1
    assert account.asked == {
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
def test_an_execution_that_did_not_end_well_is_an_error_and_says_how_to_go_on(end: str) -> None:
    status, said = Account([end]).run()
    assert status == 1
    assert f"{end}: States.Timeout too late" in said
    assert "Start it again with the same filters" in said


def test_objects_that_could_not_be_looked_at_are_an_error() -> None:
    assert Account(["SUCCEEDED"], {"listed": 2, "failed": 1}).run()[0] == 1


def test_an_inventory_is_named_by_its_manifest() -> None:
    account = Account(["SUCCEEDED"])
    account.run(inventory="s3://lists/media/all/2026-01-01T01-00Z/manifest.json")
    assert account.asked["inventory"] == {"bucket": "lists", "key": "media/all/2026-01-01T01-00Z/manifest.json"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"newer_than": "yesterday"},
        {"older_than": "31.1.2026"},
        {"inventory": "lists/manifest.json"},
        {"inventory": "s3://lists/data.csv.gz"},
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_is_started(wrong: dict[str, str]) -> None:
    with pytest.raises(StackError, match="write"):
        backfill.request_of(**wrong)  # type: ignore[arg-type]  # none of these is dry_run
