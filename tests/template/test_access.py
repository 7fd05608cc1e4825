"""Only the named roles may access recordings, transcripts, records and the API key, and only over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.template.conftest import arn_in_results

Resources = dict[str, dict[str, Any]]
Statement = dict[str, Any]

SUBMITTERS = ("SubmitTranscriptionFunction", "TranscribeAudioFunction")
"""The functions that submit recordings to the vendor."""
RESOURCE_POLICIES = {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
"""The only types of resource policy that these tests check. A new type needs a test."""
GRANTING_PROPERTIES = ("Policy", "ResourcePolicy", "AccessControl", "WebsiteConfiguration", "FunctionUrlConfig")
"""Properties that can grant access to others than the roles."""


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def granted(resources: Resources) -> Iterator[tuple[str, Statement]]:
    """Each statement of each role, with the name of the role's resource."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        for policy in as_list(properties.get("Policies", [])):
            for statement in policy.get("PolicyDocument", policy)["Statement"]:
                yield name, statement
        if resource["Type"] == "AWS::IAM::Policy":
            for statement in properties["PolicyDocument"]["Statement"]:
                yield name, statement


def resource_policies(resources: Resources) -> Iterator[tuple[str, Statement]]:
    for name, resource in resources.items():
        if resource["Type"] in RESOURCE_POLICIES:
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                yield name, statement


@pytest.mark.parametrize(
    ("target", "service", "allowed"),
    [
        (
            "ResultsBucket",
            "s3",
            {(f"{name}Function", "PutObject") for name in ("SubmitTranscription", "FinalizeTranscription")}
            | {("TranscribeAudioFunction", action) for action in ("PutObject", "GetObject", "ListBucket")}
            | {
                (f"{name}Function", action)
                for name in ("SubmitTranscription", "BackfillUploads")
                for action in ("GetObject", "ListBucket")
            },
        ),
        (
            "MediaBucket",
            "s3",
            {(name, action) for name in SUBMITTERS for action in ("GetObject", "GetObjectVersion", "ListBucket")}
            | {("BackfillUploadsFunction", action) for action in ("GetObject", "ListBucket")}
            | {("ReadMoreMediaPolicy", action) for action in ("GetObject", "GetObjectVersion", "ListBucket")}
            | {("BackfillStateMachine", "ListBucket")},
        ),
        (
            "ApiKeySecret",
            "secretsmanager",
            {(name, "GetSecretValue") for name in (*SUBMITTERS, "PollTasksFunction")},
        ),
        ("${AWS::StackName}/profiles", "ssm", {(name, "GetParameter") for name in SUBMITTERS}),
    ],
)
def test_only_the_named_roles_may_access_it_and_only_with_the_named_actions(
    resources: Resources, target: str, service: str, allowed: set[tuple[str, str]]
) -> None:
    found = {
        (name, action.partition(":")[2])
        for name, statement in granted(resources)
        if target in json.dumps(statement["Resource"])
        for action in as_list(statement["Action"])
        if action.startswith(f"{service}:")
    }
    assert found == allowed


@pytest.mark.parametrize("function", ["SubmitTranscriptionFunction", "BackfillUploadsFunction"])
def test_what_skips_transcribed_recordings_reads_job_reports_and_no_transcript(
    resources: Resources, function: str
) -> None:
    read = [
        statement["Resource"]
        for name, statement in granted(resources)
        if name == function
        and "s3:GetObject" in as_list(statement["Action"])
        and "ResultsBucket" in json.dumps(statement["Resource"])
    ]
    assert read == [arn_in_results("/*/job.json")]


def test_only_the_functions_and_the_state_machines_may_access_the_records(resources: Resources) -> None:
    found = {name for name, statement in granted(resources) if "JobsTable" in json.dumps(statement["Resource"])}
    functions = {name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"}
    assert found == functions | {"PollTasksStateMachine", "BackfillStateMachine"}


def test_every_policy_of_a_role_is_in_the_template(resources: Resources) -> None:
    """These tests cannot see what a managed policy or one of SAM's policy templates grants."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        assert "ManagedPolicyArns" not in properties, name
        for policy in as_list(properties.get("Policies", [])):
            assert isinstance(policy, dict), name
            assert "Statement" in policy or "PolicyDocument" in policy, name


def test_a_resource_policy_allows_one_aws_service_and_nothing_else(resources: Resources) -> None:
    found = list(resource_policies(resources))
    assert found
    for name, statement in found:
        if statement["Effect"] == "Allow":
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}, name
            assert statement["Action"] == "sqs:SendMessage", name
            assert statement["Condition"] == {
                "ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["MediaUploadedRule", "Arn"]}}
            }, name


def test_no_other_property_grants_access(resources: Resources) -> None:
    unexpected = {
        name: resource["Type"]
        for name, resource in resources.items()
        if "Policy" in resource["Type"] and resource["Type"] not in RESOURCE_POLICIES | {"AWS::IAM::Policy"}
    }
    assert unexpected == {}
    opened = {
        (name, granting)
        for name, resource in resources.items()
        for granting in GRANTING_PROPERTIES
        if granting in resource.get("Properties", {})
    }
    assert opened == set()
    assert not [name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Permission"]


@pytest.mark.parametrize("bucket", ["MediaBucket", "ResultsBucket"])
def test_a_bucket_refuses_plain_http(resources: Resources, bucket: str) -> None:
    """This is the statement that auditors look for. Only local/stack.py adds an exception to it."""
    policies = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::S3::BucketPolicy" and resource["Properties"]["Bucket"] == {"Ref": bucket}
    ]
    assert [policy["PolicyDocument"]["Statement"] for policy in policies] == [
        [
            {
                "Sid": "RefusePlainHttp",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
    ]
    for policy_name, resource in resources.items():
        if resource["Type"] == "AWS::S3::BucketPolicy" and resource["Properties"]["Bucket"] == {"Ref": bucket}:
            assert resource.get("Condition") == resources[bucket].get("Condition"), policy_name


def test_every_skipped_security_rule_has_a_reason(root: Path) -> None:
    skipped = (root / ".checkov.yaml").read_text().partition("skip-check:")[2].splitlines()
    rules = [line.strip() for line in skipped if line.strip().startswith("- ")]
    assert rules
    assert [rule for rule in rules if " # " not in rule] == []
