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

RECOGNITION = "tests/unit/domain/recognition"
RUN_AT_IMPORT = {
    "dashscribe.domain.recognition.catalogue.x__": [
        f"{RECOGNITION}/test_catalogue.py",
        f"{RECOGNITION}/test_documented_statements.py",
        f"{RECOGNITION}/test_media.py",
        f"{RECOGNITION}/test_option_checks.py",
        f"{RECOGNITION}/test_requests.py",
    ],
    "dashscribe.domain.transcripts.phrase_words.x__table": ["tests/unit/domain/transcripts/test_atoms.py"],
}
"""Functions that build tables when their module is imported, and the tests of the tables: mutmut knows no test that
calls such a function. It chooses a mutant in a copy of a process that has imported all modules, so the modules are
imported again for mutants of these functions."""
PACKAGES = ("dashscribe", "functions", "cli", "local", "tests")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """The process of a mutant begins with the caches of a process that has run the tests."""
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in PACKAGES}
    if _tests_of_tables():
        for name in modules.keys() - {__name__}:
            del sys.modules[name]
        return
    for module in modules.values():
        for value in list(vars(module).values()):
            if callable(clear := getattr(value, "cache_clear", None)):
                clear()


def pytest_configure(config: pytest.Config) -> None:
    config.args = _tests_of_tables() or config.args


def _tests_of_tables() -> list[str]:
    """The tests of a mutant of a function that runs at import; none for any other mutant."""
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    return next((tests for beginning, tests in RUN_AT_IMPORT.items() if mutant.startswith(beginning)), [])


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
