"""Cold start of each function over a handler that imports boto3 and makes the same clients; printed, never judged.

`make bench`. Each figure is the best of several fresh interpreters of the Lambda environment's layout (the built layers
and code on sys.path), all in one run on one machine, so that the ratio means something where the seconds do not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import LOCAL, build

CLIENTS = {
    "submit_transcription": ("dynamodb", "s3", "secretsmanager", "ssm", "events", "sqs", "stepfunctions"),
    "poll_tasks": ("dynamodb", "secretsmanager", "sqs"),
    "finalize_transcription": ("dynamodb", "s3", "events"),
    "backfill_uploads": ("dynamodb", "s3", "sqs"),
}
SERVICES = {
    "submit_transcription": "submit_service",
    "poll_tasks": "poll_service",
    "finalize_transcription": "finalize_service",
    "backfill_uploads": "backfill_service",
}
ROUNDS = 5
VARIABLES = {
    "JOBS_TABLE_NAME": "t",
    "EVENT_BUS_NAME": "b",
    "RESULTS_BUCKET_NAME": "r",
    "DASHSCOPE_BASE_URL": "https://dashscope-intl.aliyuncs.com",
    "API_KEY_SECRET_ARN": "a",
    "PROFILES_PARAMETER_NAME": "p",
    "SUBMIT_DEAD_LETTER_QUEUE_URL": "u",
    "SUBMIT_QUEUE_URL": "u",
    "MEDIA_BUCKET_NAME": "m",
    "BACKFILL_FILES_PER_SECOND": "5",
    "POLL_TASKS_STATE_MACHINE_ARN": "s",
    "DEFAULT_MODEL": "fun-asr",
    "MAX_FILES_PER_TASK": "100",
    "SUBMIT_REQUESTS_PER_SECOND": "0",
    "QUERY_REQUESTS_PER_SECOND": "20",
    "PRESIGN_EXPIRY_SECONDS": "43200",
    "RESULT_HOST_ALLOW_LIST": "aliyuncs.com",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "dashscribe",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
}


def best_seconds(script: str, folders: list[Path]) -> float:
    timed = f"import time; t = time.perf_counter()\n{script}\nprint(time.perf_counter() - t)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, folders)), **VARIABLES}
    return min(
        float(subprocess.check_output([interpreter(), "-c", timed], env=environment, text=True)) for _ in range(ROUNDS)
    )


def interpreter() -> str:
    """MiniStack's: it has boto3 beside it, as the Lambda runtime has."""
    return str(LOCAL / "ministack" / "bin" / "python")


@pytest.mark.parametrize("function", CLIENTS)
def test_cold_start_over_a_bare_handler_with_the_same_clients(function: str) -> None:
    template = build(LOCAL / "build", f"{sys.version_info.major}.{sys.version_info.minor}")
    layers = [template.parent / layer / "python" for layer in ("DepsLayer", "SharedLayer")]
    folder = {name: "".join(part.title() for part in name.split("_")) + "Function" for name in CLIENTS}[function]
    clients = "; ".join(f"boto3.client({name!r})" for name in CLIENTS[function])
    bare = best_seconds(f"import boto3; {clients}", [])
    full = best_seconds(
        f"import app; from dashscribe.wiring import {SERVICES[function]} as s; s()", [template.parent / folder, *layers]
    )
    print(f"\n{function}: bare {bare:.3f} s, ours {full:.3f} s, ratio {full / bare:.2f}")
    assert full > 0
