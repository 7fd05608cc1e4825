"""What the tests of the handlers share: a fake service, an invocation, and the metrics that it emitted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from dashscribe.observability import metrics

Metrics = Callable[[], dict[str, list[float]]]
"""What the fixture `emitted` gives: the metrics of the invocations so far, by name, each with its values."""


@dataclass
class FakeService:
    """Answers `run` with a prepared report, or raises a prepared error. It records the arguments of each call."""

    answer: Any
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def run(self, *arguments: Any) -> Any:
        self.calls.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


Serve = Callable[[ModuleType, str, Any], FakeService]
"""What the fixture `serve` gives."""


@dataclass(frozen=True)
class LambdaContext:
    """The fields of a Lambda context that Powertools reads."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request-1"


def invoke(app: ModuleType, event: Any) -> dict[str, Any]:
    """The handler's answer to one event."""
    answer: dict[str, Any] = app.handler(event, LambdaContext())
    return answer


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`serve(app, "submit_service", report)` makes the handler of `app` use a service that answers with the report."""

    def install(app: ModuleType, builder: str, answer: Any) -> FakeService:
        service = FakeService(answer)
        monkeypatch.setattr(app, builder, lambda: service)
        return service

    return install


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str]) -> Iterator[Metrics]:
    """The metrics in the lines that Powertools prints (CloudWatch's embedded metric format)."""
    metrics.clear_metrics()

    def read() -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for line in capsys.readouterr().out.splitlines():
            document = json.loads(line)
            for directive in document["_aws"]["CloudWatchMetrics"]:
                assert directive["Namespace"] == "dashscribe"
                for metric in directive["Metrics"]:
                    found[metric["Name"]] = document[metric["Name"]]
        return found

    yield read
    metrics.clear_metrics()
