"""Every role has exactly the permissions that its code needs, on the resources that its code uses."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests.template import policy_report
from tests.template.conftest import StateMachine, arn_in_table

Resources = dict[str, dict[str, Any]]
Statement = dict[str, Any]

BOTOCORE_NAMES = {"states": "stepfunctions"}
"""IAM's prefix of a service → botocore's name, if they differ."""
OPERATION_OF_ACTION = {
    "lambda:InvokeFunction": "Invoke",
    "s3:GetObjectVersion": "GetObject",
    "s3:ListBucket": "ListObjectsV2",
}
VENDED_LOGS = {f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")} | {"logs:ListLogDeliveries"}
"""Actions that AWS documents for Step Functions' logging. Some have no API operation."""
ACCOUNT_WIDE_STATEMENTS = {
    "WriteLogs": "vended log deliveries are account-wide; IAM accepts no resource for them",
    "WriteTraces": "X-Ray accepts no resource",
}
CLIENTS = {
    "DynamoDBClient": "dynamodb",
    "S3Client": "s3",
    "SQSClient": "sqs",
    "SFNClient": "states",
    "EventBridgeClient": "events",
    "SecretsManagerClient": "secretsmanager",
    "SSMClient": "ssm",
    "Callable[[], LambdaClient]": "lambda",
}
"""The type of an adapter's client → IAM's prefix of its service."""
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
    """The statements of a resource: a SAM resource, a role, or a policy that is attached to a role."""
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


def test_every_statement_allows_named_actions_on_named_resources(
    statements: list[tuple[str, Statement]],
) -> None:
    assert [
        (name, statement)
        for name, statement in statements
        if statement["Effect"] != "Allow" or {"NotAction", "NotResource"} & set(statement)
    ] == []


def test_only_account_wide_statements_apply_to_all_resources(statements: list[tuple[str, Statement]]) -> None:
    account_wide = {statement.get("Sid") for _, statement in statements if "*" in as_list(statement["Resource"])}
    assert account_wide == set(ACCOUNT_WIDE_STATEMENTS)


