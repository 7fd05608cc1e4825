"""Starts and stops child processes. Each runs in its own session, so that a stop also ends everything it started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 5


class StackError(Exception):
    """When a command cannot do what it was asked to do. The message says why and what to do."""


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(
    name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """Start a server in a new session: Ctrl-C then reaches only this process, which stops its servers itself."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            return subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"{name} could not be started: {error}") from error


def wait_until_listening(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise StackError(f"{name} ended with status {process.returncode}. The end of its log:\n{tail(log)}")
        if is_listening(port):
            return
        time.sleep(0.05)
    raise StackError(
        f"{name} does not accept connections on port {port} after {START_SECONDS} s. The end of its log ({log}):\n"
        f"{tail(log)}"
    )


def start_time(pid: int) -> str:
    """When a process started, as `ps` prints it; empty when it does not run. It tells a process from a later one that
    got the same process id."""
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()


def stop(pid: int) -> None:
    """End a server and everything that it started: SIGTERM first, SIGKILL after `STOP_SECONDS`."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, sign)
        except (ProcessLookupError, PermissionError):
            return
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not _group_lives(pid):
                return
            time.sleep(0.05)


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
