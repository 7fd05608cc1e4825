"""The template names existing files, has the parameters and outputs of docs/architecture.md#fixed-interfaces, and
creates safe resources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashscribe.adapters.dynamodb import job_records
from tests.template.conftest import with_options

Resources = dict[str, dict[str, Any]]

PARAMETER_DEFAULTS = {
    "DashScopeBaseUrl": "https://dashscope-intl.aliyuncs.com",
    "DashScopeWorkspaceId": "",
    "DefaultModel": "fun-asr",
    "Outputs": "txt,srt,vtt,html",
    "MaxFilesPerTask": 100,
    "SubmitRequestsPerSecond": 0,
    "QueryRequestsPerSecond": 20,
    "BackfillFilesPerSecond": 5,
    "InventoryBucketName": "",
    "PresignExpirySeconds": 43200,
    "ResultHostAllowList": "aliyuncs.com",
    "ExistingMediaBucketName": "",
    "AlarmEmail": "",
    "LogRetentionDays": 30,
    "Architecture": "arm64",
}
OUTPUTS = {
    "MediaBucketName": "MediaBucket",
    "ResultsBucketName": "ResultsBucket",
    "EventBusName": "EventBus",
    "JobsTableName": "JobsTable",
    "ApiKeySecretArn": "ApiKeySecret",
    "SubmitQueueUrl": "SubmitQueue",
    "SubmitDeadLetterQueueUrl": "SubmitDeadLetterQueue",
    "PollTasksStateMachineArn": "PollTasksStateMachine",
    "BackfillStateMachineArn": "BackfillStateMachine",
    "SubmitTranscriptionFunctionName": "SubmitTranscriptionFunction",
    "PollTasksFunctionName": "PollTasksFunction",
    "FinalizeTranscriptionFunctionName": "FinalizeTranscriptionFunction",
}
"""Each output → the resource that its value refers to."""


def references(node: object) -> Iterator[str]:
    """Every name to which a part of the template refers."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref" or (key == "Condition" and isinstance(value, str)):
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            elif key == "Fn::If":
                yield value[0]
                yield from references(value[1:])
            elif key == "Fn::Sub":
                text, own = (value, {}) if isinstance(value, str) else (value[0], value[1])
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text) if name not in own)
                yield from references(own)
            else:
                yield from references(value)


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    found = {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


# names


def test_every_reference_names_something_that_is_defined(template: dict[str, Any], resources: Resources) -> None:
    generated = {
        f"{name}Role" for name, resource in resources.items() if resource["Type"].startswith("AWS::Serverless")
    }
    generated |= {
        f"{name}{event}"
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {})
    }
    defined = {*template["Parameters"], *template["Conditions"], *resources, *generated}
    unknown = {name for name in references(template) if not name.startswith("AWS::")} - defined
    assert unknown == set()


def test_every_parameter_is_used(template: dict[str, Any]) -> None:
    sections = [value for name, value in template.items() if name not in ("Parameters", "Metadata", "Outputs")]
    assert set(template["Parameters"]) - set(references(sections)) == set()


def test_every_condition_is_used(template: dict[str, Any], resources: Resources) -> None:
    assert set(template["Conditions"]) - set(references([template["Globals"], resources, template["Outputs"]])) == set()


def test_every_documented_parameter_has_its_default(template: dict[str, Any]) -> None:
    defaults = {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
    assert {name: defaults.get(name) for name in PARAMETER_DEFAULTS} == PARAMETER_DEFAULTS


def test_every_parameter_has_a_description_and_a_default_and_every_number_has_bounds(template: dict[str, Any]) -> None:
    faults = []
    for name, parameter in template["Parameters"].items():
        if not parameter.get("Description", "").strip():
            faults.append(f"{name} has no description")
        if "Default" not in parameter:
            faults.append(f"{name} has no default")
        if parameter["Type"] == "Number" and not {"MinValue", "AllowedValues"} & set(parameter):
            faults.append(f"{name} accepts any number")
    assert faults == []


def test_the_functions_run_on_both_architectures_of_lambda(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://dashscope-intl.aliyuncs.com", True),
        ("https://ws-1.ap-southeast-1.maas.aliyuncs.com", True),
        ("http://127.0.0.1:8123", True),
        ("http://localhost", True),
        ("http://dashscope-intl.aliyuncs.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost:80/", False),
        ("http://[::1]:8123", True),
        ("https://dashscope-intl.aliyuncs.com/", False),
        ("https://dashscope-intl.aliyuncs.com/api/v1", False),
        ("dashscope-intl.aliyuncs.com", False),
        ("https://user@dashscope-intl.aliyuncs.com", False),
        ("", False),
    ],
)
def test_the_base_url_is_a_scheme_and_a_host_only(template: dict[str, Any], url: str, fits: bool) -> None:
    pattern = template["Parameters"]["DashScopeBaseUrl"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, url)) is fits


