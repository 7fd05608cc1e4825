"""Every role may do exactly what its code does, on the resources that it does it to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests.template.conftest import StateMachine

Resources = dict[str, dict[str, Any]]
Statement = dict[str, Any]

BOTOCORE_NAMES = {"states": "stepfunctions"}
"""IAM's prefix of a service, where it is not botocore's name."""
ACTIONS_THAT_ARE_NO_OPERATIONS = {
    "lambda:InvokeFunction": "Invoke",
    "s3:GetObjectVersion": "GetObject",
    "s3:ListBucket": "ListObjectsV2",
}
VENDED_LOGS = {f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")} | {"logs:ListLogDeliveries"}
"""Documented for Step Functions' logging; permissions without an API operation."""
EVERY_RESOURCE = {
    "WriteLogs": "vended log deliveries are account-wide; IAM takes no resource for them",
}
CLIENTS = {
    "DynamoDBClient": "dynamodb",
    "S3Client": "s3",
    "SQSClient": "sqs",
    "SFNClient": "states",
    "EventBridgeClient": "events",
    "SecretsManagerClient": "secretsmanager",
    "SSMClient": "ssm",
}
"""The type of an adapter's client, and IAM's prefix of its service."""
SERVICE_MODULES = {
    "SubmitTranscriptionFunction": "submission.submit",
    "TranscribeAudioFunction": "transcribe",
    "PollTasksFunction": "polling.poll",
    "FinalizeTranscriptionFunction": "finalize",
    "BackfillUploadsFunction": "backfill",
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def policies_of(resource: dict[str, Any]) -> Iterator[Statement]:
    """The statements of a role: of a SAM resource, a role, or a policy attached to one."""
    properties = resource.get("Properties", {})
    documents = []
    for policy in as_list(properties.get("Policies", [])):
        documents.append(policy.get("PolicyDocument", policy))
    if resource["Type"] == "AWS::IAM::Policy":
        documents.append(properties["PolicyDocument"])
    for document in documents:
        yield from document.get("Statement", [])


@pytest.fixture(scope="session")
def statements(resources: Resources) -> list[tuple[str, Statement]]:
    found = [(name, statement) for name, resource in resources.items() for statement in policies_of(resource)]
    assert len(found) >= 15
    return found


def actions(granted: list[Statement]) -> set[str]:
    return {action for statement in granted for action in as_list(statement["Action"])}


def test_no_action_is_a_wildcard(statements: list[tuple[str, Statement]]) -> None:
    assert [(name, action) for name, statement in statements for action in actions([statement]) if "*" in action] == []


def test_every_statement_allows_and_names_actions_and_resources_positively(
    statements: list[tuple[str, Statement]],
) -> None:
    assert [
        (name, statement)
        for name, statement in statements
        if statement["Effect"] != "Allow" or {"NotAction", "NotResource"} & set(statement)
    ] == []


def test_every_resource_is_named_but_where_iam_takes_none(statements: list[tuple[str, Statement]]) -> None:
    open_ones = {statement.get("Sid") for _, statement in statements if "*" in as_list(statement["Resource"])}
    assert open_ones == set(EVERY_RESOURCE)


def test_no_named_resource_is_every_one_of_its_kind(statements: list[tuple[str, Statement]]) -> None:
    broad = [
        (name, resource)
        for name, statement in statements
        for resource in as_list(statement["Resource"])
        if resource != "*" and "${" not in str(resource) and not {"Ref", "Fn::GetAtt"} & set(resource)
    ]
    assert broad == []
    texts = [str(resource) for _, statement in statements for resource in as_list(statement["Resource"])]
    assert [text for text in texts if ":::*" in text or re.search(r"[:/]\*/\*", text)] == []


def test_every_action_exists(statements: list[tuple[str, Statement]]) -> None:
    session = botocore.session.get_session()
    unknown = []
    for name, statement in statements:
        for action in actions([statement]) - VENDED_LOGS:
            prefix, _, operation = action.partition(":")
            model = session.get_service_model(BOTOCORE_NAMES.get(prefix, prefix))
            if ACTIONS_THAT_ARE_NO_OPERATIONS.get(action, operation) not in model.operation_names:
                unknown.append((name, action))
    assert unknown == []


def test_a_role_is_assumed_by_one_aws_service_only(resources: Resources) -> None:
    for name, resource in resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            [statement] = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert re.fullmatch(r"[a-z]+\.amazonaws\.com", statement["Principal"]["Service"]), name
            assert statement["Action"] == "sts:AssumeRole", name


# what the code does, read from the code


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def operations(service: str) -> dict[str, str]:
    """boto3's method names of a service, and the operations that they call."""
    model = botocore.session.get_session().get_service_model(BOTOCORE_NAMES.get(service, service))
    return {xform_name(name): name for name in model.operation_names}


def calls_in(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each method call, as its dotted name."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            yield ast.unparse(call.func), call


def actions_of_methods(adapter: ast.ClassDef, bases: Sequence[ast.ClassDef]) -> dict[str, set[str]]:
    """What each method of an adapter asks AWS for, also through its other methods."""
    methods = {node.name: node for part in (*bases, adapter) for node in part.body if isinstance(node, ast.FunctionDef)}
    clients = [
        CLIENTS[ast.unparse(argument.annotation)]
        for argument in methods["__init__"].args.args
        if argument.annotation is not None and ast.unparse(argument.annotation) in CLIENTS
    ]
    if not clients:
        return {}
    [service] = clients
    known = operations(service)

    def asked(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found: set[str] = set()
        for called, call in calls_in(methods[name]):
            owner, _, method = called.rpartition(".")
            if owner == "self._client":
                if method == "generate_presigned_url":
                    assert isinstance(call.args[0], ast.Constant)
                    method = str(call.args[0].value)
                operation = known[method]
                operation = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket"}.get(operation, operation)
                found.add(f"{service}:{operation}")
            elif called == "self._provider.get":
                found.add({"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameter"}[service])
            elif owner == "self" and method in methods and method not in seen:
                found |= asked(method, seen | {method})
        return found

    return {name: asked(name) for name in methods}


def made_by(builder: str, builders: dict[str, ast.FunctionDef]) -> set[str]:
    """The names that a function of `wiring.py` calls, itself or through others there."""
    called = {
        node.func.id
        for node in ast.walk(builders[builder])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return called.union(*(made_by(name, builders) for name in called & set(builders)))


def services_used_by(package: Path, module: str, seen: Mapping[str, ast.Module] = {}) -> dict[str, ast.Module]:
    """A service's module and the modules of services that it imports, directly or not; without the ports."""
    found = {**seen, module: parsed(package.parent / f"{module.replace('.', '/')}.py")}
    for node in ast.walk(found[module]):
        imported = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if imported.startswith("dashscribe.services.") and ".ports" not in imported and imported not in found:
            found = services_used_by(package, imported, found)
    return found


def actions_of_function(root: Path, function: str) -> set[str]:
    """What a function's service asks its adapters for; `wiring.py` says which adapters it has."""
    package = root / "layers/shared/dashscribe"
    module = SERVICE_MODULES[function]
    builders = {node.name: node for node in parsed(package / "wiring.py").body if isinstance(node, ast.FunctionDef)}
    made = made_by(f"{module.rpartition('.')[2]}_service", builders)
    trees = services_used_by(package, f"dashscribe.services.{module}")
    wanted = {called.rpartition(".")[2] for tree in trees.values() for called, _ in calls_in(tree)}
    found: set[str] = set()
    classes = {
        node.name: node
        for path in (package / "adapters").rglob("*.py")
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef)
    }
    for adapter in (node for name, node in classes.items() if name in made):
        bases = [classes[base.id] for base in adapter.bases if isinstance(base, ast.Name) and base.id in classes]
        for method, asked in actions_of_methods(adapter, bases).items():
            if method in wanted or method == "__call__":
                found |= asked
    return found


@pytest.mark.parametrize("function", sorted(SERVICE_MODULES))
def test_a_function_may_do_exactly_what_its_code_does(root: Path, resources: Resources, function: str) -> None:
    used = actions_of_function(root, function)
    if "s3:GetObject" in used:  # without ListBucket a missing object is 403 instead of 404
        used.add("s3:ListBucket")
    if function in ("SubmitTranscriptionFunction", "TranscribeAudioFunction"):  # the others read the newest version
        used.add("s3:GetObjectVersion")
    assert actions(list(policies_of(resources[function]))) == used


def test_the_due_lists_are_read_from_the_index_and_the_rest_from_the_table(
    statements: list[tuple[str, Statement]],
) -> None:
    for _, statement in statements:
        of_dynamodb = {action for action in actions([statement]) if action.startswith("dynamodb:")}
        if "dynamodb:Query" in of_dynamodb:
            assert of_dynamodb == {"dynamodb:Query"}
            assert statement["Resource"] == {"Fn::Sub": "${JobsTable.Arn}/index/due"}
        elif of_dynamodb:
            assert statement["Resource"] == {"Fn::GetAtt": ["JobsTable", "Arn"]}


OF_A_DISTRIBUTED_MAP = {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}
"""What AWS documents for its batches, each an execution of the same machine."""


@pytest.mark.parametrize("name", ["PollTasksStateMachine", "BackfillStateMachine"])
def test_a_state_machine_may_do_exactly_what_its_states_do(
    resources: Resources, machines: dict[str, StateMachine], name: str
) -> None:
    text = machines[name].text
    used = OF_A_DISTRIBUTED_MAP if '"DISTRIBUTED"' in text else set()
    for service, operation in re.findall(r"arn:aws:states:::(?:aws-sdk:)?([a-z0-9]+):([A-Za-z0-9]+)", text):
        prefix = "states" if service == "sfn" else service
        action = f"{prefix}:{operation[0].upper()}{operation[1:]}"
        used = used | {
            {"lambda:Invoke": "lambda:InvokeFunction", "s3:ListObjectsV2": "s3:ListBucket"}.get(action, action)
        }
    granted = [
        statement
        for logical_id, resource in resources.items()
        if logical_id == name or {"Ref": f"{name}Role"} in resource.get("Properties", {}).get("Roles", [])
        for statement in policies_of(resource)
        if statement.get("Sid") not in EVERY_RESOURCE
    ]
    assert actions(granted) == used


@pytest.mark.parametrize(
    ("name", "action"), [("PollTasksStateMachine", "UpdateItem"), ("BackfillStateMachine", "GetItem")]
)
def test_a_state_machine_gets_at_no_record_but_its_own(
    resources: Resources, machines: dict[str, StateMachine], name: str, action: str
) -> None:
    [statement] = [
        statement for statement in policies_of(resources[name]) if f"dynamodb:{action}" in as_list(statement["Action"])
    ]
    [keys] = [rule["dynamodb:LeadingKeys"] for rule in statement["Condition"].values()]
    used = {
        state["Arguments"]["Key"]["pk"]["S"]
        for state in machines[name].asl["States"].values()
        if state.get("Resource", "").startswith("arn:aws:states:::dynamodb:")
    }
    assert {re.sub(r"^{% '(.*)' & .* %}$", r"\1*", key) for key in used} == set(keys)
