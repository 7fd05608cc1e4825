"""The simulator in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from local import processes

TIMEOUT_SECONDS = 20


def wait_until(is_true: Callable[[], bool], condition: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not {condition} after {TIMEOUT_SECONDS} s"
        time.sleep(0.1)


def is_group_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_remains_after_the_server_ends_with(
    stop_signal: signal.Signals, http: httpx.Client, media_folder: Path, media_url: str, tmp_path: Path
) -> None:
    (media_folder / "not-media.wav").write_text("not media")
    port, log = processes.free_port(), tmp_path / "simulator.log"
    root = Path(processes.__file__).parent.parent
    command = [sys.executable, "-m", "local.simulator", "--port", str(port)]
    server = processes.start("simulator", command, log, os.environ, root)
    try:
        processes.wait_until_listening("simulator", server, port, log)
        api = f"http://127.0.0.1:{port}/api/v1"
        headers = {"Authorization": "Bearer any", "X-DashScope-Async": "enable"}
        body = {"model": "fun-asr", "input": {"file_urls": [f"{media_url}/not-media.wav"]}, "parameters": {}}
        submitted = http.post(f"{api}/services/audio/asr/transcription", json=body, headers=headers).json()

        def recogniser_has_run() -> bool:
            reply = http.get(f"{api}/tasks/{submitted['output']['task_id']}", headers=headers).json()
            return "output" in reply and reply["output"].get("results", [{}])[0].get("code") == "DECODE_ERROR"

        wait_until(recogniser_has_run, "recogniser started")
        server.send_signal(stop_signal)
        server.wait(timeout=TIMEOUT_SECONDS)
        wait_until(lambda: is_group_gone(server.pid), "process group ended")
    finally:
        processes.stop(server.pid)
        server.wait(timeout=5)
