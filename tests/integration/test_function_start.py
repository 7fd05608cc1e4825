"""Each function starts in a fresh interpreter, as in Lambda, and imports only what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from local.stack import ROOT
from tests.benchmarks.test_cold_start import SERVICES, VARIABLES

RESPONSE_MODULES = {
    "dashscribe.domain.recognition.synchronous_replies",
    "dashscribe.domain.transcripts.transcript",
    "httpx_sse",
    "tinytag",
}
NEVER = {"boto3", "dashscribe.domain.recognition.parameters"}
"""boto3's clients are made by botocore. The parameters of the model families are imported with the first options."""
OPTION_MODULES = {"dashscribe.domain.recognition.profiles", "dashscribe.domain.recognition.option_checks"}
UNNEEDED = {
    "submit_transcription": {*NEVER, *RESPONSE_MODULES},
    "transcribe_audio": {
        *NEVER,
        "dashscribe.domain.recognition.option_checks",
        "dashscribe.services.polling.task_poller",
        "httpx_sse",
    },
    "poll_tasks": {"httpx", "dashscribe.services.messages", *NEVER, *OPTION_MODULES, *RESPONSE_MODULES},
    "finalize_transcription": {
        *NEVER,
        *OPTION_MODULES,
        "dashscribe.adapters.dashscope_http",
        "dashscribe.services.messages",
        "dashscribe.services.polling.task_poller",
        "tinytag",
    },
    "backfill_uploads": {"httpx", *NEVER, *OPTION_MODULES, *RESPONSE_MODULES},
}
"""Modules that a function must not import at start-up: they would slow every cold start (docs/performance.md)."""
SCRIPT = """
import gc, json, sys
import app
from dashscribe import wiring
collects = [gc.isenabled()]
getattr(wiring, sys.argv[1])()
collects.append(gc.isenabled())
print(json.dumps({"collects": collects, "modules": sorted(sys.modules)}))
"""


@pytest.mark.parametrize("function", sorted(UNNEEDED))
def test_a_function_starts_without_the_modules_that_it_does_not_need(function: str) -> None:
    folders = (ROOT / "functions" / function, ROOT / "layers/shared")
    environment = VARIABLES | {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, folders))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, SERVICES[function]], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    start = json.loads(done.stdout)
    assert UNNEEDED[function].isdisjoint(start["modules"])
    assert start["collects"] == [False, True]  # garbage collection is off until the service is built
