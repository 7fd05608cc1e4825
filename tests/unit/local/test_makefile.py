"""The Makefile refuses variables that a target does not read."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from local.stack import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
DEFINITIONS = dict(re.findall(r"^(\w+) := (.*)$", MAKEFILE, re.MULTILINE))
"""The variables that the Makefile computes: a recipe may use a given variable through one of them."""


def clean_environment() -> dict[str, str]:
    """The environment without what the make that runs these tests has set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A dry run: make parses everything and prints the commands."""
    return subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("backfill", "PREFX=calls/"), "make backfill does not read PREFX; it reads: PREFIX SUFFIX"),
        (("run", "PREFIX=calls/"), "make run does not read PREFIX; it reads: FILES OUT"),
        (("down", "FILES=a.wav"), "it reads: no variable"),
    ],
)
def test_a_misspelt_variable_is_refused(arguments: tuple[str, ...], says: str) -> None:
    done = make(*arguments)
    assert done.returncode != 0
    assert says in done.stderr


def test_each_target_accepts_the_variables_that_it_reads() -> None:
    for target, names in re.findall(r"^VARIABLES_(\w+) := (.*)$", MAKEFILE, re.MULTILINE):
        done = make(target, *(f"{name}=1" for name in names.split()))
        assert done.returncode == 0, done.stderr


def test_each_variable_of_a_target_is_used_in_its_recipe() -> None:
    for target, names in re.findall(r"^VARIABLES_(\w+) := (.*)$", MAKEFILE, re.MULTILINE):
        rule = re.search(rf"^{target}:.*\n(?:\t.*\n)+", MAKEFILE, re.MULTILINE)
        assert rule is not None
        used = "\n".join([rule[0], *(DEFINITIONS.get(name, "") for name in re.findall(r"\$\((\w+)\)", rule[0]))])
        for name in names.split():
            assert re.search(rf"\$\{{?[({{]?{name}\b", used), f"{target} does not use {name}"


def test_the_commands_store_bytecode_whatever_the_users_environment_says() -> None:
    environment = clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"}
    command = ["make", "--eval", "variables: ; @env", "variables"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert "PATH=" in printed
    assert "PYTHONDONTWRITEBYTECODE" not in printed
