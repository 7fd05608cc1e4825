"""Fixtures with template.yaml and the state machines as data. They need neither a network nor SAM CLI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


class CloudFormationLoader(yaml.SafeLoader):
    """Reads YAML and turns CloudFormation's short forms into the long ones: `!Ref X` becomes `{"Ref": "X"}`."""


def _short_form(loader: CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


CloudFormationLoader.add_multi_constructor("!", _short_form)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    loaded = yaml.load((ROOT / "template.yaml").read_text(), CloudFormationLoader)  # noqa: S506 - a SafeLoader
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = template["Resources"]
    return found


@pytest.fixture(scope="session")
def functions(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The properties of each function, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


JOBS_TABLE_ARN = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Table}"
RESULTS_BUCKET_ARN = "arn:${AWS::Partition}:s3:::${Bucket}"
JOBS_TABLE = {"Fn::If": ["CreateJobsTable", {"Ref": "JobsTable"}, {"Ref": "ExistingJobsTableName"}]}
RESULTS_BUCKET = {"Fn::If": ["CreateResultsBucket", {"Ref": "ResultsBucket"}, {"Ref": "ExistingResultsBucketName"}]}


def arn_in_table(suffix: str = "") -> dict[str, Any]:
    """How the template writes an ARN of the jobs table."""
    return {"Fn::Sub": [JOBS_TABLE_ARN + suffix, {"Table": JOBS_TABLE}]}


def arn_in_results(suffix: str = "") -> dict[str, Any]:
    return {"Fn::Sub": [RESULTS_BUCKET_ARN + suffix, {"Bucket": RESULTS_BUCKET}]}


def with_options(template: dict[str, Any], **parameters: str) -> dict[str, dict[str, Any]]:
    """The resources that a deployment with these parameters creates, with every `!If` resolved."""
    values = {name: parameter["Default"] for name, parameter in template["Parameters"].items()} | parameters
    unknown = set(parameters) - set(template["Parameters"])
    assert not unknown, unknown

    def holds(condition: Any) -> bool:
        [(operator, operands)] = condition.items()
        if operator == "Fn::Not":
            return not holds(operands[0])
        if operator == "Condition":
            return conditions[operands]
        assert operator == "Fn::Equals"
        left, right = (str(values[side["Ref"]]) if isinstance(side, dict) else str(side) for side in operands)
        return left == right

    conditions: dict[str, bool] = {}
    for name, condition in template["Conditions"].items():
        conditions[name] = holds(condition)
    absent = object()

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [part for part in map(resolved, node) if part is not absent]
        if not isinstance(node, dict):
            return node
        if node == {"Ref": "AWS::NoValue"}:
            return absent
        if "Fn::If" in node:
            condition, then, otherwise = node["Fn::If"]
            return resolved(then if conditions[condition] else otherwise)
        parts = {name: resolved(value) for name, value in node.items()}
        return {name: value for name, value in parts.items() if value is not absent}

    return {
        name: resolved(resource)
        for name, resource in template["Resources"].items()
        if conditions.get(resource.get("Condition", ""), True)
    }


@dataclass(frozen=True)
class StateMachine:
    """A state machine: its definition as text and as JSON, and the properties of its resource."""

    name: str
    text: str
    asl: dict[str, Any]
    properties: dict[str, Any]


@pytest.fixture(scope="session")
def machines(resources: dict[str, dict[str, Any]]) -> dict[str, StateMachine]:
    """The state machines by logical id. A definition is JSON before substitution, so every `${…}` is inside quotes."""
    found = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            text = (ROOT / resource["Properties"]["DefinitionUri"]).read_text()
            found[name] = StateMachine(name, text, json.loads(text), resource["Properties"])
    return found


@pytest.fixture(scope="session")
def poll_loop(machines: dict[str, StateMachine]) -> dict[str, Any]:
    return machines["PollTasksStateMachine"].asl


@pytest.fixture(scope="session")
def backfill(machines: dict[str, StateMachine]) -> dict[str, Any]:
    return machines["BackfillStateMachine"].asl
