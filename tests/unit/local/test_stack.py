"""Two stacks that are started at the same time, in two terminals or by two test processes."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from local.stack import locked


def test_one_build_folder_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    build = tmp_path / "not" / "there"
    with locked(build), (build / "lock").open("wb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (build / "lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert build.is_dir()


def test_several_stacks_deploy_from_one_folder_and_none_builds_into_it_meanwhile(tmp_path: Path) -> None:
    with (
        locked(tmp_path, shared=True),
        locked(tmp_path, shared=True),
        (tmp_path / "lock").open("wb") as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
