"""`dashscribe doctor` on a stack that moto holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli import checks
from cli.__main__ import main
from cli.checks import OK, PROBLEM, UNKNOWN, Finding, inspect
from cli.notifications import read_notifications, switch_on_events
from cli.stack import Stack
from dashscribe.adapters.dynamodb.pause_store import DynamoDbPauseStore
from dashscribe.domain.jobs.pause import Pauses, start_pause
from tests.support.table import create_jobs_table

REGION = "us-east-1"
FUNCTIONS = {"SubmitTranscriptionFunctionName": "submit", "TranscribeAudioFunctionName": "transcribe"}


class S3:
    """moto's S3, with notifications as AWS stores them: moto 5.2 does not return EventBridgeConfiguration."""

    def __init__(self) -> None:
        self._client = boto3.client("s3")
        self.stored: dict[str, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_bucket_notification_configuration(self, Bucket: str) -> dict[str, Any]:  # noqa: N803  # boto3's own name
        return {**self.stored.get(Bucket, {}), "ResponseMetadata": {"HTTPStatusCode": 200}}

    def put_bucket_notification_configuration(
        self,
        Bucket: str,  # noqa: N803
        NotificationConfiguration: dict[str, Any],  # noqa: N803
        SkipDestinationValidation: bool,  # noqa: N803
    ) -> None:
        assert SkipDestinationValidation
        self.stored[Bucket] = NotificationConfiguration


class DeployedStack:
    """A healthy stack. CloudFormation, Lambda and S3's notifications are stand-ins; moto has the other services."""

    def __init__(self) -> None:
        self.s3 = S3()
        self.status = "UPDATE_COMPLETE"
        self.parameters: dict[str, str] = {"MoreMediaBucketArns": ""}
        self.outputs = self._deployed()
        self.mapping_states = dict.fromkeys(FUNCTIONS.values(), "Enabled")

    def _deployed(self) -> dict[str, str]:
        sqs = boto3.client("sqs")
        for bucket in ("media", "results"):
            self.s3.create_bucket(Bucket=bucket)
        switch_on_events(self.s3, "media")
        urls = {
            f"{name}Url": sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in ("SubmitQueue", "SynchronousQueue", "SubmitDeadLetterQueue")
        }
        create_jobs_table(boto3.client("dynamodb"), "jobs")
        secret = boto3.client("secretsmanager").create_secret(Name="key", SecretString="sk-secret-value")
        boto3.client("events").put_rule(Name="rule", EventPattern='{"source": ["aws.s3"]}')
        scheduler: Any = boto3.client("scheduler")
        scheduler.create_schedule_group(Name="group")
        scheduler.create_schedule(
            Name="schedule",
            GroupName="group",
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:m", "RoleArn": "arn:aws:iam::1:role/r"},
        )
        return {
            **urls,
            **FUNCTIONS,
            "MediaBucketName": "media",
            "ResultsBucketName": "results",
            "JobsTableName": "jobs",
            "ApiKeySecretArn": secret["ARN"],
            "ProfilesParameterName": "/mine/profiles",
        }

    def client(self, service: str) -> Any:
        if service == "s3":
            return self.s3
        if service == "cloudformation":
            names = {"MediaUploadedRule": "rule", "EveryMinuteSchedule": "schedule", "ScheduleGroup": "group"}
            return SimpleNamespace(
                meta=SimpleNamespace(region_name=REGION),
                describe_stacks=lambda StackName: {"Stacks": [self.description]},  # noqa: N803  # boto3's own name
                describe_stack_resource=lambda StackName, LogicalResourceId: {  # noqa: N803
                    "StackResourceDetail": {"PhysicalResourceId": names[LogicalResourceId]}
                },
            )
        if service == "lambda":
            return SimpleNamespace(
                list_event_source_mappings=lambda FunctionName: {  # noqa: N803
                    "EventSourceMappings": [{"UUID": "u", "State": self.mapping_states[FunctionName]}]
                }
            )
        client: Any = boto3.client(service)  # type: ignore[call-overload]  # the stubs want a literal
        return client

    @property
    def description(self) -> dict[str, Any]:
        return {
            "StackStatus": self.status,
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()],
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()],
        }

    def findings(self) -> dict[str, list[Finding]]:
        stack = Stack("mine", REGION, self.status, self.client, self.outputs, self.parameters)
        found: dict[str, list[Finding]] = {}
        for finding in inspect(stack):
            found.setdefault(finding.check, []).append(finding)
        return found

    def wrong(self) -> dict[str, Finding]:
        """What is not as it should be, by check. One finding a check."""
        return {name: each for name, found in self.findings().items() for each in found if each.status != OK}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DeployedStack]:
    monkeypatch.chdir(tmp_path)  # no local stack is there
    with mock_aws():
        yield DeployedStack()


