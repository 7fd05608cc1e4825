"""`make smoke STACK=…`: a whole run in an AWS account, from the deployment of a new stack to its removal.

It costs a few cents, and asks first. Every step is reported; after an error the stack is still removed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cli.checks import OK, inspect
from cli.stack import describe_stack
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.transcripts.result_files import results_of
from dashscribe.services.upload_events import backfill_event
from local import backfill, redrive
from local.alarm_queue import alarm_queue
from local.processes import StackError
from local.stack import LOCAL, ROOT, deploy
from local.target import Target

SAMPLES = ("morning-walk.wav", "meeting.mp3", "family.mp4")
STATE_MACHINES = {"poll_tasks.asl.json": "EXPRESS", "backfill.asl.json": "STANDARD"}
TRANSCRIPT_SECONDS = 600
MESSAGE_SECONDS = 120
DELETION_SECONDS = 900
BACKFILL_PREFIX = "smoke/backfill/"


@dataclass
class Report:
    """The steps in their order, each with what it found; what the removed stack left behind; what the run cost."""

    steps: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    billed_seconds: int = 0
    cost_usd: float = 0.0


class Smoke:
    """One run. `environment` is that of `sam deploy`; `client` makes the boto3 clients of the same account."""

    def __init__(
        self,
        stack_name: str,
        client: Callable[[str], Any],
        environment: Mapping[str, str],
        template: Path,
        api_key: str,
        parameters: Mapping[str, str],
        say: Callable[[str], None] = print,
    ) -> None:
        self.stack_name = stack_name
        self.client = client
        self.report = Report()
        self._environment = environment
        self._template = template
        self._api_key = api_key
        self._parameters = dict(parameters)
        self._say = say
        self._target: Target | None = None
        self._keys: list[str] = []
        self._resources: list[dict[str, str]] = []

    def run(self) -> Report:
        """Run every step. A step that fails is reported; without a deployed stack the steps on it are left out."""
        if _exists(self.client, self.stack_name):
            raise StackError(f"There is a stack {self.stack_name!r} already. Name a new one: it is removed at the end.")
        self._step("state machines", self.validate_state_machines)
        with alarm_queue(self.client, f"{self.stack_name}-smoke") as (topic, queue):
            self._parameters["AlarmTopicArn"] = topic
            try:
                if self._step("deployment", self.deploy):
                    self._step("three uploads", self.upload)
                    self._step("backfill", self.backfill)
                    self._step("redrive", self.redrive)
                    self._step("doctor", self.doctor)
                    self._step("alarm", lambda: self.alarm(queue))
            finally:
                self._step("costs", self.count_costs)
                self._step("removal", self.remove)
        return self.report

    def _step(self, name: str, action: Callable[[], str]) -> bool:
        started = time.monotonic()
        try:
            found = action()
        except Exception as error:  # noqa: BLE001 - the other steps, and above all the removal, must run
            self.report.failed[name] = f"{type(error).__name__}: {error}"
            self._say(f"FAILED  {name}: {self.report.failed[name]}")
            return False
        self.report.steps[name] = found
        self._say(f"ok      {name}: {found} ({time.monotonic() - started:.0f} s)")
        return True

    # steps

    def validate_state_machines(self) -> str:
        """AWS checks the definitions; each substitution is replaced by a name of the right shape."""
        steps = self.client("stepfunctions")
        for file, kind in STATE_MACHINES.items():
            text = _substituted((ROOT / "statemachines" / file).read_text())
            reply = steps.validate_state_machine_definition(definition=text, type=kind)
            if reply["result"] != "OK":
                raise StackError(f"{file}: {json.dumps(reply['diagnostics'])}")
        return f"{len(STATE_MACHINES)} definitions are valid"

    def deploy(self) -> str:
        log = LOCAL / "smoke" / "sam-deploy.log"
        deploy(self._template, self.stack_name, self._parameters, self._environment, log)
        self._target = Target.of_stack(self.client, self.stack_name)
        secret = self._deployed.output("ApiKeySecretArn")
        self.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=self._api_key)
        listed = self.client("cloudformation").describe_stack_resources(StackName=self.stack_name)["StackResources"]
        self._resources = [{name: str(value) for name, value in each.items()} for each in listed]
        return f"{len(self._resources)} resources"

    def upload(self) -> str:
        keys = [f"smoke/{name}" for name in SAMPLES]
        for key in keys:
            self._put(key)
        return self._transcribed(keys)

    def backfill(self) -> str:
        key = f"{BACKFILL_PREFIX}{SAMPLES[0]}"
        with self._rule_disabled():
            self._put(key)
        status, counts = backfill.run(self._deployed, backfill.request_of(BACKFILL_PREFIX), self._say)
        if status or counts["queued"] != 1:
            raise StackError(f"The backfill queued {counts.get('queued')} recordings instead of 1.")
        return self._transcribed([key])

    def redrive(self) -> str:
        """An upload whose event is in the dead-letter queue, where EventBridge puts what it cannot deliver."""
        key = f"smoke/redrive/{SAMPLES[0]}"
        with self._rule_disabled():
            media = self._put(key)
        self.client("sqs").send_message(
            QueueUrl=self._deployed.output("SubmitDeadLetterQueueUrl"),
            MessageBody=backfill_event(media, datetime.now(UTC)).model_dump_json(by_alias=True, exclude_none=True),
        )
        if redrive.run(self._deployed, say=self._say):
            raise StackError("Messages in the dead-letter queue can never be processed.")
        return self._transcribed([key])

    def doctor(self) -> str:
        stack = describe_stack(self.client, self.stack_name)
        wrong = [f"{each.check}: {each.finding}" for each in inspect(stack) if each.status != OK]
        if wrong:
            raise StackError("; ".join(wrong))
        return "nothing is wrong"

    def alarm(self, queue: str) -> str:
        name = self._physical_id("DeadLetterAlarm")
        self.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="make smoke")
        until = time.monotonic() + MESSAGE_SECONDS
        while time.monotonic() < until:
            received = self.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
            if any(name in message["Body"] for message in received):
                return "it reached the topic"
        raise StackError(f"The alarm {name} did not reach the topic within {MESSAGE_SECONDS} s.")

    def count_costs(self) -> str:
        for key in self._keys:
            usage = (self._report_of(key) or {}).get("usage") or {}
            self.report.billed_seconds += usage.get("billed_seconds") or 0
            self.report.cost_usd += usage.get("estimated_cost_usd") or 0.0
        return f"DashScope bills {self.report.billed_seconds} s, about {self.report.cost_usd:.4f} USD by list price"

    def remove(self) -> str:
        """Delete the stack and list what is still there: what the template keeps, and what it should not keep."""
        formation = self.client("cloudformation")
        formation.delete_stack(StackName=self.stack_name)
        until = time.monotonic() + DELETION_SECONDS
        while _exists(self.client, self.stack_name):
            if _status(self.client, self.stack_name) == "DELETE_FAILED" or time.monotonic() > until:
                raise StackError(f"The stack {self.stack_name} was not deleted. Read its events.")
            time.sleep(2)
        self.report.left = [
            f"{resource['ResourceType']} {resource['PhysicalResourceId']}"
            for resource in self._resources
            if self._is_left(resource["ResourceType"], resource["PhysicalResourceId"])
        ]
        return f"{len(self.report.left)} resources are left"

    # helpers of the steps

    @property
    def _deployed(self) -> Target:
        if self._target is None:
            raise StackError("The stack is not deployed.")
        return self._target

    def _physical_id(self, logical_id: str) -> str:
        return next(each["PhysicalResourceId"] for each in self._resources if each["LogicalResourceId"] == logical_id)

    def _put(self, key: str) -> Media:
        bucket, body = self._deployed.output("MediaBucketName"), (ROOT / "local/samples" / Path(key).name).read_bytes()
        reply = self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        self._keys.append(key)
        etag, version = reply["ETag"].strip('"'), reply.get("VersionId")
        return Media(bucket=bucket, key=key, version_id=version, etag=etag, size_bytes=len(body))

    def _transcribed(self, keys: list[str]) -> str:
        until = time.monotonic() + TRANSCRIPT_SECONDS
        reports: dict[str, dict[str, Any] | None] = {}
        while time.monotonic() < until:
            reports = {key: self._report_of(key) for key in keys}
            failed = [f"{key}: {found['error']}" for key, found in reports.items() if found and found.get("error")]
            if failed:
                raise StackError("; ".join(failed))
            if all(reports.values()):
                return f"{len(keys)} transcripts"
            time.sleep(2)
        missing = ", ".join(key for key, found in reports.items() if not found)
        raise StackError(f"No transcript within {TRANSCRIPT_SECONDS} s: {missing}. Run dashscribe doctor.")

    def _report_of(self, key: str) -> dict[str, Any] | None:
        """`job.json` of the newest job of a key."""
        s3, bucket = self.client("s3"), self._deployed.output("ResultsBucketName")
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=results_of(key)).get("Contents", []):
            if entry["Key"].endswith("/job.json"):
                found: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
                return found
        return None

    @contextmanager
    def _rule_disabled(self) -> Iterator[None]:
        """Uploads cause no message. EventBridge may take a moment to apply it."""
        events, name = self.client("events"), self._physical_id("MediaUploadedRule")
        events.disable_rule(Name=name)
        time.sleep(5)
        try:
            yield
            time.sleep(5)
        finally:
            events.enable_rule(Name=name)

    def _is_left(self, kind: str, name: str) -> bool:
        """Whether a resource of the removed stack still exists. Only types that can be left behind are queried."""
        queries: dict[str, Callable[[], object]] = {
            "AWS::S3::Bucket": lambda: self.client("s3").head_bucket(Bucket=name),
            "AWS::DynamoDB::Table": lambda: self.client("dynamodb").describe_table(TableName=name),
            "AWS::SQS::Queue": lambda: self.client("sqs").get_queue_attributes(QueueUrl=name),
            "AWS::Lambda::Function": lambda: self.client("lambda").get_function(FunctionName=name),
            "AWS::IAM::Role": lambda: self.client("iam").get_role(RoleName=name),
            "AWS::Logs::LogGroup": lambda: self._find_log_group(name),
        }
        if kind not in queries:
            return False
        try:
            queries[kind]()
        except (ClientError, LookupError):
            return False
        return True

    def _find_log_group(self, name: str) -> None:
        found = self.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if name not in [group["logGroupName"] for group in found]:
            raise LookupError(name)


def _substituted(definition: str) -> str:
    """A definition with a value of the right shape for each `${…}`, because AWS checks ARNs and names."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:name"
    for name, value in (("Partition", "aws"), ("FunctionArn", arn)):
        definition = definition.replace(f"${{{name}}}", value)
    parts = definition.split("${")
    rest = [part.partition("}") for part in parts[1:]]
    return parts[0] + "".join((arn if name.endswith("Arn") else "name") + after for name, _, after in rest)


