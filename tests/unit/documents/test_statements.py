"""The tables of the vendor's statements name sources, modules and test functions that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from local.stack import ROOT

PAGE = (ROOT / "docs" / "vendor-api.md").read_text()
SECTION = PAGE.partition("\n## Statements\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in SECTION.splitlines()
    if line.startswith("| ") and not line.startswith("| statement")
]
PACKAGE = ROOT / "layers" / "shared" / "dashscribe"
SOURCE_ROWS = re.findall(r"^\| (S\d+) \|", PAGE, flags=re.MULTILINE)
SOURCE = r"S\d+ [^;]+"
NOT_USED = "not used: "


@cache
def functions_of(path: Path) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def module_of(cell: str) -> Path:
    found = re.match(r"`([^`]+)`", cell)
    assert found is not None, cell
    return (ROOT if found[1].startswith(("docs/", "local/")) else PACKAGE) / found[1]


def test_every_source_has_its_own_id() -> None:
    assert len(SOURCE_ROWS) == len(set(SOURCE_ROWS))


def test_the_table_has_statements_of_each_guide_and_reference() -> None:
    sources = [source for _, named, _, _ in ROWS for source in named.split("; ")]
    assert {source.split()[0] for source in sources} >= {"S1", "S2", "S3", "S4"}
    assert {source.split()[0] for source in sources} <= set(SOURCE_ROWS)
    assert len(ROWS) >= 200
    assert len({statement for statement, _, _, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("statement", "source", "module", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_each_statement_names_a_module_and_a_test_that_exist(
    statement: str, source: str, module: str, test: str
) -> None:
    assert statement
    assert re.fullmatch(rf"{SOURCE}(; {SOURCE})*", source)
    if module.startswith(NOT_USED):
        assert (test, bool(module.removeprefix(NOT_USED))) == ("–", True)
        return
    assert module_of(module).is_file(), module
    path, function = test.strip("`").split("` `")
    assert (ROOT / "tests" / path).is_file(), test
    assert function in functions_of(ROOT / "tests" / path), test
