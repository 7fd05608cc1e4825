"""A pytest plugin for the runs of mutants: fast tests first, and the same random numbers each time."""

from __future__ import annotations

import json
import logging
import random
import sys
from pathlib import Path

import pytest

STATS = Path("mutmut-stats.json")
"""mutmut writes it into the folder of the mutants, from which the tests run."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first failed test ends the run of a mutant, so the fastest tests come first."""
    if STATS.exists():
        seconds: dict[str, float] = json.loads(STATS.read_text())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    from dashscribe.observability import logger  # not before tests/conftest.py has set its environment

    random.seed(item.nodeid)
    if isinstance(logger.registered_handler, logging.StreamHandler):
        logger.registered_handler.stream = sys.stderr  # mutmut runs pytest several times, each with another stderr
