"""The table of the vendor's statements names modules and tests that exist, and each of its sources."""

from __future__ import annotations

import re

import pytest

from local.stack import ROOT

PAGE = (ROOT / "docs" / "vendor-api.md").read_text()
SECTION = PAGE.partition("\n## Statements\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in SECTION.splitlines()
    if line.startswith("| ") and not line.startswith("| statement")
]


def test_the_table_has_statements_of_each_guide_and_reference() -> None:
    assert {source.split()[0] for _, source, _, _ in ROWS} == {"S1", "S2", "S3", "S4"}
    assert len(ROWS) > 80
    assert len({(statement, source) for statement, source, _, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("statement", "source", "module", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_each_statement_names_a_module_and_a_test_that_exist(
    statement: str, source: str, module: str, test: str
) -> None:
    assert statement
    assert re.fullmatch(r"S\d .+", source)
    assert (ROOT / "layers" / "shared" / "dashscribe" / module.strip("`")).is_file(), module
    assert (ROOT / "tests" / test.strip("`")).is_file(), test