@pytest.fixture
def doctor(
    deployed: DeployedStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run the command on the deployed stack, and return its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["doctor", "--stack", "mine", "--region", REGION, *arguments])
        return code, "".join(capsys.readouterr())

    class Session(boto3.Session):  # moto asks a session for the regions of a service
        def client(self, service_name: str, **_: object) -> Any:  # type: ignore[override]
            return deployed.client(service_name)

    monkeypatch.setattr(boto3, "Session", Session)
    return run


def test_a_healthy_stack_has_nothing_wrong(deployed: DeployedStack) -> None:
    found = deployed.findings()
    assert deployed.wrong() == {}
    assert {"loop", "pause"} | set(checks.CHECKS) == set(found)


def test_a_bucket_in_another_region_is_a_problem(deployed: DeployedStack) -> None:
    deployed.s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    switch_on_events(deployed.s3, "far")
    deployed.parameters["MoreMediaBucketArns"] = "arn:aws:s3:::far"
    finding = deployed.wrong()["bucket"]
    assert (finding.subject, finding.status) == ("s3://far", PROBLEM)
    assert "eu-central-1" in finding.finding
    assert finding.fix is not None


def refuse(s3: Any, operation: str, status: int, only_with: str = "") -> None:
    """From now on S3 refuses this operation, or only with this argument."""
    real = getattr(s3, operation)

    def refused(**arguments: Any) -> Any:
        if only_with and only_with not in arguments:
            return real(**arguments)
        raise ClientError(
            {"Error": {"Code": str(status), "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
            operation,
        )

    setattr(s3, operation, refused)


@pytest.mark.parametrize(
    ("status", "only_with", "text"),
    [
        (403, "ExpectedBucketOwner", "belongs to another account"),
        (403, "", "may belong to another account"),
        (404, "", "does not exist"),
    ],
)
def test_a_bucket_of_another_account_or_without_access_is_a_problem(
    deployed: DeployedStack, status: int, only_with: str, text: str
) -> None:
    refuse(deployed.s3, "head_bucket", status, only_with)
    finding = deployed.wrong()["bucket"]
    assert finding.status == PROBLEM
    assert text in finding.finding


def test_notifications_that_are_off_are_a_problem_and_switching_them_on_keeps_the_others(
    deployed: DeployedStack,
) -> None:
    theirs = {
        "QueueConfigurations": [{"Id": "theirs", "QueueArn": "arn:aws:sqs:::q", "Events": ["s3:ObjectRemoved:*"]}],
        "LambdaFunctionConfigurations": [{"Id": "too", "LambdaFunctionArn": "arn:aws:lambda:::f", "Events": []}],
    }
    deployed.s3.stored["media"] = theirs
    finding = deployed.wrong()["notifications"]
    assert (finding.subject, finding.status) == ("s3://media", PROBLEM)
    assert "--switch-on-events" in str(finding.fix)
    switch_on_events(deployed.s3, "media")
    assert deployed.wrong() == {}
    assert read_notifications(deployed.s3, "media") == {**theirs, "EventBridgeConfiguration": {}}


def test_notifications_that_another_process_changed_meanwhile_are_reported(deployed: DeployedStack) -> None:
    deployed.s3.get_bucket_notification_configuration = lambda Bucket: {}  # type: ignore[method-assign]  # noqa: N803
    with pytest.raises(ValueError, match="differ from what was written"):
        switch_on_events(deployed.s3, "media")


def test_a_missing_key_is_a_problem(deployed: DeployedStack) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId="key", SecretString="PLACEHOLDER")
    finding = deployed.wrong()["API key"]
    assert finding.status == PROBLEM
    assert "no API key yet" in finding.finding


def test_profiles_that_cannot_be_read_are_a_problem(deployed: DeployedStack) -> None:
    boto3.client("ssm").put_parameter(Name="/mine/profiles", Value="{", Type="String")
    assert deployed.wrong()["profiles"].status == PROBLEM


def test_a_pause_is_a_problem_with_its_reason(deployed: DeployedStack) -> None:
    store = DynamoDbPauseStore(boto3.client("dynamodb"), "jobs")
    pauses = start_pause(Pauses(), "Arrearage", "The account has no balance.", datetime.now(UTC))
    pauses = start_pause(pauses, "AccessDenied", "Access to model denied.", datetime.now(UTC), model="fun-asr")
    store.replace(Pauses(), pauses)
    finding = deployed.wrong()["pause"]
    assert finding.status == PROBLEM
    assert "Submissions of the account are paused" in finding.finding
    assert "Arrearage. The account has no balance." in finding.finding
    assert "Submissions with fun-asr are paused" in finding.finding


def test_a_record_that_is_overdue_shows_that_the_loop_does_not_run(deployed: DeployedStack) -> None:
    due = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    item = {"pk": {"S": "JOB#1"}, "due_kind": {"S": "JOB"}, "due_at": {"S": due}, "received_at": {"S": due}}
    boto3.client("dynamodb").put_item(TableName="jobs", Item=item)
    finding = deployed.wrong()["loop"]
    assert "30 minutes late" in finding.finding


def test_a_table_without_the_index_is_no_jobs_table(deployed: DeployedStack) -> None:
    boto3.client("dynamodb").create_table(
        TableName="other",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    deployed.outputs["JobsTableName"] = "other"
    assert "no index" in deployed.wrong()["table"].finding


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_disabled_event_source_mapping_is_a_problem(deployed: DeployedStack, state: str) -> None:
    deployed.mapping_states["submit"] = state
    finding = deployed.wrong()["event source mapping"]
    assert (finding.subject, finding.status) == ("submit", PROBLEM)
    assert "update-event-source-mapping --uuid u --enabled" in str(finding.fix)


def test_an_unused_queue_of_the_synchronous_models_need_not_be_polled(deployed: DeployedStack) -> None:
    deployed.mapping_states["transcribe"] = "Disabled"
    assert deployed.wrong() == {}
    boto3.client("sqs").send_message(QueueUrl=deployed.outputs["SynchronousQueueUrl"], MessageBody="x")
    finding = deployed.wrong()["event source mapping"]
    assert (finding.subject, finding.status) == ("transcribe", PROBLEM)


def test_a_disabled_rule_and_a_disabled_schedule_are_problems(deployed: DeployedStack) -> None:
    boto3.client("events").disable_rule(Name="rule")
    assert set(deployed.wrong()) == {"rule"}


def test_dead_letters_are_a_problem(deployed: DeployedStack) -> None:
    boto3.client("sqs").send_message(QueueUrl=deployed.outputs["SubmitDeadLetterQueueUrl"], MessageBody="x")
    assert "1 messages" in deployed.wrong()["dead letters"].finding


def test_old_messages_are_a_problem_and_young_ones_are_not(deployed: DeployedStack) -> None:
    boto3.client("sqs").send_message(QueueUrl=deployed.outputs["SubmitQueueUrl"], MessageBody="x")
    assert deployed.wrong() == {}
    boto3.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": "SubmitQueue"}],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
                "Value": 7200,
            }
        ],
    )
    assert "120 minutes old" in deployed.wrong()["old messages"].finding


