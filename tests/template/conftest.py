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