def test_every_documented_output_refers_to_its_resource(template: dict[str, Any]) -> None:
    outputs = template["Outputs"]
    wrong = {name: target for name, target in OUTPUTS.items() if target not in references(outputs.get(name, {}))}
    assert wrong == {}
    assert [name for name, output in outputs.items() if not output.get("Description")] == []


def test_the_output_of_the_secret_is_its_arn_on_the_local_stack_too(template: dict[str, Any]) -> None:
    """`!Ref` of a secret returns its name there."""
    assert template["Outputs"]["ApiKeySecretArn"]["Value"] == {"Fn::GetAtt": ["ApiKeySecret", "Id"]}


def test_no_arn_names_a_partition(root: Path) -> None:
    """`arn:aws:` is wrong in the partitions aws-cn and aws-us-gov."""
    for path in [root / "template.yaml", *(root / "statemachines").iterdir()]:
        assert re.findall(r"arn:aws[a-z-]*:", path.read_text()) == [], path.name


# files


def test_every_folder_and_file_that_the_template_names_exists(root: Path, resources: Resources) -> None:
    named = {
        (name, key, resource["Properties"][key])
        for name, resource in resources.items()
        for key in ("CodeUri", "ContentUri", "DefinitionUri")
        if key in resource.get("Properties", {})
    }
    assert len(named) >= 6
    assert [entry for entry in sorted(named) if not (root / entry[2]).exists()] == []


def test_every_function_has_the_handler_that_the_globals_name(
    root: Path, template: dict[str, Any], functions: Resources
) -> None:
    module, _, handler = template["Globals"]["Function"]["Handler"].partition(".")
    for properties in functions.values():
        assert "Handler" not in properties
        tree = ast.parse((root / properties["CodeUri"] / f"{module}.py").read_text())
        assert handler in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_every_function_folder_is_deployed_under_its_own_name(root: Path, functions: Resources) -> None:
    folders = {path.parent.name for path in (root / "functions").glob("*/app.py")}
    assert {name: f"functions/{folder}" for folder in folders for name in [camel(folder) + "Function"]} == {
        name: properties["CodeUri"] for name, properties in functions.items()
    }


def camel(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_"))


def test_a_layer_built_by_make_has_its_target(root: Path, resources: Resources) -> None:
    layers = of_type(resources, "AWS::Serverless::LayerVersion")
    made = [name for name in layers if resources[name]["Metadata"]["BuildMethod"] == "makefile"]
    assert made
    for name in made:
        assert f"build-{name}:" in (root / layers[name]["ContentUri"] / "Makefile").read_text()


# resources


def test_every_function_has_a_log_group_with_a_retention(resources: Resources, functions: Resources) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    for name, function in functions.items():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_a_log_group_exists_before_what_writes_to_it(resources: Resources) -> None:
    """A function that runs first would create the group, without a retention."""
    for name, group in of_type(resources, "AWS::Logs::LogGroup").items():
        assert set(references(group)) & set(resources) == set(), name


def test_every_log_group_has_a_retention(resources: Resources) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert [name for name, group in groups.items() if "RetentionInDays" not in group] == []


def test_every_state_machine_logs_to_a_log_group_of_the_stack(resources: Resources) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    for properties in of_type(resources, "AWS::Serverless::StateMachine").values():
        [destination] = properties["Logging"]["Destinations"]
        assert destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0] in groups
        assert properties["Logging"]["Level"] != "OFF"


def assert_kept(resource: dict[str, Any]) -> None:
    """The data outlives the stack, except a first deployment that fails."""
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_every_bucket_is_encrypted_versioned_private_and_retained(resources: Resources) -> None:
    for name, bucket in of_type(resources, "AWS::S3::Bucket").items():
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(blocks, True), name
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}, name
        assert_kept(resources[name])


def test_every_bucket_refuses_plain_http(resources: Resources) -> None:
    refusing = {
        policy["Bucket"]["Ref"]
        for policy in of_type(resources, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Action"] == "s3:*"
        and statement["Condition"]["Bool"] == {"aws:SecureTransport": "false"}
    }
    assert refusing == set(of_type(resources, "AWS::S3::Bucket"))


def test_no_resource_policy_allows_every_principal(resources: Resources) -> None:
    public = [
        (name, statement)
        for name, resource in resources.items()
        for statement in resource.get("Properties", {}).get("PolicyDocument", {}).get("Statement", [])
        if statement["Effect"] == "Allow" and statement.get("Principal") in ("*", {"AWS": "*"})
    ]
    assert public == []


def test_every_upload_to_the_media_bucket_becomes_a_message_in_the_submit_queue(resources: Resources) -> None:
    notifications = resources["MediaBucket"]["Properties"]["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rule = resources["MediaUploadedRule"]["Properties"]
    assert rule["EventPattern"]["source"] == ["aws.s3"]
    assert rule["EventPattern"]["detail-type"] == ["Object Created", "Object Restore Completed"]
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["SubmitQueue", "Arn"]}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["SubmitDeadLetterQueue", "Arn"]}


