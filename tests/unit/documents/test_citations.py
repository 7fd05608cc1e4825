"""Every citation of a page and every relative link resolves, and no file cites what is not in the repository."""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from local.stack import ROOT

GENERATED = {".git", ".venv", ".local", ".aws-sam", "out", "build", "__pycache__", "node_modules"}
SUFFIXES = {"", ".asl", ".cfg", ".in", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
CITATION = re.compile(r"\bdocs/(?:[\w-]+/)*[\w-]+\.md(?:#[\w-]+)?")
DECISION = re.compile(r"\bdocs/decisions/\d{4}\b(?!-)")
TEST_FILE = re.compile(r"\btests/(?:\w+/)*\w+\.py")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)|^\[[^\]\n]+\]: *(\S+)", re.MULTILINE)
NOT_HERE = {
    re.compile("API reference"): {"docs/vendor-api.md"},  # titles of the vendor's pages
    re.compile(r"\bseeds?[ /]\d{3}\b"): set(),
    re.compile(r"\bDESIGN(?:\.md|,? section|,? §)"): set(),
}
"""Documents that are not in the repository, and the pages that may have these words."""


def is_generated(folder: str) -> bool:
    return folder in GENERATED or folder.endswith(("_cache", ".egg-info"))


@cache
def files() -> list[Path]:
    """Every text file of the repository, without what tools generate."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not is_generated(name)]
        found += [Path(folder, name) for name in names if Path(name).suffix in SUFFIXES]
    return sorted(path for path in found if path != Path(__file__) and path.is_file())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def text_of(path: Path) -> str:
    return path.read_text(errors="ignore")


def without_code(markdown: str) -> str:
    """The text without fenced blocks and inline code, which have no links and no headings."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *(```|~~~).*?^ *\1", "", markdown, flags=re.MULTILINE | re.DOTALL))


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", text_of(page), flags=re.M | re.S), flags=re.MULTILINE
    )
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for heading in headings:
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def missing(target: Path, anchor: str) -> bool:
    return not target.exists() or (anchor != "" and (target.suffix != ".md" or anchor not in anchors(target)))


def test_every_citation_of_a_page_resolves_to_a_heading() -> None:
    wrong = []
    cited = 0
    for path in files():
        for citation in CITATION.findall(text_of(path)):
            cited += 1
            page, _, anchor = citation.partition("#")
            if missing(ROOT / page, anchor):
                wrong.append(f"{name_of(path)}: {citation}")
        for decision in DECISION.findall(text_of(path)):
            if not list(ROOT.glob(f"{decision}-*.md")):
                wrong.append(f"{name_of(path)}: {decision}")
    assert cited > 100
    assert wrong == []


def test_every_relative_link_resolves_to_a_file_and_a_heading() -> None:
    wrong = []
    pages = [path for path in files() if path.suffix == ".md"]
    assert len(pages) > 10
    for page in pages:
        for inline, reference in LINK.findall(without_code(text_of(page))):
            target, _, anchor = (inline or reference).partition("#")
            if re.match(r"[a-z][a-z+.-]*:", target):
                continue
            if missing((page.parent / target).resolve() if target else page, anchor):
                wrong.append(f"{name_of(page)}: {inline or reference}")
    assert wrong == []


def test_every_test_that_a_page_names_exists() -> None:
    named = {
        (name_of(page), test) for page in files() if page.suffix == ".md" for test in TEST_FILE.findall(text_of(page))
    }
    assert len({test for page, test in named if page == "SECURITY.md"}) >= 20
    assert [f"{page}: {test}" for page, test in sorted(named) if not (ROOT / test).is_file()] == []


def test_each_threat_has_a_test_or_is_out_of_scope() -> None:
    table = text_of(ROOT / "SECURITY.md").partition("## Threat model")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 12
    assert [row for row in rows if not TEST_FILE.search(row[-1])] == []


@pytest.mark.parametrize("words", NOT_HERE, ids=lambda words: words.pattern)
def test_no_file_cites_a_document_that_is_not_here(words: re.Pattern[str]) -> None:
    allowed = NOT_HERE[words]
    citing = [name_of(path) for path in files() if words.search(text_of(path))]
    assert set(citing) <= allowed


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## Rules that always hold", "rules-that-always-hold"),
        ("### Error codes (`FILE_…`), by class", "error-codes-file_-by-class"),
        ("## [A link](x.md) & more", "a-link--more"),
        ("```\n# a comment in a shell block\n```\n# Title", "title"),
    ],
)
def test_an_anchor_is_as_github_makes_it(tmp_path: Path, heading: str, anchor: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(heading)
    assert anchors(page) == {anchor}


def test_a_second_heading_with_the_same_words_has_a_number(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Cost\n\n## Cost\n")
    assert anchors(page) == {"cost", "cost-1"}