def _exists(client: Callable[[str], Any], stack_name: str) -> bool:
    return _status(client, stack_name) not in ("", "DELETE_COMPLETE")


def _status(client: Callable[[str], Any], stack_name: str) -> str:
    try:
        [stack] = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return ""
        raise
    return str(stack["StackStatus"])


def command(stack_name: str, parameters: Mapping[str, str], confirm: Callable[[str], bool]) -> int:
    """`make smoke`: 0 when every step went well, 1 when one failed or nothing was confirmed."""
    import boto3

    api_key = os.environ.get("DASHSCOPE_API_KEY", "")
    if not stack_name or not api_key:
        raise StackError("Write: DASHSCOPE_API_KEY=sk-… make smoke STACK=a-new-name. The stack is removed at the end.")
    client: Callable[[str], Any] = boto3.Session().client  # type: ignore[assignment]  # the stubs want literals
    account = client("sts").get_caller_identity()["Account"]
    if not confirm(f"Deploy {stack_name} to the account {account}, transcribe 5 recordings (0.05 USD), and remove it?"):
        print("Nothing was deployed. To do it without a question, add YES=1 to the command.")
        return 1
    template = ROOT / ".aws-sam" / "build" / "template.yaml"
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    return show(Smoke(stack_name, client, environment, template, api_key, parameters).run())


def show(report: Report) -> int:
    if report.left:
        print("Left behind, because they hold data:")
        for resource in report.left:
            print(f"  {resource}")
        print("To delete them: docs/operations/remove.md. Secrets Manager keeps the secret for its recovery window.")
    print(
        f"Costs: {report.cost_usd:.4f} USD for DashScope by list price. AWS bills less than 0.05 USD for such a run; "
        "Cost Explorer shows it a day later."
    )
    print(f"{len(report.steps)} steps went well, {len(report.failed)} failed: {', '.join(report.failed) or 'none'}")
    return 1 if report.failed else 0