def test_the_table_is_on_demand_expires_records_and_can_be_restored(
    template: dict[str, Any], resources: Resources
) -> None:
    table = with_options(template)["JobsTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert_kept(resources["JobsTable"])


def test_the_table_has_the_keys_and_the_index_that_the_adapter_uses(resources: Resources) -> None:
    """tests/integration/adapters/conftest.py creates the same table."""
    table = resources["JobsTable"]["Properties"]
    indexed = ["received_at", "accepted_at", "model", "phase", "task_id", "files"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert table["GlobalSecondaryIndexes"] == [
        {
            "IndexName": job_records.DUE_INDEX,
            "KeySchema": [
                {"AttributeName": "due_kind", "KeyType": "HASH"},
                {"AttributeName": "due_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": indexed},
        }
    ]
    assert {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]} == {
        "pk": "S",
        "due_kind": "S",
        "due_at": "S",
    }


@pytest.mark.parametrize("key", ["", "arn:aws:kms:us-east-1:123456789012:key/k"])
def test_every_queue_is_encrypted_and_keeps_messages_for_14_days(template: dict[str, Any], key: str) -> None:
    for name, queue in of_type(with_options(template, KmsKeyArn=key), "AWS::SQS::Queue").items():
        assert queue.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in queue, name
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600, name


def test_a_message_that_fails_every_time_goes_to_the_dead_letter_queue(resources: Resources) -> None:
    for name in ("SubmitQueue", "SynchronousQueue"):
        redrive = resources[name]["Properties"]["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["SubmitDeadLetterQueue", "Arn"]}, name


def test_only_the_failed_messages_of_a_batch_return_to_the_queue(functions: Resources) -> None:
    event = functions["SubmitTranscriptionFunction"]["Events"]["SubmitQueue"]["Properties"]
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_an_update_of_the_stack_never_overwrites_the_key_or_the_profiles(
    template: dict[str, Any], resources: Resources, functions: Resources
) -> None:
    """CloudFormation writes a literal value again whenever another property of its resource changes, a tag even."""
    assert set(resources["ApiKeySecret"]["Properties"]) <= {"Description", "KmsKeyId"}
    assert not [name for name, resource in resources.items() if resource["Type"] == "AWS::SSM::Parameter"]
    named = {"Fn::Sub": "/${AWS::StackName}/profiles"}
    assert template["Outputs"]["ProfilesParameterName"]["Value"] == named
    for name in ("SubmitTranscriptionFunction", "TranscribeAudioFunction"):
        assert functions[name]["Environment"]["Variables"]["PROFILES_PARAMETER_NAME"] == named


def test_every_alarm_notifies_the_operator(resources: Resources) -> None:
    for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items():
        assert "AlarmTopic" in references(alarm.get("AlarmActions")), name
        assert alarm["AlarmDescription"], name


def test_every_alarm_on_our_metrics_names_a_metric_that_its_function_emits(
    root: Path, template: dict[str, Any], resources: Resources, functions: Resources
) -> None:
    namespace: dict[str, str] = template["Globals"]["Function"]["Environment"]["Variables"][
        "POWERTOOLS_METRICS_NAMESPACE"
    ]
    folder_of = {
        properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: properties["CodeUri"]
        for properties in functions.values()
    }
    alarms = [
        alarm for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values() if alarm.get("Namespace") == namespace
    ]
    assert namespace == {"Fn::Sub": "dashscribe/${AWS::StackName}"}, "two stacks would share their metrics"
    assert alarms
    for alarm in alarms:
        [dimension] = alarm["Dimensions"]
        assert dimension["Name"] == "service"
        source = (root / folder_of[dimension["Value"]] / "app.py").read_text()
        assert f'"{alarm["MetricName"]}"' in source


def test_the_queue_of_the_synchronous_models_is_not_polled_before_the_submit_function_enables_its_mapping(
    resources: Resources,
) -> None:
    event = resources["TranscribeAudioFunction"]["Properties"]["Events"]["SynchronousQueue"]["Properties"]
    assert event["Enabled"] is False
    submit = resources["SubmitTranscriptionFunction"]["Properties"]
    mapping = {"Ref": "TranscribeAudioFunctionSynchronousQueue"}
    assert submit["Environment"]["Variables"]["SYNCHRONOUS_MAPPING_ID"] == mapping
    submit_event = submit["Events"]["SubmitQueue"]["Properties"]
    assert submit_event.get("Enabled", True) is True
