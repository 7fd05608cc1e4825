"""A pytest plugin for the runs of mutants: fast tests first, and the same random numbers each time."""

from __future__ import annotations

import json
import random
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


def pytest_runtest_setup(item: pytest.Item) -> None:
    random.seed(item.nodeid)
