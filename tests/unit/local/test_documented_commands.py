"""The commands of the README and of docs/: make knows every target and variable, and no command needs an activated
environment. tests/end_to_end/test_documented_commands.py runs the blocks."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.end_to_end.command_blocks import PAGES, Block, command_blocks, inline_commands
from tests.unit.local.test_makefile import clean_environment

BLOCK_COMMANDS = [(block.place, command) for block in command_blocks() for command in block.commands]


@pytest.mark.parametrize(
    ("place", "command"),
    sorted({*inline_commands(), *(pair for pair in BLOCK_COMMANDS if pair[1].startswith("make "))}),
)
def test_make_knows_the_target_and_the_variables_of_each_command(place: str, command: str) -> None:
    script = command.replace("make ", "make -n ", 1).replace("…", "x")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=PAGES[0].parent,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{place}: {command}: {done.stderr}"


def test_no_command_needs_an_activated_environment_or_a_tool_that_make_does_not_install() -> None:
    wrong = [(place, command) for place, command in BLOCK_COMMANDS if re.match(r"(python3?|pytest|sam|uv) ", command)]
    assert wrong == []


def test_a_command_may_continue_on_the_next_line() -> None:
    text = "aws a \\\n  b   # why\n\naws c --value '{\n  \"d\": 1}'\n# a comment\nmake run FILES=\"'my talk.wav' b\"\n"
    assert Block("page", text).commands == [
        "aws a \\\n  b   # why",
        "aws c --value '{\n  \"d\": 1}'",
        "make run FILES=\"'my talk.wav' b\"",
    ]
