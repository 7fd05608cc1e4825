"""Stacks that are started at the same time, in several terminals or by several test processes."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from local.stack import clean_environment, locked


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


def test_the_processes_of_a_stack_store_bytecode_and_get_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "1")
        assert name not in clean_environment()
