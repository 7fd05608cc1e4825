"""The command blocks of the README and of the pages in docs/ and examples/, as a reader would type them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from local.stack import ROOT

PAGES = [
    ROOT / "README.md",
    *(page for folder in ("docs", "examples") for page in sorted((ROOT / folder).rglob("*.md"))),
]
SHELL_FENCES = ("", "sh", "bash", "shell", "console")
_FIRST_WORDS = re.compile(r"(make|aws|eval|git|sam|python|curl|cd|export|table|\.venv/\S+|\.local/\S+)\b")

NOT_RUN = {
    r"make (test|check|bench|soak|mutation|interleave)\b": "they run the tests, or run for many minutes",
    r"\.venv/bin/python -m (pytest|local\.soak)\b": "the same",
    r"make (deploy|build)\b": "a deployment needs an AWS account; tests/integration/test_build.py builds for Lambda",
    r"\S*sam delete\b": "it would delete the stack of this test",
    r"make (up|down)\b": "the fixture of this test runs them: one stack for all blocks",
    r"make simulator\b": "it runs until it is interrupted; tests/integration/simulator/test_process.py starts it",
    r"make invoke\b": "it needs Docker and the Lambda base image; tests/end_to_end/test_container.py runs it",
    r"make run FILES=\"'my talk": "the file is an example; tests/unit/local/test_recordings.py has such names",
    r"make smoke\b": "it needs an AWS account; tests/end_to_end/test_smoke.py runs it on the local stack",
    r"(?s)aws dynamodb update-item .*unreadable_kind": "no record is unreadable here; "
    "tests/integration/adapters/dynamodb/test_unreadable_records.py has such records",
    r"git clone\b": "it needs the internet",
}
"""Commands that the test does not run, by pattern, each with the reason."""

REPLACED = {
    "doctor --stack dashscribe": ("doctor --stack dashscribe-local", "the stack's name on the local stack"),
    "STACK=dashscribe": ("STACK=dashscribe-local", "the stack's name on the local stack"),
    "sk-your-key": ("sk-local", "the key that the simulator accepts"),
}
"""Texts of commands that mean the reader's own stack or key, with what the test uses instead, and why."""


@dataclass(frozen=True)
class Block:
    """One fenced block. `place` is the page and the line where it starts."""

    place: str
    text: str

    @property
    def commands(self) -> list[str]:
        """One entry a command; a command that continues on the next line, or whose quotation does, is one entry."""
        found: list[str] = []
        pending = ""
        for line in self.text.splitlines():
            pending += f"{line}\n"
            if line.endswith("\\") or _without_comment(pending).count("'") % 2:
                continue
            if _without_comment(pending).strip():
                found.append(pending.strip())
            pending = ""
        return found


def _without_comment(command: str) -> str:
    return re.sub(r"(?<=\s)#.*|^#.*", "", re.sub(r'"[^"]*"', lambda quoted: quoted[0].replace("'", "_"), command))


def command_blocks() -> Iterator[Block]:
    """Every fenced block that starts with a command."""
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if match[1] in SHELL_FENCES and _FIRST_WORDS.match(match[2].lstrip("$ ")):
                line = text.count("\n", 0, match.start()) + 1
                yield Block(f"{page.relative_to(ROOT)}:{line}", match[2])


def inline_commands() -> Iterator[tuple[str, str]]:
    """Every `make …` command inside a sentence or a table, with its page."""
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for command in re.findall(r"`(make [^`]+)`", text):
            yield str(page.relative_to(ROOT)), command


def why_not_run(command: str) -> str | None:
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, command)), None)