def test_a_stack_whose_update_failed_is_a_problem(deployed: DeployedStack) -> None:
    deployed.status = "UPDATE_ROLLBACK_FAILED"
    assert set(deployed.wrong()) == {"stack"}


def test_what_may_not_be_read_is_unknown_and_the_other_checks_continue(deployed: DeployedStack) -> None:
    refuse(deployed.s3, "get_bucket_notification_configuration", 403)
    assert {name: each.status for name, each in deployed.wrong().items()} == {"notifications": UNKNOWN}


def test_the_command_prints_each_check_and_exits_with_0(doctor: Callable[..., tuple[int, str]]) -> None:
    code, text = doctor()
    assert code == 0
    assert "nothing is wrong" in text
    assert "sk-secret-value" not in text


def test_the_command_exits_with_1_and_prints_json_when_something_is_wrong(
    deployed: DeployedStack, doctor: Callable[..., tuple[int, str]]
) -> None:
    deployed.mapping_states["submit"] = "Disabled"
    code, text = doctor("--json")
    assert code == 1
    report = json.loads(text)
    assert (report["stack"], report["region"]) == ("mine", REGION)
    [wrong] = [each for each in report["checks"] if each["status"] != "ok"]
    assert wrong["check"] == "event source mapping"
    assert set(wrong) == {"check", "subject", "status", "finding", "fix"}


def test_notifications_are_switched_on_only_after_a_question(
    deployed: DeployedStack, doctor: Callable[..., tuple[int, str]]
) -> None:
    deployed.s3.stored.clear()
    code, text = doctor("--switch-on-events")
    assert (code, "--yes" in text) == (2, True)
    assert deployed.s3.stored == {}
    code, text = doctor("--switch-on-events", "--yes")
    assert code == 0, text
    assert deployed.s3.stored["media"] == {"EventBridgeConfiguration": {}}


def test_without_a_stack_the_command_says_what_to_name(
    deployed: DeployedStack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 2
    assert "--stack" in capsys.readouterr().err