def test_no_resource_pattern_matches_a_whole_service(statements: list[tuple[str, Statement]]) -> None:
    broad = [
        (name, resource)
        for name, statement in statements
        for resource in as_list(statement["Resource"])
        if resource != "*" and "${" not in str(resource) and not {"Ref", "Fn::GetAtt", "Fn::Split"} & set(resource)
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
            if OPERATION_OF_ACTION.get(action, operation) not in model.operation_names:
                unknown.append((name, action))
    assert unknown == []


MAX_INLINE_CHARACTERS = 10_240
"""IAM's limit for all inline policies of one role, without white space."""
LONGEST_NAME = "x" * 128
"""The longest name that CloudFormation gives a resource: the stack's name has at most 128 characters."""


def test_the_policies_of_every_role_fit_into_a_role(resources: Resources) -> None:
    """With every option on, and every name at its longest."""
    sizes: dict[str, int] = {}
    for role, _, statement in policy_report.policies(resources):
        text = re.sub(r"\s", "", json.dumps(statement))
        text = re.sub(r"\$\{\w+(\.\w+)?\}|\{\"(Ref|Fn::GetAtt)\":[^}]*\}", LONGEST_NAME, text)
        sizes[role] = sizes.get(role, len('{"Version":"2012-10-17","Statement":[]}')) + len(text) + 1
    assert len(sizes) == 8
    assert max(sizes.values()) < MAX_INLINE_CHARACTERS, sizes


def test_a_role_is_assumed_by_one_aws_service_only(resources: Resources) -> None:
    for name, resource in resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            [statement] = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert re.fullmatch(r"[a-z]+\.amazonaws\.com", statement["Principal"]["Service"]), name
            assert statement["Action"] == "sts:AssumeRole", name
            assert set(statement["Condition"]["StringEquals"]) == {"aws:SourceAccount", "aws:SourceArn"}, name


# the actions that the code uses, read from its source


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def operations(service: str) -> dict[str, str]:
    """boto3's method names of a service → the operations that they call."""
    model = botocore.session.get_session().get_service_model(BOTOCORE_NAMES.get(service, service))
    return {xform_name(name): name for name in model.operation_names}


def calls_in(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each method call in a piece of source, with its dotted name."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            yield ast.unparse(call.func), call


def actions_of_methods(adapter: ast.ClassDef, bases: Sequence[ast.ClassDef]) -> dict[str, set[str]]:
    """The actions that each method of an adapter uses, directly or through its other methods."""
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

    def used_by(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
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
        for node in ast.walk(methods[name]):
            if (
                isinstance(node, ast.Attribute)
                and ast.unparse(node.value) == "self"
                and node.attr in methods
                and node.attr not in seen
            ):
                found |= used_by(node.attr, seen | {node.attr})
        return found

    return {name: used_by(name) for name in methods}


def ancestors(adapter: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """The classes that an adapter inherits from, the most distant first."""
    names = [base.id for base in adapter.bases if isinstance(base, ast.Name)]
    bases = [classes[name] for name in names if name in classes]
    return [each for base in bases for each in (*ancestors(base, classes), base)]


def made_by(builder: str, builders: dict[str, ast.FunctionDef]) -> set[str]:
    """The names that a function of `wiring.py` calls, directly or through other functions there."""
    called = {
        node.func.id
        for node in ast.walk(builders[builder])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return called.union(*(made_by(name, builders) for name in called & set(builders)))


def services_used_by(package: Path, module: str, seen: Mapping[str, ast.Module] = {}) -> dict[str, ast.Module]:
    """A service's module and the service modules that it imports, directly or indirectly, without the ports."""
    found = {**seen, module: parsed(package.parent / f"{module.replace('.', '/')}.py")}
    for node in ast.walk(found[module]):
        imported = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if imported.startswith("dashscribe.services.") and ".ports" not in imported and imported not in found:
            found = services_used_by(package, imported, found)
    return found


def actions_of_function(root: Path, function: str) -> set[str]:
    """The actions that a function's service uses through its adapters. `wiring.py` says which adapters it has."""
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
        for method, used in actions_of_methods(adapter, ancestors(adapter, classes)).items():
            if method in wanted or method == "__call__":
                found |= used
    return found


@pytest.mark.parametrize("function", sorted(SERVICE_MODULES))
def test_a_function_has_exactly_the_permissions_that_its_code_needs(
    root: Path, resources: Resources, function: str
) -> None:
    used = actions_of_function(root, function)
    if "s3:GetObject" in used:  # without ListBucket, S3 answers 403 instead of 404 for a missing object
        used.add("s3:ListBucket")
    if "lambda:GetEventSourceMapping" in used:  # MiniStack's name of it; AWS grants it for all mappings or for none
        used.add("lambda:ListEventSourceMappings")
    if function in ("SubmitTranscriptionFunction", "TranscribeAudioFunction"):  # the others read the latest version
        used.add("s3:GetObjectVersion")
    assert actions(list(policies_of(resources[function]))) == used


def test_only_the_due_lists_are_read_from_the_index(
    statements: list[tuple[str, Statement]],
) -> None:
    for _, statement in statements:
        of_dynamodb = {action for action in actions([statement]) if action.startswith("dynamodb:")}
        if "dynamodb:Query" in of_dynamodb:
            assert of_dynamodb == {"dynamodb:Query"}
            assert statement["Resource"] == arn_in_table("/index/due")
        elif of_dynamodb:
            assert statement["Resource"] == arn_in_table()


DISTRIBUTED_MAP_ACTIONS = {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}
"""The actions that AWS documents for a distributed Map, whose batches are executions of the same state machine."""


@pytest.mark.parametrize("name", ["PollTasksStateMachine", "BackfillStateMachine"])
def test_a_state_machine_has_exactly_the_permissions_that_its_states_need(
    resources: Resources, machines: dict[str, StateMachine], name: str
) -> None:
    text = machines[name].text
    used = DISTRIBUTED_MAP_ACTIONS if '"DISTRIBUTED"' in text else set()
    for service, operation in re.findall(r"arn:\$\{Partition\}:states:::(?:aws-sdk:)?([a-z0-9]+):([A-Za-z0-9]+)", text):
        prefix = "states" if service == "sfn" else service
        action = f"{prefix}:{operation[0].upper()}{operation[1:]}"
        used = used | {
            {"lambda:Invoke": "lambda:InvokeFunction", "s3:ListObjectsV2": "s3:ListBucket"}.get(action, action)
        }
    granted = [
        statement
        for logical_id, resource in resources.items()
        if logical_id == name or {"Ref": f"{name}Role"} in resource.get("Properties", {}).get("Roles", [])
        if resource.get("Condition") in (None, "HasInventory")  # tests/template/test_options.py has the other options
        for statement in policies_of(resource)
        if statement.get("Sid") not in ACCOUNT_WIDE_STATEMENTS
    ]
    assert actions(granted) == used


@pytest.mark.parametrize(
    ("name", "action"), [("PollTasksStateMachine", "UpdateItem"), ("BackfillStateMachine", "GetItem")]
)
def test_a_state_machine_may_access_only_its_own_record(
    resources: Resources, machines: dict[str, StateMachine], name: str, action: str
) -> None:
    [statement] = [
        statement for statement in policies_of(resources[name]) if f"dynamodb:{action}" in as_list(statement["Action"])
    ]
    [keys] = [rule["dynamodb:LeadingKeys"] for rule in statement["Condition"].values()]
    used = {
        state["Arguments"]["Key"]["pk"]["S"]
        for state in machines[name].asl["States"].values()
        if state.get("Resource", "").startswith("arn:${Partition}:states:::dynamodb:")
    }
    assert {re.sub(r"^{% '(.*)' & .* %}$", r"\1*", key) for key in used} == set(keys)


def test_the_page_of_permissions_is_what_the_template_grants(resources: Resources) -> None:
    """`python -m tests.template.policy_report` writes it."""
    assert policy_report.PAGE.read_text() == policy_report.page()
    names = {statement.get("Sid", policy) for _, policy, statement in policy_report.policies(resources)}
    assert names == set(policy_report.REASONS)
