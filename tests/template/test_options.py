"""Every option of the template is off by default, creates nothing then, and does what its description says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.template.conftest import with_options

Template = dict[str, Any]

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
OPTIONS = {
    "ExistingMediaBucketName": "media",
    "MoreMediaBucketArns": "arn:aws:s3:::one,arn:aws:s3:::two",
    "MediaKeyPattern": "calls/*.wav",
    "MediaKmsKeyArn": KEY,
    "ExistingResultsBucketName": "results",
    "ExistingJobsTableName": "jobs",
    "InventoryBucketName": "lists",
    "AsynchronousModelsOnly": "true",
    "MediaExpiryDays": "90",
    "ResultsExpiryDays": "90",
    "TableDeletionProtection": "true",
    "KmsKeyArn": KEY,
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/b",
    "AlarmEmail": "you@example.com",
    "AlarmTopicArn": TOPIC,
    "DetailedAlarms": "true",
    "Tracing": "Active",
}
"""Each option with a value that switches it on."""
PASSED_ON = {"AsynchronousModelsOnly", "Tracing"}
"""Options whose value a function receives, on or off."""
FREE_ALARMS = 10
"""CloudWatch bills 0.10 USD a month for each alarm after these."""


def properties(resources: dict[str, dict[str, Any]], kind: str) -> dict[str, Any]:
    found = {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}
    assert found, kind
    return found


def alarms(resources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return properties(resources, "AWS::CloudWatch::Alarm")


def test_every_condition_belongs_to_an_option_that_is_tested_here(template: Template) -> None:
    decided = {
        ref
        for condition in template["Conditions"].values()
        for ref in [json.dumps(condition).partition('"Ref": "')[2].partition('"')[0]]
    }
    assert decided <= {*OPTIONS, "AwsEndpointUrl"}


def test_no_option_is_on_by_default(template: Template) -> None:
    default = json.dumps(with_options(template))
    for name, parameter in template["Parameters"].items():
        if name in OPTIONS:
            assert parameter["Default"] in ("", 0, "false", "Disabled"), name
            assert name in PASSED_ON or f'"{name}"' not in default, f"{name} is used although it is off"
    assert len(alarms(with_options(template))) <= FREE_ALARMS


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_changes_the_stack(template: Template, name: str) -> None:
    if name == "Tracing":
        assert template["Globals"]["Function"]["Tracing"] == {"Ref": "Tracing"}
    if name == "AsynchronousModelsOnly":
        submit = template["Resources"]["SubmitTranscriptionFunction"]["Properties"]
        assert submit["Environment"]["Variables"]["ASYNCHRONOUS_MODELS_ONLY"] == {"Ref": name}
        return
    globals_use_it = name in json.dumps(template["Globals"])
    assert globals_use_it or with_options(template, **{name: OPTIONS[name]}) != with_options(template)


@pytest.mark.parametrize(
    ("name", "given", "fits"),
    [
        ("ExistingMediaBucketName", "my.media-bucket", True),
        ("ExistingMediaBucketName", "arn:aws:s3:::my-bucket", False),
        ("ExistingResultsBucketName", "s3://results", False),
        ("ExistingJobsTableName", "dashscribe-JobsTable-1A2B", True),
        ("ExistingJobsTableName", "arn:aws:dynamodb:us-east-1:123456789012:table/jobs", False),
        ("MoreMediaBucketArns", "arn:aws:s3:::one,arn:aws-cn:s3:::two", True),
        ("MoreMediaBucketArns", "one,two", False),
        ("MoreMediaBucketArns", "arn:aws:s3:::one, arn:aws:s3:::two", False),
        ("MoreMediaBucketArns", "arn:aws:s3:::one/*", False),
        ("KmsKeyArn", "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-12ab", True),
        ("KmsKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/mine", False),
        ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess", True),
        ("PermissionsBoundaryArn", "arn:aws-us-gov:iam::123456789012:policy/team/boundary", True),
        ("PermissionsBoundaryArn", "boundary", False),
        ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:alarms", True),
        ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:alarms.fifo", False),
        ("AlarmEmail", "you@example.com", True),
        ("AlarmEmail", "example.com", False),
    ],
)
def test_a_wrong_name_is_refused_before_anything_is_deployed(
    template: Template, name: str, given: str, fits: bool
) -> None:
    parameter = template["Parameters"][name]
    assert (re.fullmatch(parameter["AllowedPattern"], given) is not None) is fits
    assert re.fullmatch(parameter["AllowedPattern"], "") is not None
    assert parameter["ConstraintDescription"]


def test_a_schedule_group_of_its_own_tells_two_stacks_apart(template: Template) -> None:
    resources = with_options(template, DetailedAlarms="true")
    assert resources["EveryMinuteSchedule"]["Properties"]["GroupName"] == {"Ref": "ScheduleGroup"}
    [dimension] = resources["FailedScheduleAlarm"]["Properties"]["Dimensions"]
    assert dimension["Value"] == {"Ref": "ScheduleGroup"}
    [statement] = resources["EveryMinuteScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["aws:SourceArn"] == {"Fn::GetAtt": ["ScheduleGroup", "Arn"]}


def test_the_tags_of_functions_and_state_machines_are_on_their_roles_too(template: Template) -> None:
    for kind in ("Function", "StateMachine"):
        assert template["Globals"][kind]["PropagateTags"] is True


def test_every_role_has_the_permissions_boundary(template: Template) -> None:
    resources = with_options(template, PermissionsBoundaryArn="b")
    boundary = {"Ref": "PermissionsBoundaryArn"}
    assert template["Globals"]["Function"]["PermissionsBoundary"]["Fn::If"][1] == boundary
    for kind in ("AWS::IAM::Role", "AWS::Serverless::StateMachine"):
        for name, found in properties(resources, kind).items():
            assert found["PermissionsBoundary"] == boundary, name
            assert "PermissionsBoundary" not in with_options(template)[name]["Properties"], name


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::S3::Bucket", "KMSMasterKeyID"),
        ("AWS::DynamoDB::Table", "KMSMasterKeyId"),
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SecretsManager::Secret", "KmsKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
    ],
)
def test_everything_that_is_stored_is_encrypted_with_the_key(template: Template, kind: str, name: str) -> None:
    for key, used in ((KEY, True), ("", False)):
        resources = with_options(template, KmsKeyArn=key, AlarmEmail="you@example.com")
        for found in properties(resources, kind).values():
            assert (f'"{name}": {{"Ref": "KmsKeyArn"}}' in json.dumps(found)) is used, found


def test_every_role_that_reads_or_writes_data_may_use_the_key(template: Template) -> None:
    resources = with_options(template, KmsKeyArn=KEY)
    kinds = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
    roles = [{"Ref": f"{name}Role"} for name, resource in resources.items() if resource["Type"] in kinds]
    assert resources["UseKeyPolicy"]["Properties"]["Roles"] == roles


def test_the_roles_that_read_recordings_may_decrypt_them(template: Template) -> None:
    policy = with_options(template, MediaKmsKeyArn=KEY)["DecryptMediaPolicy"]["Properties"]
    readers = {name.removesuffix("Role") for name in (role["Ref"] for role in policy["Roles"])}
    assert readers == {"SubmitTranscriptionFunction", "TranscribeAudioFunction", "BackfillUploadsFunction"}
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", {"Ref": "MediaKmsKeyArn"})


MORE = {"Fn::Sub": ",${MoreMediaBucketArns}"}


def test_further_buckets_send_their_uploads_and_can_be_read(template: Template) -> None:
    resources = with_options(template, MoreMediaBucketArns="arn:aws:s3:::one,arn:aws:s3:::two", MediaKeyPattern="a/*")
    [rule] = properties(resources, "AWS::Events::Rule").values()
    own = {"Fn::Sub": ["arn:${AWS::Partition}:s3:::${Bucket}${More}", {"Bucket": {"Ref": "MediaBucket"}, "More": MORE}]}
    assert rule["EventPattern"]["resources"] == {"Fn::Split": [",", own]}
    assert "ReadMoreMediaPolicy" in resources
    [without] = properties(with_options(template), "AWS::Events::Rule").values()
    assert without["EventPattern"]["resources"]["Fn::Split"][1]["Fn::Sub"][1]["More"] == ""


def test_a_key_pattern_filters_uploads(template: Template) -> None:
    rule = with_options(template, MediaKeyPattern="calls/*.wav")["MediaUploadedRule"]["Properties"]
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"wildcard": {"Ref": "MediaKeyPattern"}}]}
    assert "detail" not in with_options(template)["MediaUploadedRule"]["Properties"]["EventPattern"]


def test_a_stack_with_existing_data_creates_neither_buckets_nor_a_table(template: Template) -> None:
    resources = with_options(
        template, ExistingMediaBucketName="m", ExistingResultsBucketName="r", ExistingJobsTableName="j"
    )
    created = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::Table"}
    assert not [name for name, resource in resources.items() if resource["Type"] in created]
    text = json.dumps(resources)
    for name in ("MediaBucket", "ResultsBucket", "JobsTable"):
        assert f'"{name}"' not in text, f"{name} is referred to although it is not created"
        assert f"${{{name}" not in text, name


def test_old_versions_and_delete_markers_are_removed(template: Template) -> None:
    for name, bucket in properties(with_options(template), "AWS::S3::Bucket").items():
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        assert set(rules) == {"abort-uploads", "delete-old-versions"}, name
        assert rules["delete-old-versions"]["ExpiredObjectDeleteMarker"] is True
        old = rules["delete-old-versions"]["NoncurrentVersionExpiration"]
        assert old == {"NoncurrentDays": {"Ref": "NoncurrentVersionDays"}}
    expiring = with_options(template, MediaExpiryDays="90", ResultsExpiryDays="365")
    for name, parameter in (("MediaBucket", "MediaExpiryDays"), ("ResultsBucket", "ResultsExpiryDays")):
        rules_ = expiring[name]["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rules_[-1] == {"Id": "expire", "Status": "Enabled", "ExpirationInDays": {"Ref": parameter}}


@pytest.mark.parametrize(
    ("email", "topic", "told"),
    [
        ("", "", []),
        ("you@example.com", "", [{"Ref": "AlarmTopic"}]),
        ("", TOPIC, [{"Ref": "AlarmTopicArn"}]),
        ("you@example.com", TOPIC, [{"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]),
    ],
)
def test_alarms_go_to_the_address_and_to_the_topic(
    template: Template, email: str, topic: str, told: list[dict[str, str]]
) -> None:
    resources = with_options(template, AlarmEmail=email, AlarmTopicArn=topic, DetailedAlarms="true")
    assert ("AlarmTopic" in resources) == bool(email)
    for name, alarm in alarms(resources).items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == told, name


def test_a_first_deployment_raises_no_alarm(template: Template) -> None:
    """CloudWatch evaluates a new alarm before its metric has a value."""
    for name, alarm in alarms(with_options(template, **OPTIONS)).items():
        assert alarm["TreatMissingData"] != "breaching", name


def test_a_loop_that_does_not_run_notifies(template: Template) -> None:
    alarm = with_options(template, AlarmTopicArn=TOPIC)["LoopStoppedAlarm"]["Properties"]
    assert (alarm["TreatMissingData"], alarm["InsufficientDataActions"]) == ("missing", alarm["AlarmActions"])


def test_detailed_alarms_report_each_cause(template: Template) -> None:
    without, every = alarms(with_options(template)), alarms(with_options(template, DetailedAlarms="true"))
    added = {(alarm["Namespace"], alarm["MetricName"]) for name, alarm in every.items() if name not in without}
    assert added == {
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/States", "ExecutionsTimedOut"),
        ("AWS/Events", "InvocationsFailedToBeSentToDlq"),
        ("AWS/Scheduler", "TargetErrorCount"),
    }
    billed = f"{(len(every) - len(without)) * 0.10:.2f} USD"
    assert billed in template["Parameters"]["DetailedAlarms"]["Description"]


def test_tracing_covers_the_state_machines(template: Template) -> None:
    for value, enabled in (("Active", True), ("Disabled", False)):
        resources = with_options(template, Tracing=value)
        for machine in properties(resources, "AWS::Serverless::StateMachine").values():
            assert machine["Tracing"] == {"Enabled": enabled}
        assert ("TraceStateMachinesPolicy" in resources) is enabled


def test_the_console_shows_every_parameter_once(template: Template) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    shown = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(shown) == sorted(template["Parameters"])
    assert set(interface["ParameterLabels"]) <= set(template["Parameters"])
