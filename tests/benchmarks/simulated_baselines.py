"""Runs the two baselines with their own code, and the official SDK's, on the simulated AWS and vendor."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import dashscope.audio.asr.transcription
import dashscope.client.base_api
import pytest
import requests

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.errors import VendorError
from tests.benchmarks.aws_bill import Bill, load_json
from tests.benchmarks.billed_ports import SUBMITS_PER_SECOND, Latencies, LimitedVendor
from tests.benchmarks.simulated_aws import STATE, Function, SimulatedRun
from tests.benchmarks.virtual_time import VirtualTime
from tests.support.constants import START

BASELINES = Path(__file__).parent / "baselines"
LAMBDA_RETRIES = (60, 120)
"""Lambda retries an asynchronous invocation after one minute and after two more. Then the file is lost."""
MEMORY_GB = {"one_function_per_file": 0.25, "job_poller": 0.125}
"""The smallest memory that each one needs. The SDK alone needs about 100 MB."""


class Baseline:
    """A design with its vendor, its bill and its figures. `file` processes one upload."""

    name = ""

    def __init__(self, task_seconds: float) -> None:
        self.time = VirtualTime(START)
        self.bill = Bill()
        self.latencies = Latencies(self.time)
        self.vendor = LimitedVendor(self.latencies, lambda: "sk-test", task_seconds)
        self.lags: list[float] = []
        self.last_end = 0.0
        self.failed = 0
        self.transitions = 0
        self.functions: list[Function] = []
        self.app = baseline_module(self.name)

    def file(self, key: str) -> None:
        raise NotImplementedError

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("DASHSCOPE_API_KEY", "sk-test")
        patch.setenv("RESULTS_BUCKET_NAME", "results")
        patch.setattr(self.app, "fetch", self._fetch)
        patch.setattr(self.app, "store", self._store)

    def function(self, name: str) -> Function:
        made = Function(name, MEMORY_GB[self.name], self.time, self.bill)
        self.functions.append(made)
        return made

    def answer(self, method: str, path: str, body: JsonObject | None) -> tuple[int, JsonObject]:
        """The status and the body of DashScope's response."""
        try:
            if method == "POST":
                request = body or {}
                urls = request["input"]["file_urls"]
                task_id = self.vendor.submit(CATALOGUE[request["model"]], urls, {}).task_id
                return 200, {"request_id": "r", "output": {"task_id": task_id, "task_status": "PENDING"}}
            reply = self.vendor.query(path.rpartition("/")[2])
        except VendorError as error:
            self.latencies.wait("query")
            return error.http_status or 500, {"request_id": "r", "code": error.code, "message": error.message}
        return 200, {"request_id": "r", "output": reply.output.model_dump(exclude_none=True)}

    def _fetch(self, url: str) -> bytes:
        self.latencies.wait("download")
        self.bill["s3_gets"] += 1  # the vendor downloads the media
        return json.dumps(self.vendor.results[url]).encode()

    def _store(self, key: str, body: bytes) -> None:
        self.latencies.wait("put result")
        self.bill["s3_puts"] += 1

    def ended(self, key: str, *, succeeded: bool) -> None:
        self.last_end = self.time.seconds
        if not succeeded:
            self.failed += 1
            return
        task = next(task for task in self.vendor.tasks.values() if any(f"/{key}?" in url for url in task.urls))
        self.lags.append((self.time.now() - task.ready_at).total_seconds())

    def run(self, arrivals: list[float]) -> SimulatedRun:
        for number, seconds in enumerate(arrivals):
            self.time.start(partial(self.file, f"f/{number:06}.wav"), seconds)
        with pytest.MonkeyPatch.context() as patch:
            self.patch(patch)
            self.time.run()
        accepted = Counter(url.partition("?")[0] for task in self.vendor.tasks.values() for url in task.urls)
        self.bill["s3_events"] += len(arrivals)
        return SimulatedRun(
            files=len(arrivals),
            makespan=self.last_end,
            min_makespan=(len(arrivals) - 1) / SUBMITS_PER_SECOND + self.vendor.seconds,
            calls=self.vendor.calls,
            throttled=self.vendor.throttled,
            lags=self.lags,
            failed=self.failed,
            paid_twice=sum(times > 1 for times in accepted.values()),
            bill=self.bill,
            lambda_seconds=sum(function.billed_seconds for function in self.functions),
            transitions=self.transitions,
            submissions=len(self.vendor.tasks),
            simulated_seconds=self.time.seconds,
        )


