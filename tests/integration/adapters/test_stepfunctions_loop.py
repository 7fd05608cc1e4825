"""A wake-up signal starts one execution. If that fails, the error is only logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from dashscribe.adapters.stepfunctions_loop import StepFunctionsLoop
from tests.conftest import LogLines

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@pytest.fixture
def stepfunctions(aws: None) -> SFNClient:
    return boto3.client("stepfunctions")


def test_a_wake_up_signal_starts_an_execution_and_logs_nothing(stepfunctions: SFNClient, log_lines: LogLines) -> None:
    arn = stepfunctions.create_state_machine(
        name="poll-tasks",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/loop",
    )["stateMachineArn"]
    StepFunctionsLoop(stepfunctions, arn).send_wake_up()
    assert len(stepfunctions.list_executions(stateMachineArn=arn)["executions"]) == 1
    assert log_lines() == []


def test_a_wake_up_signal_to_a_missing_state_machine_is_only_logged(
    stepfunctions: SFNClient, log_lines: LogLines
) -> None:
    StepFunctionsLoop(stepfunctions, "arn:aws:states:us-east-1:123456789012:stateMachine:gone").send_wake_up()
    [line] = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "wake-up signal failed")
    assert line["exception_name"] == "StateMachineDoesNotExist"


def test_a_wake_up_signal_without_a_connection_is_only_logged(
    stepfunctions: SFNClient, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://states")

    monkeypatch.setattr(stepfunctions, "start_execution", unreachable)
    StepFunctionsLoop(stepfunctions, "arn").send_wake_up()
    assert [line["exception_name"] for line in log_lines()] == ["EndpointConnectionError"]


def test_an_unexpected_error_is_raised(stepfunctions: SFNClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise TypeError("ours")

    monkeypatch.setattr(stepfunctions, "start_execution", broken)
    with pytest.raises(TypeError, match="ours"):
        StepFunctionsLoop(stepfunctions, "arn").send_wake_up()
