"""docs/security.md: every statement of every role, generated from template.yaml.

`python -m tests.template.policy_report` writes the page. A test fails if the page differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.template.conftest import ROOT, CloudFormationLoader

PAGE = ROOT / "docs" / "security.md"
REASONS = {
    "ReadMedia": "HEAD requests; the vendor downloads with the permissions of the role that signed the URL",
    "InspectMedia": "HEAD requests: the size, the type and the options of a recording",
    "DistinguishMissingFromForbidden": "Without it S3 answers 403 for an object that does not exist",
    "StoreReason": "job.json of a failed upload, with the reason",
    "StoreResults": "Transcripts. The function of the synchronous models also reads a response that it stored",
    "FindTranscripts": "A backfill, and an object that was copied in place, skip recordings that have a transcript",
    "ReadReports": "The ETag and the options in job.json. It cannot read transcripts",
    "ListMedia": "The distributed Map lists the recordings of a backfill",
    "Records": "Jobs, tasks, the pauses and the rate limiter",
    "DueLists": "What is due, from the index only",
    "HoldLease": "The lease of the loop, and no other record",
    "ReadCounts": "The counts of a backfill, and no other record",
    "ReadApiKey": "The DashScope API key",
    "ReadProfiles": "The profiles document",
    "Publish": "The events of jobs and of pauses",
    "ReceiveMoreMessages": "More messages than one batch of the event source mapping contains",
    "SendToSynchronousQueue": "Recordings for a synchronous model",
    "PollSynchronousQueue": "Enables the polling of their queue with the first recording",
    "DeadLetter": "A message that can never be processed",
    "SendWakeUpSignal": "Starts the loop after a submission",
    "RequeueJobs": "Jobs that are due",
    "RedriveDeadLetters": "Messages that SQS or EventBridge moved there, and the keys of records that cannot be read",
    "Queue": "The uploads of a backfill",
    "CountWaitingMessages": "A backfill waits while the queues are long",
    "InvokeFunctions": "The steps of the state machine",
    "InvokeFunction": "The steps of the state machine",
    "WriteLogs": "Step Functions delivers logs through these account-wide actions, which accept no resource",
    "WriteTraces": "With `Tracing`. X-Ray accepts no resource",
    "start-successor": "The next execution of the loop, before the time limit of this one",
    "start-loop": "The schedule",
    "run-batches": "A distributed Map runs each batch as an execution of its own",
    "read-inventory": "With `InventoryBucketName`",
    "read-more-media": "With `MoreMediaBucketArns`",
    "decrypt-media": "With `MediaKmsKeyArn`",
    "use-key": "With `KmsKeyArn`",
}
"""The reason for a statement, by its Sid, or by the name of its policy if it has none."""
PLACES = (
    (r"arn:\$\{AWS::Partition\}:(s3:::|dynamodb:\S*?table/|ssm:\S*?parameter|states:\S*?execution:)", ""),
    (r"\$\{AWS::StackName\}", "<stack>"),
    (r"\$\{(\w+)(\.\w+)?\}", r"\1"),
)
HEAD = """# Permissions

Every statement of every role of the stack, written from `template.yaml` by `python -m tests.template.policy_report`.
The threat model is in [SECURITY.md](../SECURITY.md). `tests/template/test_iam.py` compares the actions with the calls
in the code.

No action is a wildcard. The permissions boundary is `PermissionsBoundaryArn`
([rules of your organisation](operations/platform.md)). SAM adds to each function's role the managed policy
`AWSLambdaBasicExecutionRole` (write logs), to those with a queue `AWSLambdaSQSQueueExecutionRole` (receive its
messages), and with `Tracing=Active` `AWSXRayDaemonWriteAccess`. Each role is assumed by one AWS service.
"""


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def place(resource: Any) -> str:
    """A resource as a reader would name it: `JobsTable/index/due`."""
    if isinstance(resource, str):
        return resource
    [(function, value)] = resource.items()
    if function == "Ref":
        return str(value)
    if function == "Fn::GetAtt":
        return str(value[0])
    if function == "Fn::If":
        return place(value[1])
    if function in ("Fn::Split", "Fn::Join"):
        return place(value[1]) if isinstance(value[1], dict) else ", ".join(place(part) for part in value[1])
    text, own = (value, {}) if isinstance(value, str) else value
    for name, part in own.items():
        text = text.replace(f"${{{name}}}", place(part))
    for pattern, replacement in PLACES:
        text = re.sub(pattern, replacement, text)
    return str(text)


def policies(resources: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The role, the name of the policy, and a statement."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Policy":
            for role in properties["Roles"]:
                for statement in properties["PolicyDocument"]["Statement"]:
                    yield role["Ref"].removesuffix("Role"), properties["PolicyName"], statement
        for policy in as_list(properties.get("Policies", [])):
            for statement in policy.get("PolicyDocument", policy)["Statement"]:
                yield name.removesuffix("Role"), policy.get("PolicyName", ""), statement


def page() -> str:
    template = yaml.load((ROOT / "template.yaml").read_text(), CloudFormationLoader)  # noqa: S506 - a SafeLoader
    rows: dict[str, list[str]] = {}
    for role, policy, statement in policies(template["Resources"]):
        actions = ", ".join(f"`{action}`" for action in as_list(statement["Action"]))
        resources = ", ".join(f"`{place(resource)}`" for resource in as_list(statement["Resource"]))
        if "Condition" in statement:
            [keys] = [value for rule in statement["Condition"].values() for value in rule.values()]
            resources += f", records {json.dumps(keys)[1:-1]}"
        reason = REASONS[statement.get("Sid", policy)]
        rows.setdefault(role, []).append(f"| {actions} | {resources} | {reason} |")
    tables = [
        f"\n## {role}\n\n| actions | on | why |\n|---|---|---|\n" + "\n".join(lines) + "\n"
        for role, lines in rows.items()
    ]
    return HEAD + "".join(tables)


if __name__ == "__main__":
    PAGE.write_text(page())
