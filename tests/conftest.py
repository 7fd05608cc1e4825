"""Fixtures of every test: a clean environment with fake credentials and without the user's AWS configuration."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # the package has no types

ROOT = Path(__file__).resolve().parent.parent
LogLines = Callable[[], list[dict[str, Any]]]
"""The type of the fixture `log_lines`."""

# Powertools reads these when dashscribe.observability is imported, before any fixture runs.
os.environ["POWERTOOLS_SERVICE_NAME"] = "tests"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "dashscribe"


FAULTS = ("tests/end_to_end/test_faults.py", "tests/end_to_end/test_missing_key.py")
"""These tests mostly wait, and use another stack than the other end-to-end tests."""


SDK_VERSIONS = "tests/integration/simulator/test_sdk_versions.py"


class StackScheduling(LoadScopeScheduling):  # type: ignore[misc]  # so its base is Any
    """Distributes the end-to-end tests over two processes, each with its own local stack; all other tests as usual.

    The browser tests run in one process, because they share one Chromium. So do those of the SDK versions, because they
    share the outcomes of all versions.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(FAULTS):
            return "stack of faults"
        if nodeid.startswith("tests/browser/"):
            return "browser"
        if nodeid.startswith(SDK_VERSIONS):
            return "SDK versions"
        return "stack" if nodeid.startswith("tests/end_to_end/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> StackScheduling:
    return StackScheduling(config, log)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the user's AWS settings and set invalid credentials."""
    for name in list(os.environ):
        if name.startswith("AWS_") and name != "AWS_CA_BUNDLE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """The lines that the product's logger has written since the test began, each parsed as JSON."""
    from dashscribe.observability import logger  # not before the environment above is set

    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    if before is not None:
        handler.setStream(before)
