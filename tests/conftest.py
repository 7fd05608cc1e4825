"""What every test gets: a clean environment, fake credentials, nothing of the user's AWS configuration."""

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
"""What the fixture `log_lines` gives."""

# Powertools reads these when dashscribe.observability is imported, before any fixture runs.
os.environ["POWERTOOLS_SERVICE_NAME"] = "tests"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "dashscribe"


FAULTS = ("tests/end_to_end/test_faults.py", "tests/end_to_end/test_account_trouble.py")
"""They wait most of their time, on a stack of their own."""


class StackTogether(LoadScopeScheduling):  # type: ignore[misc]  # so its base is Any
    """The end-to-end tests run in two processes, each with its own local stack; who is done first does the rest.

    The browser tests run in one process, because they share one Chromium.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(FAULTS):
            return "stack of faults"
        if nodeid.startswith("tests/browser/"):
            return "browser"
        return "stack" if nodeid.startswith("tests/end_to_end/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> StackTogether:
    return StackTogether(config, log)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No AWS setting of whoever runs the tests, and credentials that open nothing."""
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
    """What the product's own logger has written since the test began, each line read as JSON."""
    from dashscribe.observability import logger  # not before the environment above is set

    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    if before is not None:
        handler.setStream(before)
