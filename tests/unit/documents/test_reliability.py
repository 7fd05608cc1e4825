"""docs/reliability.md has the table of faults as it is played, and its proofs exist."""

from __future__ import annotations

import re

import pytest

from local.stack import ROOT
from tests.end_to_end.fault_table import HEADING, PAGE, ROWS, Part, rendered_table


def test_the_page_ends_with_the_table_as_it_is_played() -> None:
    _, heading, table = PAGE.read_text().partition(HEADING)
    assert heading + table == rendered_table(), "run: .venv/bin/python -m tests.end_to_end.fault_table"


def test_the_table_has_every_part_and_no_row_twice() -> None:
    assert len(ROWS) >= 30
    assert {row.part for row in ROWS} == set(Part)
    assert len({row.name for row in ROWS}) == len({(row.part, row.fault) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE.read_text()))))
def test_a_proof_that_the_page_names_exists(path: str) -> None:
    assert (ROOT / path).is_file()
