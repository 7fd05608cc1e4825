"""The CloudFormation template that SAM makes from template.yaml: what SAM adds obeys the same rules."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from local.stack import LOCAL, ROOT

SAM_PYTHON = LOCAL / "sam" / "bin" / "python"
MAX_RESOURCES = 500
MAX_TEMPLATE_BYTES = 1_000_000
"""CloudFormation's limits of one stack (from a bucket, as SAM CLI uploads it)."""


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not SAM_PYTHON.exists():
        pytest.skip("SAM CLI is not installed (make install)")
    target = tmp_path_factory.mktemp("transformed") / "template.json"
    command = [str(SAM_PYTHON), "local/transform.py", "template.yaml", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found: dict[str, Any] = yaml.safe_load(target.read_text())
    return found


def of_type(transformed: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = {
        name: resource["Properties"] for name, resource in transformed["Resources"].items() if resource["Type"] == kind
    }
    assert found, kind
    return found


def test_every_role_has_the_permissions_boundary_and_no_wildcard(transformed: dict[str, Any]) -> None:
    roles = of_type(transformed, "AWS::IAM::Role")
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert len(roles) == 8
    for name, role in roles.items():
        assert role["PermissionsBoundary"] == boundary, name


def test_a_managed_policy_of_aws_is_one_that_the_page_of_permissions_names(transformed: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    for name, role in of_type(transformed, "AWS::IAM::Role").items():
        for arn in role.get("ManagedPolicyArns", []):
            assert arn.rpartition("/")[2] in page, name


def test_the_tags_of_a_function_are_on_its_role(transformed: dict[str, Any]) -> None:
    roles = of_type(transformed, "AWS::IAM::Role")
    for name, function in of_type(transformed, "AWS::Lambda::Function").items():
        assert roles[f"{name}Role"]["Tags"] == function["Tags"], name


def test_the_stack_is_within_the_limits_of_cloudformation(transformed: dict[str, Any]) -> None:
    assert len(transformed["Resources"]) < MAX_RESOURCES / 2
    assert len(json.dumps(transformed)) < MAX_TEMPLATE_BYTES / 2
    assert len(transformed["Parameters"]) < 200
    assert len(transformed["Outputs"]) < 200


def test_no_generated_name_can_be_too_long(transformed: dict[str, Any]) -> None:
    """A name that the template writes contains the stack's name, which has up to 128 characters."""
    limits = {"AWS::Events::EventBus": ("Name", 256), "AWS::Logs::LogGroup": ("LogGroupName", 512)}
    for kind, (field, limit) in limits.items():
        for name, properties in of_type(transformed, kind).items():
            given = properties[field]
            text = given.get("Fn::Sub", "${AWS::StackName}")
            assert len(text.replace("${AWS::StackName}", "x" * 128)) <= limit, name
