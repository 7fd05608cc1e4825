"""Fixtures of every test: a clean environment with fake credentials and without the user's AWS configuration."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # the package has no types

ROOT = Path(__file__).resolve().parent.parent
LogLines = Callable[[], list[dict[str, Any]]]
"""The type of the fixture `log_lines`."""

# Powertools reads these when dashscribe.observability is imported, before any fixture runs.
os.environ["POWERTOOLS_SERVICE_NAME"] = "tests"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "dashscribe"


# The default is 700 objects. Its collections take a sixth of the processor time of unit tests: they visit the items of
# all tests again and again, and find little.
gc.set_threshold(50_000, 20, 20)

SCOPES = {
    "tests/end_to_end/test_faults.py": "first stack",
    "tests/end_to_end/test_hotwords.py": "first stack",
    "tests/end_to_end/test_pipeline.py": "first stack",
    "tests/end_to_end/test_commands.py": "own stacks",
    "tests/end_to_end/test_documented_commands.py": "own stacks",
    "tests/end_to_end/test_smoke.py": "smoke",
    "tests/end_to_end/": "second stack",
    "tests/browser/": "browser",
    "tests/integration/simulator/test_sdk_versions.py": "SDK versions",
    "tests/integration/simulator/": "simulator",
}
"""The tests that share something expensive, by the beginning of their name: a stack, Chromium, a simulator. One process
runs them, and these groups start first, in this order. All other tests are distributed by module."""


def scope_of(nodeid: str) -> str:
    return next((scope for start, scope in SCOPES.items() if nodeid.startswith(start)), nodeid.split("::")[0])


class ScopeScheduling(LoadScopeScheduling):  # type: ignore[misc]  # the package has no types, so its base is Any
    """Distributes the groups of `SCOPES` and the other modules in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ScopeScheduling:
    config.option.loadscopereorder = False  # by the number of tests, which says nothing about their time
    return ScopeScheduling(config, log)


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the groups that take longest first: the last group would otherwise run alone."""
    order = list(dict.fromkeys(SCOPES.values()))
    items.sort(key=lambda item: order.index(scope) if (scope := scope_of(item.nodeid)) in order else len(order))
    # The command blocks of a page run in their order: a later one uses what an earlier one has made.
    places = [place for place, item in enumerate(items) if "::test_a_command_block_works_as_typed[" in item.nodeid]
    blocks = [item for item in map(items.__getitem__, places) if isinstance(item, pytest.Function)]
    for place, block in zip(places, sorted(blocks, key=lambda item: item.callspec.indices["block"]), strict=True):
        items[place] = block


def pytest_collection_finish() -> None:
    gc.freeze()  # the items and the modules stay until the end


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


@pytest.fixture(scope="session", autouse=True)
def parsed_service_descriptions() -> Iterator[None]:
    """botocore parses the description of a service once. moto makes a session for each test, and each session would
    parse it again."""
    read, parsed = JSONFileLoader.load_file, dict[str, Any]()

    def load_file(loader: JSONFileLoader, file_path: str) -> Any:
        if file_path not in parsed:
            parsed[file_path] = read(loader, file_path)
        return parsed[file_path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield


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