class OneFunctionPerFile(Baseline):
    """(a) The official SDK's `async_call` and `wait` in one function per file."""

    name = "one_function_per_file"

    def __init__(self, task_seconds: float) -> None:
        super().__init__(task_seconds)
        self._function = self.function("transcribe")

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        super().patch(patch)
        clock = SimpleNamespace(sleep=self.time.sleep, time=lambda: self.time.seconds)
        patch.setattr(dashscope.client.base_api, "time", clock)
        patch.setattr(dashscope.audio.asr.transcription, "time", clock)
        patch.setattr(requests.Session, "send", self._send)

    def _send(self, _: requests.Session | requests.PreparedRequest, *request: Any, **__: object) -> requests.Response:
        prepared = request[0] if request else _
        assert isinstance(prepared, requests.PreparedRequest)
        body = json.loads(prepared.body) if isinstance(prepared.body, str | bytes) else None
        status, answer = self.answer(prepared.method or "GET", prepared.path_url, body)
        response = requests.Response()
        response.status_code = status
        response._content = json.dumps(answer).encode()
        response.headers["Content-Type"] = "application/json"
        response.request, response.url = prepared, prepared.url or ""
        return response

    def file(self, key: str) -> None:
        for pause in (*LAMBDA_RETRIES, None):
            try:
                self._function.invoke(lambda: self.app.handler({"bucket": "media", "key": key}, None))
            except Exception:  # noqa: BLE001 - Lambda retries whatever a handler raises
                self.bill["log_gb"] += 1500 / 1e9
            else:
                self.ended(key, succeeded=True)
                return
            if pause is None:
                self.ended(key, succeeded=False)
                return
            self.time.sleep(pause)


class JobPoller(Baseline):
    """(b) One STANDARD execution per file, simulated from its definition."""

    name = "job_poller"

    def __init__(self, task_seconds: float) -> None:
        super().__init__(task_seconds)
        self._machine = load_json(BASELINES / self.name / "job_poller.asl.json")
        self._functions = {name: self.function(name) for name in ("submit", "query", "finalize")}

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        super().patch(patch)
        patch.setattr(self.app, "call", self._call)

    def _call(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        status, answer = self.answer(method, path, body)
        if status != 200:
            raise HTTPError(path, status, answer["code"], None, None)  # type: ignore[arg-type]  # no headers, no body
        return answer

    def file(self, key: str) -> None:
        name, document = self._machine["StartAt"], {"bucket": "media", "key": key}
        while True:
            state = self._machine["States"][name]
            self.transitions += 1
            self.bill["standard_transitions"] += 1
            self.time.sleep(STATE)
            match state["Type"]:
                case "Task":
                    done, document = self._task(state, document)
                    if not done:
                        self.ended(key, succeeded=False)
                        return
                    if state.get("End"):
                        self.ended(key, succeeded=True)
                        return
                    name = state["Next"]
                case "Wait":
                    self.time.sleep(state["Seconds"])
                    name = state["Next"]
                case "Choice":
                    name = next(
                        (
                            rule["Next"]
                            for rule in state["Choices"]
                            if document[rule["Variable"].removeprefix("$.")] == rule["StringEquals"]
                        ),
                        state["Default"],
                    )
                case _:
                    self.ended(key, succeeded=False)
                    return

    def _task(self, state: dict[str, Any], document: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        name = state["Resource"].strip("${}")
        handler: Callable[[dict[str, Any], None], Any] = getattr(self.app, name)
        [retry] = state["Retry"]
        for attempt in range(retry["MaxAttempts"] + 1):
            if attempt:  # a retry is a transition too
                self.transitions += 1
                self.bill["standard_transitions"] += 1
                self.time.sleep(retry["IntervalSeconds"] * retry["BackoffRate"] ** (attempt - 1))
            try:
                return True, self._functions[name].invoke(lambda: handler(document, None)) or document
            except HTTPError:
                self.bill["log_gb"] += 1500 / 1e9
        return False, document


def baseline_module(name: str) -> ModuleType:
    """A baseline's own code as a new module."""
    path = BASELINES / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"baseline_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
