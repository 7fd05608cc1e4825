"""Every metric of the functions is asserted in this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import ROOT

TESTS = Path(__file__).parent
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def metric_names(function: str) -> Iterator[str]:
    """The names that a handler gives to `metrics.add_metric` and `add_nonzero_counts`."""
    for node in ast.walk(ast.parse((ROOT / "functions" / function / "app.py").read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "metrics.add_metric":
                assert isinstance(node.args[0], ast.Constant)
                yield str(node.args[0].value)
            elif called == "add_nonzero_counts":
                yield from (str(keyword.arg) for keyword in node.keywords)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_metric_of_a_function_is_asserted_in_its_test(function: str) -> None:
    asserted = {
        node.value
        for node in ast.walk(ast.parse((TESTS / f"test_{function}.py").read_text()))
        if isinstance(node, ast.Constant)
    }
    names = set(metric_names(function))
    assert names
    assert names <= asserted
