"""A pytest plugin for the runs of mutants: fast tests first, nothing computed before, and the same random numbers."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
from pathlib import Path

import pytest

STATS = Path("mutmut-stats.json")
"""mutmut writes it into the folder of the mutants, from which the tests run."""

RUN_AT_IMPORT = ("dashscribe.domain.recognition.catalogue.x__", "dashscribe.domain.transcripts.phrase_words.x__table")
"""Functions that build tables when their module is imported. mutmut chooses a mutant in a copy of a process that has
imported all modules, so the modules are imported again for mutants of these functions."""
PACKAGES = ("dashscribe", "functions", "cli", "local", "tests")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """The process of a mutant begins with the caches of a process that has run the tests."""
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in PACKAGES}
    if os.environ.get("MUTANT_UNDER_TEST", "").startswith(RUN_AT_IMPORT):
        for name in modules.keys() - {__name__}:
            del sys.modules[name]
        return
    for module in modules.values():
        for value in list(vars(module).values()):
            if callable(clear := getattr(value, "cache_clear", None)):
                clear()


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
