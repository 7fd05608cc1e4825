"""Measures a burst of uploads through the deployed template on the local stack."""

from __future__ import annotations

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local.stack import LOCAL, Stack, StackInfo
from local.subscriber import Subscriber

TASK_SECONDS = 3
"""How long a task takes in the simulator. Its answers are scripted, so two cores are enough."""
TERMINAL_EVENTS = ("Transcription Succeeded", "Transcription Failed")
MAX_IDLE_SECONDS = 180
"""How long to wait for the next terminal event before the burst counts as finished."""
_REPORT = re.compile(r"Billed Duration: ([\d.]+) ms")


@dataclass
class DeployedBurst:
    """The figures of one burst. Times are in seconds (`figures.Run` explains them)."""

    files: int
    makespan: float
    min_makespan: float
    calls: Counter[str]
    throttled: Counter[str]
    lags: list[float]
    files_per_submission: list[int]
    lambda_seconds: dict[str, float]
    invocations: dict[str, int]
    log_bytes: int
    unfinished: int
    failed: int

    @property
    def calls_per_file(self) -> float:
        return self.calls.total() / self.files


def deployed_burst(files: int, max_files_per_task: int) -> DeployedBurst:
    """Upload so many small files at once to a separate stack, and wait for their terminal events."""
    stack = Stack(folder=LOCAL / "bench", parameters={"MaxFilesPerTask": str(max_files_per_task)}, say=lambda _: None)
    with stack as info:
        script = {"match": "/burst/", "answers": [{"text": "scripted", "seconds": TASK_SECONDS}]}
        httpx.post(f"{info.dashscope_base_url}/control", json={"scripts": [script]}).raise_for_status()
        events = _terminal_events_of(info, [f"burst/{number:05}.wav" for number in range(files)])
        recorded = httpx.get(f"{info.dashscope_base_url}/control", timeout=60).raise_for_status().json()["recorded"]
        lambda_seconds, invocations, log_bytes = _billed_in_logs(info)

    calls = [request for request in recorded if request["operation"] in ("submit", "query", "list", "cancel")]
    timings = [{name: _seconds(text) for name, text in event["detail"]["timing"].items()} for event in events.values()]
    tasks = -(-files // max_files_per_task)
    return DeployedBurst(
        files=files,
        makespan=max(t["published_at"] for t in timings) - min(t["uploaded_at"] for t in timings),
        min_makespan=(tasks - 1) / 10 + TASK_SECONDS,
        calls=Counter(request["operation"] for request in calls),
        throttled=Counter(request["operation"] for request in calls if request["status"] == 429),
        lags=[t["published_at"] - t["completed_at"] for t in timings if t["completed_at"]],
        files_per_submission=[
            len(request["body"]["input"]["file_urls"]) for request in calls if request["operation"] == "submit"
        ],
        lambda_seconds=lambda_seconds,
        invocations=invocations,
        log_bytes=log_bytes,
        unfinished=files - len(events),
        failed=sum(event["detail-type"] == TERMINAL_EVENTS[1] for event in events.values()),
    )


def _terminal_events_of(info: StackInfo, keys: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    subscriber = Subscriber(info, "bench")
    s3, bucket = info.client("s3"), info.outputs["MediaBucketName"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"scripted"), keys))
    last_event_at = time.monotonic()
    while len(found) < len(keys) and time.monotonic() < last_event_at + MAX_IDLE_SECONDS:
        for event in subscriber.receive():
            if event["detail-type"] in TERMINAL_EVENTS:
                found[event["detail"]["media"]["key"]] = event
                last_event_at = time.monotonic()
    return found


def _billed_in_logs(info: StackInfo) -> tuple[dict[str, float], dict[str, int], int]:
    logs, functions = info.client("logs"), info.client("lambda")
    billed: dict[str, float] = {}
    invocations: dict[str, int] = {}
    size = 0
    for name in ("SubmitTranscription", "PollTasks", "FinalizeTranscription"):
        function = functions.get_function_configuration(FunctionName=info.outputs[f"{name}FunctionName"])
        group = function["LoggingConfig"]["LogGroup"]
        lines = [
            event["message"]
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        ]
        reports = [float(match[1]) / 1000 for line in lines if (match := _REPORT.search(line))]
        billed[name], invocations[name] = sum(reports), len(reports)
        size += sum(len(line.encode()) + 26 for line in lines)
    return billed, invocations, size


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
