"""Runs the baselines on MiniStack and the DashScope simulator, with their functions and state machine and real HTTP."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import dashscope
import httpx
import pytest

from local.stack import API_KEY, LOCAL, Stack, StackInfo
from tests.benchmarks.simulated_baselines import BASELINES, LAMBDA_RETRIES, baseline_module

MAX_WAIT_SECONDS = 300.0
"""How long to wait for the executions."""


@dataclass
class DeployedBaseline:
    """The figures of one burst."""

    files: int
    succeeded: int
    lost: int
    calls: Counter[str]
    throttled: int
    lambda_seconds: float
    transitions: int

    def row(self) -> list[str]:
        return [
            str(self.succeeded),
            str(self.lost),
            str(self.calls["submit"]),
            str(self.calls["query"]),
            str(self.throttled),
            f"{self.lambda_seconds / self.files:.2f}",
            f"{self.transitions / self.files:.1f}",
        ]


def deployed_baselines(files: int, task_seconds: float) -> dict[str, DeployedBaseline]:
    with Stack(folder=LOCAL / "bench", deploy_template=False, say=lambda _: None) as info:
        info.client("s3").create_bucket(Bucket="media")
        info.client("s3").create_bucket(Bucket="results")
        keys = [f"burst/{number:05}.wav" for number in range(files)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: info.client("s3").put_object(Bucket="media", Key=key, Body=b"scripted"), keys))
        script = {"match": "/burst/", "answers": [{"text": "scripted", "seconds": task_seconds}]}
        found = {}
        for name, start in (("one_function_per_file", _functions), ("job_poller", _pollers)):
            httpx.delete(f"{info.dashscope_base_url}/control").raise_for_status()
            httpx.post(f"{info.dashscope_base_url}/control", json={"scripts": [script]}).raise_for_status()
            found[name] = start(info, keys)
    return found


def _functions(info: StackInfo, keys: list[str]) -> DeployedBaseline:
    """(a) The function in threads of this process: two cores cannot start sixty environments with the SDK.

    A failed call is retried like an asynchronous invocation of Lambda.
    """
    seconds: list[float] = []
    succeeded = lost = 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**info.aws_environment, **_variables(info)}.items():
            patch.setenv(name, value)
        patch.setattr(dashscope, "base_http_api_url", f"{info.dashscope_base_url}/api/v1")
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # an earlier test's session has other credentials
        app = baseline_module("one_function_per_file")

        def succeeds(key: str) -> bool:
            began = time.monotonic()
            try:
                app.handler({"bucket": "media", "key": key}, None)
            except Exception:  # noqa: BLE001 - Lambda retries whatever a handler raises
                return False
            finally:
                seconds.append(time.monotonic() - began)
            return True

        waiting = keys
        for pause in (*LAMBDA_RETRIES, None):
            with ThreadPoolExecutor(len(waiting)) as pool:
                results = list(pool.map(succeeds, waiting))
            succeeded += sum(results)
            waiting = [key for key, is_done in zip(waiting, results, strict=True) if not is_done]
            if pause is None or not waiting:
                lost = len(waiting)
                break
            time.sleep(pause)
    return _result(info, sum(seconds), len(keys), succeeded, lost, 0)


def _pollers(info: StackInfo, keys: list[str]) -> DeployedBaseline:
    """(b) One execution per upload."""
    names = ("submit", "query", "finalize")
    arns = {name: _function(info, "job_poller", name, 128) for name in names}
    definition = (BASELINES / "job_poller" / "job_poller.asl.json").read_text()
    for name, arn in arns.items():
        definition = definition.replace(f"${{{name}}}", arn)
    steps = info.client("stepfunctions")
    machine = steps.create_state_machine(name="job-poller", definition=definition, roleArn=_role(info))[
        "stateMachineArn"
    ]
    with ThreadPoolExecutor(8) as pool:
        started = list(
            pool.map(
                lambda key: steps.start_execution(
                    stateMachineArn=machine, input=json.dumps({"bucket": "media", "key": key})
                )["executionArn"],
                keys,
            )
        )
    until = time.monotonic() + MAX_WAIT_SECONDS
    states: Counter[str] = Counter()
    while time.monotonic() < until:
        states = Counter(steps.describe_execution(executionArn=arn)["status"] for arn in started)
        if not states["RUNNING"]:
            break
        time.sleep(2)
    transitions = 0
    for arn in started:
        history = steps.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        transitions += sum(event["type"].endswith("StateEntered") for event in history)
    functions = [f"job_poller-{name}" for name in names]
    return _result(
        info, _billed(info, functions), len(keys), states["SUCCEEDED"], len(keys) - states["SUCCEEDED"], transitions
    )


def _billed(info: StackInfo, functions: list[str]) -> float:
    logs = info.client("logs")
    seconds = 0.0
    for function in functions:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}"):
            for event in page["events"]:
                _, billed, rest = event["message"].partition("Billed Duration: ")
                seconds += float(rest.split()[0]) / 1000 if billed else 0.0
    return seconds


def _result(
    info: StackInfo, seconds: float, files: int, succeeded: int, lost: int, transitions: int
) -> DeployedBaseline:
    recorded = httpx.get(f"{info.dashscope_base_url}/control", timeout=60).raise_for_status().json()["recorded"]
    calls = [request for request in recorded if request["operation"] in ("submit", "query")]
    return DeployedBaseline(
        files=files,
        succeeded=succeeded,
        lost=lost,
        calls=Counter(request["operation"] for request in calls),
        throttled=sum(request["status"] == 429 for request in calls),
        lambda_seconds=seconds,
        transitions=transitions,
    )


def _role(info: StackInfo) -> str:
    iam = info.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}}
    document = {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    try:
        role: str = iam.get_role(RoleName="baseline")["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        role = iam.create_role(RoleName="baseline", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        iam.put_role_policy(RoleName="baseline", PolicyName="all", PolicyDocument=json.dumps(everything))
    return role


def _function(info: StackInfo, baseline: str, handler: str, memory_mb: int) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(BASELINES / baseline / "app.py", "app.py")
    made: dict[str, Any] = info.client("lambda").create_function(
        FunctionName=f"{baseline}-{handler}",
        Runtime="python3.13",
        Role=_role(info),
        Handler=f"app.{handler}",
        Code={"ZipFile": packed.getvalue()},
        MemorySize=memory_mb,
        Timeout=300,
        Environment={"Variables": _variables(info)},
    )
    arn: str = made["FunctionArn"]
    return arn


def _variables(info: StackInfo) -> dict[str, str]:
    return {
        "DASHSCOPE_API_KEY": API_KEY,
        "DASHSCOPE_BASE_URL": info.dashscope_base_url,
        "RESULTS_BUCKET_NAME": "results",
    }
