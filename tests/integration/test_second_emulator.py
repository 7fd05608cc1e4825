"""A second emulator, moto, deploys the template: it resolves conditions, references and outputs with other code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import yaml

from local.processes import free_port, is_listening
from local.stack import LOCAL, ROOT
from tests.template.conftest import with_options
from tests.template.test_options import OPTIONS

MOTO = LOCAL / "moto" / "bin" / "moto_server"
SAM_PYTHON = LOCAL / "sam" / "bin" / "python"
NOT_SUPPORTED = {
    "AWS::CloudWatch::Alarm",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::Secret",
}
"""The types of the template that moto's CloudFormation leaves out. MiniStack deploys them (tests/end_to_end)."""
CODE = ("bucket", "value")
"""Where SAM's translator says that the code and the definitions are: nothing was uploaded."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    if not MOTO.exists():
        pytest.skip("moto's server is not installed (make test installs it)")
    port = free_port()
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    process = subprocess.Popen(
        [str(MOTO), "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        until = time.monotonic() + 60
        while not is_listening(port):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    target = tmp_path_factory.mktemp("transformed") / "template.yaml"
    command = [str(SAM_PYTHON), "local/transform.py", "template.yaml", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found: dict[str, Any] = yaml.safe_load(target.read_text())
    return found


def without_unsupported(template: dict[str, Any]) -> dict[str, Any]:
    """A copy without the resources of unsupported types. A text replaces each reference to one."""
    removed = {name for name, resource in template["Resources"].items() if resource["Type"] in NOT_SUPPORTED}

    def copied(node: Any) -> Any:
        if isinstance(node, list):
            return [copied(part) for part in node]
        if not isinstance(node, dict):
            return node
        referred = node.get("Ref") or (node.get("Fn::GetAtt") or [None])[0]
        return "unsupported" if referred in removed else {name: copied(value) for name, value in node.items()}

    kept = {name: resource for name, resource in template["Resources"].items() if name not in removed}
    return {**copied(template), "Resources": copied(kept)}


class Moto:
    def __init__(self, endpoint: str, template: dict[str, Any]) -> None:
        self.endpoint = endpoint
        self.template = template

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]  # the stubs want a literal
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    def upload_code(self) -> None:
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("app.py", "def handler(event, context): ...")
        s3, (bucket, key) = self.client("s3"), CODE
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue())

    def deploy(self, name: str, parameters: dict[str, str]) -> dict[str, Any]:
        """Create the stack and return its description. The state machines get a definition, because moto reads none
        from S3."""
        document = without_unsupported(self.template)
        for resource in document["Resources"].values():
            if resource["Type"] == "AWS::StepFunctions::StateMachine":
                resource["Properties"].pop("DefinitionS3Location")
                resource["Properties"]["DefinitionString"] = json.dumps(
                    {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
                )
        formation, (bucket, _) = self.client("cloudformation"), CODE
        self.client("s3").put_object(Bucket=bucket, Key=name, Body=json.dumps(document).encode())
        formation.create_stack(
            StackName=name,
            TemplateURL=f"{self.endpoint}/{bucket}/{name}".replace("127.0.0.1", "localhost"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        [described] = formation.describe_stacks(StackName=name)["Stacks"]
        found: dict[str, Any] = described
        return found

    def check_resources(self, name: str, **parameters: str) -> None:
        """Assert that the stack has exactly the resources that these parameters create. moto lists a resource whose
        condition is false without a logical id."""
        listed = self.client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"]
        resources = with_options(self.template, **parameters)
        expected = {key for key, resource in resources.items() if resource["Type"] not in NOT_SUPPORTED}
        assert {each["LogicalResourceId"] for each in listed} - {""} == expected


@pytest.fixture(scope="module")
def moto(endpoint: str, template: dict[str, Any]) -> Moto:
    emulator = Moto(endpoint, template)
    emulator.upload_code()
    return emulator


def test_the_default_stack_has_every_resource_that_the_emulator_knows(moto: Moto) -> None:
    stack = moto.deploy("plain", {})
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    moto.check_resources("plain")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert set(outputs) >= set(moto.template["Outputs"]) - {"ApiKeySecretArn"}
    table = moto.client("dynamodb").describe_table(TableName=outputs["JobsTableName"])["Table"]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["due"]
    attributes = moto.client("sqs").get_queue_attributes(QueueUrl=outputs["SubmitQueueUrl"], AttributeNames=["All"])
    redrive = json.loads(attributes["Attributes"]["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == outputs["SubmitDeadLetterQueueArn"]
    assert outputs["ProfilesParameterName"] == "/plain/profiles"


def test_a_stack_with_every_option_has_the_resources_of_the_options_only(moto: Moto) -> None:
    stack = moto.deploy("options", OPTIONS)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    moto.check_resources("options", **OPTIONS)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert (outputs["MediaBucketName"], outputs["ResultsBucketName"], outputs["JobsTableName"]) == (
        *("media", "results"),
        "jobs",
    )
    events = moto.client("events")
    patterns = [json.loads(rule["EventPattern"]) for rule in events.list_rules()["Rules"] if "options" in rule["Name"]]
    assert [pattern["resources"] for pattern in patterns] == [
        ["arn:aws:s3:::media", "arn:aws:s3:::one", "arn:aws:s3:::two"]
    ]
    assert [pattern["detail"] for pattern in patterns] == [{"object": {"key": [{"wildcard": "calls/*.wav"}]}}]
    iam = moto.client("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("options")]
    assert len(roles) == 8
    for role in roles:
        found = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert found == OPTIONS["PermissionsBoundaryArn"], role


def test_a_type_that_the_emulator_leaves_out_is_deployed_by_the_other_one(template: dict[str, Any]) -> None:
    assert {resource["Type"] for resource in template["Resources"].values()} >= NOT_SUPPORTED
