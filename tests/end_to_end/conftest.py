"""One deployed stack for all end-to-end tests: the real template on MiniStack with IAM, and the DashScope simulator."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.stack import LOCAL, Stack, StackInfo
from local.subscriber import Subscriber

MODEL_PROFILES: dict[str, dict[str, Any]] = {
    "filtered": {
        "model": "fun-asr-2025-11-07",
        "parameters": {
            "special_word_filter": {"filter_with_signed": {"word_list": ["darn"]}, "system_reserved_filter": False},
            "vocabulary_id": "vocab-1",
        },
    },
    "hotwords": {"vocabulary": {"weather": 4, "阙里人家": 4}},
    "context": {"model": "qwen3-asr-flash-filetrans", "context_object": "prompts/glossary.txt"},
    "inline": {"model": "qwen3-asr-flash", "send": "inline"},
    "walk": {"model": "qwen3-asr-flash-filetrans", "parameters": {"language": "en", "text": "A walk"}},
    "native-stream": {"model": "qwen3-asr-flash", "stream": True},
    "openai-plain": {"model": "qwen3-asr-flash", "endpoint": "openai"},
    "openai-stream": {"model": "qwen3-asr-flash", "endpoint": "openai", "stream": True},
    "flash-plain": {"model": "fun-asr-flash-2026-06-15", "stream": False},
    "newest": {"model": "fun-asr-2027-01-01", "family": "fun-asr", "parameters": {"channel_id": [0]}},
    "fallback": {
        "model": "qwen3-asr-flash",
        "parameters": {"asr_options": {"language": "en"}},
        "fallback_model": "qwen3-asr-flash-filetrans",
    },
}
PROFILES = {
    "profiles": {
        "meetings": {"model": "fun-asr-mtl", "parameters": {"language_hints": ["en"]}},
        **MODEL_PROFILES,
    },
    "rules": [{"prefix": "meetings/", "profile": "meetings"}],
}
TEST_STACK = LOCAL / "-".join(
    [os.environ.get("DASHSCRIBE_TEST_STACK", "test"), *filter(None, [os.environ.get("PYTEST_XDIST_WORKER")])]
)
"""The stack's folder. Each process needs its own; set DASHSCRIBE_TEST_STACK to run the tests twice on one machine."""
ENDS = ("Transcription Succeeded", "Transcription Failed")


def words(text: str) -> str:
    """The words of a text, in lower case and without punctuation."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


class Deployment:
    """The stack from a user's point of view: uploads and events."""

    def __init__(self, info: StackInfo) -> None:
        self.info = info
        self.s3 = info.client("s3")
        self.sqs = info.client("sqs")
        self.media_bucket = info.outputs["MediaBucketName"]
        self.results_bucket = info.outputs["ResultsBucketName"]
        self.events: list[dict[str, Any]] = []
        self._subscriber = Subscriber(info, "end-to-end")

    def upload(self, key: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
        self.s3.put_object(Bucket=self.media_bucket, Key=key, Body=body, Metadata=metadata or {})

    @property
    def pauses(self) -> list[dict[str, Any]]:
        """The events about pauses so far."""
        return self._subscriber.pauses

    def events_of(self, key: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["detail"]["media"]["key"] == key]

    def listen(self, wait_seconds: int = 1) -> None:
        self.events += self._subscriber.receive(wait_seconds)

    def end_of(self, key: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for the terminal event of a key."""

        def arrived() -> dict[str, Any] | None:
            self.listen()
            return next((event for event in self.events_of(key) if event["detail-type"] in ENDS), None)

        event: dict[str, Any] = self.wait_for(arrived, f"the end of {key}", seconds)
        return event

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        report = TEST_STACK / "diagnosis.txt"
        report.write_text("\n\n".join([*map(str, self.jobs()), *self.executions(), self.log_lines()]))
        raise AssertionError(f"waited {seconds} s for {what}; see {report}")

    def result(self, event: dict[str, Any], name: str) -> bytes:
        files = event["detail"]["result"]["files"]
        body: bytes = self.s3.get_object(Bucket=self.results_bucket, Key=files[name])["Body"].read()
        return body

    def jobs(self) -> list[dict[str, Any]]:
        items = self.info.client("dynamodb").scan(TableName=self.info.outputs["JobsTableName"])["Items"]
        return [item for item in items if item["pk"]["S"].startswith("JOB#")]

    def simulator(self, **asked: Any) -> dict[str, Any]:
        """Change the simulator's behaviour; returns its state with the recorded requests."""
        reply = httpx.post(f"{self.info.dashscope_base_url}/control", json=asked)
        state: dict[str, Any] = reply.raise_for_status().json()
        return state

    def submissions_of(self, key: str) -> int:
        """The number of accepted submissions of a key, which must be ASCII."""
        recorded = self.simulator()["recorded"]
        return sum(
            f"/{key}?" in url
            for request in recorded
            if request["operation"] == "submit" and request["status"] == 200
            for url in request["body"]["input"].get("file_urls", [])
        )

    def log_lines(self) -> str:
        logs = self.info.client("logs")
        lines: list[str] = []
        for group in logs.describe_log_groups()["logGroups"]:
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                lines += [event["message"] for event in page["events"]]
        return "\n".join(lines)

    def executions(self) -> list[str]:
        """Input, output and history of every execution of the poll loop."""
        machine = self.info.outputs["PollTasksStateMachineArn"]
        steps = self.info.client("stepfunctions")
        found = []
        for execution in steps.list_executions(stateMachineArn=machine)["executions"]:
            arn = execution["executionArn"]
            history = steps.get_execution_history(executionArn=arn)["events"]
            found.append(json.dumps([steps.describe_execution(executionArn=arn), history], default=str))
        return found


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    with Stack(folder=TEST_STACK, say=lambda _: None) as info:
        info.client("ssm").put_parameter(
            Name=info.outputs["ProfilesParameterName"], Value=json.dumps(PROFILES), Overwrite=True, Type="String"
        )
        yield Deployment(info)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A deployed test waits for real intervals, such as the minute until a changed secret takes effect."""
    for item in items:
        if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))
