"""Every command block of the README and of docs/ works as typed, on the local stack of `make up`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.stack import ROOT, StackInfo
from tests.end_to_end.command_blocks import REPLACED, Block, command_blocks, why_not_run
from tests.end_to_end.conftest import TEST_STACK

pytestmark = pytest.mark.stack
BLOCKS = list(command_blocks())
EXAMPLE_KEY = "calls/talk.mp3"
"""The file that the pages take as their example."""
FOLDER = TEST_STACK.with_name(f"{TEST_STACK.name}-commands")


@pytest.fixture(scope="module")
def environment() -> Mapping[str, str]:
    """A new user's environment: no AWS configuration, and nothing of the make that runs these tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        kept[name] = os.devnull
    return {**kept, "DASHSCRIBE_STACK_FOLDER": str(FOLDER), "COLUMNS": "200", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str]) -> Iterator[Path]:
    """A folder with the repository's files in which commands may write, while the local stack is running."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if entry.name != "out":
            (folder / entry.name).symlink_to(entry)
    (folder / "profiles.json").write_text('{"profiles": {}, "rules": []}')
    try:
        run("make up", folder, environment)
        upload = f'aws s3 cp local/samples/meeting.mp3 "s3://$MediaBucketName/{EXAMPLE_KEY}"'
        run(f'eval "$(make env)"; {upload}', folder, environment)
        # A backfill asks before it pays for a recording that has no transcript yet.
        run(f"until make where KEY={EXAMPLE_KEY} | grep SUCCEEDED > /dev/null; do sleep 1; done", folder, environment)
        yield folder
    finally:
        run("make down", folder, environment)
        shutil.rmtree(FOLDER, ignore_errors=True)


def run(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a script in bash, stop at its first error, and return what it printed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{script}\nended with status {done.returncode}:\n{done.stdout}"
    return done.stdout


def filled(command: str, info: StackInfo) -> str:
    """The command with the names of this stack: `<Output>` is the pages' notation for an output."""
    for text, (replacement, _) in REPLACED.items():
        command = re.sub(rf"{re.escape(text)}\b(?!-)", replacement, command)
    for name, value in info.outputs.items():
        command = command.replace(f"<{name}>", value)
    return command


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_command_block_works_as_typed(block: Block, checkout: Path, environment: Mapping[str, str]) -> None:
    commands = [command for command in block.commands if why_not_run(command) is None]
    if not commands:
        pytest.skip("; ".join(sorted({str(why_not_run(command)) for command in block.commands})))
    info = StackInfo.load(FOLDER)
    script = "\n".join(['eval "$(make env)"', *(filled(command, info) for command in commands)])
    print(run(script, checkout, environment))


def test_there_are_commands_to_run() -> None:
    assert sum(why_not_run(command) is None for block in BLOCKS for command in block.commands) >= 10
