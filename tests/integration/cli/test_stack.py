"""What `dashscribe vocabularies` reads of a deployed stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli.__main__ import main
from cli.report import WrongUsage
from cli.stack import find_stack
from cli.vocabularies import _open

OUTPUTS = {
    "ApiKeySecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:mine",
    "JobsTableName": "jobs",
    "ProfilesParameterName": "/mine/profiles",
}
PARAMETERS = {
    "DashScopeBaseUrl": "https://dashscope.aliyuncs.com",
    "DefaultModel": "paraformer-v2",
    "DashScopeWorkspaceId": "ws-1",
}


@pytest.fixture(autouse=True)
def stacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """CloudFormation with the stack `mine` and another one, which is not ours."""
    monkeypatch.chdir(tmp_path)  # no local stack is there
    outputs = {"mine": OUTPUTS, "another": {}}

    def describe_stacks(StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's own name
        if StackName not in outputs:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {
            "Stacks": [
                {
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs[StackName].items()],
                    "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in PARAMETERS.items()],
                }
            ]
        }

    real: Any = boto3.Session.client

    def client(self: boto3.Session, service: str, **arguments: Any) -> Any:
        if service == "cloudformation":
            return SimpleNamespace(describe_stacks=describe_stacks, meta=SimpleNamespace(region_name="us-east-1"))
        return real(self, service, **arguments)

    monkeypatch.setattr(boto3.Session, "client", client)
    with mock_aws():
        yield


def test_a_stack_names_its_account_host_and_default_model() -> None:
    stack = find_stack("mine", None, None)
    assert stack.parameters == PARAMETERS
    document = '{"profiles": {"banks": {"vocabulary": {"BB": 4}}}}'
    boto3.client("ssm").put_parameter(Name="/mine/profiles", Value=document, Type="String")
    with ExitStack() as opened:
        _, _, profiles = _open(stack, opened)
    assert set(profiles.profiles) == {"banks"}


@pytest.mark.parametrize(("stack", "part"), [("another", "no dashscribe stack"), ("absent", "cannot be read")])
def test_a_stack_that_is_not_ours_is_wrong_usage(stack: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vocabularies", "--stack", stack]) == 2
    assert part in capsys.readouterr().err


def test_without_a_stack_and_a_local_stack_the_command_says_what_to_name() -> None:
    with pytest.raises(WrongUsage, match="--stack"):
        find_stack(None, None, None)
