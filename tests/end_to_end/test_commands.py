"""The commands: what they print, their exit codes, and that they leave no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from local import processes
from local.main_job import folder_for
from local.recordings import SAMPLES
from local.stack import LOCAL, ROOT

pytestmark = pytest.mark.stack
ENVIRONMENT = {**os.environ, "COLUMNS": "200"}


def local(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "local", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        local(*arguments), cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_main_job_prints_transcripts_and_files_and_fails_for_a_bad_file(tmp_path: Path) -> None:
    bad = tmp_path / "not a recording.txt"
    bad.write_text("hello")
    done = run("run", "--files", f"'{SAMPLES / 'meeting.mp3'}' '{bad}'", "--out", str(tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    assert "Good morning and welcome to the meeting" in done.stdout
    assert "UNSUPPORTED_FORMAT" in done.stdout
    assert "make up" in done.stdout
    assert "make deploy" in done.stdout
    assert "small English model" in done.stdout
    assert "detail-type" not in done.stdout
    folder = tmp_path / "out" / "uploads" / "meeting.mp3"
    assert {path.name for path in folder.iterdir()} == {
        *("event.json", "job.json", "result.json"),
        *("transcript.json", "transcript.txt", "transcript.srt", "transcript.vtt", "transcript.html"),
    }
    event = json.loads((folder / "event.json").read_text())
    assert event["detail-type"] == "Transcription Succeeded"
    assert not (LOCAL / "run" / "processes.json").exists()


def test_an_interrupted_run_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    running = subprocess.Popen(
        local("run", "--out", str(tmp_path)),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that starts the tests in the background makes them and their children ignore SIGINT.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    pids_file = LOCAL / "run" / "processes.json"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (pids_file.exists() and len(json.loads(pids_file.read_text() or "{}")) == 2):
        time.sleep(0.05)
    servers = json.loads(pids_file.read_text())
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "everything that was started is stopped" in output
    for server in servers.values():
        assert not processes.is_listening(server["port"])
        with pytest.raises(ProcessLookupError):
            os.killpg(server["pid"], 0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--files", "missing.wav"), "missing.wav"),
        (("up", "--parameters", "MaxFilesPerTask"), "Name=value"),
        (("up", "--parameters", "Nope=1"), "Nope is not a parameter"),
        (("up", "--parameters", "DefaultModel=whisper"), "not in the catalogue"),
        (("backfill", "--dry-run", "maybe"), "DRY_RUN=1"),
        (("invoke", "NoSuchFunction", "x.json"), "make up"),
        (("backfill", "--newer-than", "yesterday"), "2026-01-31"),
    ],
)
def test_a_wrong_call_gets_one_clear_sentence(arguments: tuple[str, ...], says: str) -> None:
    if (LOCAL / "stack.json").exists() and "invoke" in arguments:
        pytest.skip("the developer's stack is running")
    done = run(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/abs/olute", "a/../../b", "..", "a//b", "x\x00\n<>.wav", "a" * 300]
)
def test_no_key_is_saved_outside_the_output_folder(key: str, tmp_path: Path) -> None:
    folder = folder_for(key, tmp_path)
    assert folder.resolve().is_relative_to(tmp_path.resolve())
    folder.mkdir(parents=True, exist_ok=True)
