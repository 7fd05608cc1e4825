"""The queue of the synchronous models is polled from its first message on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dashscribe.adapters.polled_queue import CHECK_EVERY_SECONDS, PolledQueue
from tests.conftest import LogLines


@dataclass
class Mapping:
    """Lambda's API for one event source mapping, and the queue that it polls."""

    state: str
    calls: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    fails: bool = False

    def get_event_source_mapping(self, UUID: str) -> Any:  # noqa: N803 - the SDK's own name
        self._called("get", UUID)
        return {"State": self.state}

    def update_event_source_mapping(self, UUID: str, *, Enabled: bool) -> None:  # noqa: N803 - the SDK's own names
        self._called("update", UUID)
        self.state = "Enabling" if Enabled else "Disabling"

    def _called(self, name: str, mapping_id: str) -> None:
        assert mapping_id == "m-1"
        self.calls.append(name)
        if self.fails:
            raise ClientError({"Error": {"Code": "ResourceInUseException", "Message": "x"}}, name)

    def requeue(self, job_id: str) -> None:
        self.sent.append(job_id)


def polled(mapping: Mapping) -> PolledQueue:
    client: Callable[[], Any] = lambda: mapping  # noqa: E731
    return PolledQueue(mapping, client, "m-1")


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_the_first_job_starts_the_polling(state: str) -> None:
    mapping = Mapping(state)
    polled(mapping).requeue("a")
    assert (mapping.sent, mapping.calls, mapping.state) == (["a"], ["get", "update"], "Enabling")


@pytest.mark.parametrize("state", ["Enabled", "Enabling", "Updating", "Creating"])
def test_a_queue_that_is_polled_is_left_alone(state: str) -> None:
    mapping = Mapping(state)
    polled(mapping).requeue("a")
    assert (mapping.sent, mapping.calls) == (["a"], ["get"])


def test_later_jobs_make_no_further_call_for_some_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping, now = Mapping("Disabled"), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    queue = polled(mapping)
    queue.requeue("a")
    queue.requeue("b")
    assert mapping.calls == ["get", "update"]
    mapping.state = "Disabled"  # an update of the stack
    now += CHECK_EVERY_SECONDS
    queue.requeue("c")
    assert mapping.calls == ["get", "update", "get", "update"]
    assert mapping.sent == ["a", "b", "c"]


def test_a_mapping_that_cannot_be_enabled_is_logged_and_tried_again_with_the_next_job(log_lines: LogLines) -> None:
    mapping = Mapping("Disabled", fails=True)
    queue = polled(mapping)
    queue.requeue("a")
    assert [line["message"] for line in log_lines()] == ["event source mapping not enabled"]
    mapping.fails = False
    queue.requeue("b")
    assert (mapping.sent, mapping.state) == (["a", "b"], "Enabling")
