"""`make smoke` on the local stack: from the deployment to the removal, and a stack with every option switched on."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.checks import OK, PROBLEM, Finding, inspect
from cli.notifications import switch_on_events
from cli.stack import describe_stack
from local import backfill
from local.smoke import Report, Smoke
from local.stack import (
    API_KEY,
    BUILT,
    LOCAL,
    ROOT,
    Stack,
    StackInfo,
    architecture,
    built_for_local_stack,
    deploy,
    locked,
)
from local.target import Target
from tests.support.table import create_jobs_table
from tests.template.test_options import OPTIONS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def local_aws() -> Iterator[StackInfo]:
    """MiniStack and the simulator, with no stack deployed."""
    with Stack(folder=LOCAL / "smoke", deploy_template=False, say=lambda _: None) as info:
        yield info


@pytest.fixture(scope="module")
def template(local_aws: StackInfo) -> Iterator[Path]:
    """In a copy of the build, so that other tests can build meanwhile. It names files by their relative path."""
    template = built_for_local_stack()
    copy = BUILT.with_name("build-of-smoke-tests")
    shutil.rmtree(copy, ignore_errors=True)
    with locked(BUILT, shared=True):
        shutil.copytree(BUILT, copy)
    yield copy / template.relative_to(BUILT)
    shutil.rmtree(copy)


def local_parameters(info: StackInfo) -> dict[str, str]:
    return {
        "Architecture": architecture(),
        "DashScopeBaseUrl": info.dashscope_base_url,
        "ResultHostAllowList": "aliyuncs.com,127.0.0.1,localhost",
    }


@pytest.fixture(scope="module")
def report(local_aws: StackInfo, template: Path) -> Report:
    """The report of a smoke run, whose stack is removed."""
    return Smoke(
        "smoke-test", local_aws.client, local_aws.sam_environment, template, API_KEY, local_parameters(local_aws)
    ).run()


def test_a_smoke_run_goes_well_and_lists_what_the_stack_leaves_behind(local_aws: StackInfo, report: Report) -> None:
    assert report.failed == {}
    assert list(report.steps) == [
        *("state machines", "deployment", "three uploads", "backfill", "redrive", "doctor", "alarm", "costs"),
        "removal",
    ]
    kinds = [left.split()[0] for left in report.left]
    # A function that still runs while its stack is removed writes its log group again.
    data = sorted(kind for kind in kinds if kind != "AWS::Logs::LogGroup")
    assert data == ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::Bucket"], report.left
    assert report.billed_seconds > 0
    with pytest.raises(Exception, match="does not exist"):
        local_aws.client("cloudformation").describe_stacks(StackName="smoke-test")


def test_a_new_stack_uses_what_a_removed_stack_left_and_pays_for_nothing_again(
    local_aws: StackInfo, template: Path, report: Report
) -> None:
    """docs/operations/remove.md: a deployment with the kept data."""
    client, s3 = local_aws.client, local_aws.client("s3")
    kept = [left.split() for left in report.left]
    (table,) = (name for kind, name in kept if kind == "AWS::DynamoDB::Table")
    (media,) = (name for _, name in kept if "mediabucket" in name)
    (results,) = (name for _, name in kept if "resultsbucket" in name)
    names = {
        "ExistingMediaBucketName": media,
        "ExistingResultsBucketName": results,
        "ExistingJobsTableName": table,
    }
    parameters = local_parameters(local_aws) | names
    deploy(template, "way-back", parameters, local_aws.sam_environment, LOCAL / "smoke" / "way-back.log")
    target = Target.of_stack(client, "way-back")
    client("secretsmanager").put_secret_value(SecretId=target.output("ApiKeySecretArn"), SecretString=API_KEY)
    old = s3.list_objects_v2(Bucket=media)["KeyCount"]
    status, counts = backfill.run(target, backfill.request_of(), lambda _: None)
    assert (status, counts["queued"], counts["skipped_done"]) == (0, 0, old)

    s3.put_object(Bucket=media, Key="new.wav", Body=(ROOT / "local" / "samples" / "morning-walk.wav").read_bytes())
    (new,) = wait_for_reports(local_aws, 1, results, "new.wav/")
    assert new["status"] == "SUCCEEDED"


def own_resources(info: StackInfo) -> dict[str, str]:
    """What the options name: a key, a boundary, a topic, buckets and a table, as an earlier stack leaves them."""
    iam, kms, sns, s3, dynamodb = (info.client(name) for name in ("iam", "kms", "sns", "s3", "dynamodb"))
    allow_all = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(allow_all))["Policy"]["Arn"]
    key = kms.create_key()["KeyMetadata"]["Arn"]
    for bucket in ("media", "more-media", "results", "lists"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
    create_jobs_table(dynamodb, "jobs")
    return {
        **OPTIONS,
        "MoreMediaBucketArns": "arn:aws:s3:::more-media",
        "MediaKmsKeyArn": key,
        "KmsKeyArn": key,
        "PermissionsBoundaryArn": boundary,
        "AlarmTopicArn": sns.create_topic(Name="alarms")["TopicArn"],
    }


def wait_for_reports(info: StackInfo, number: int, bucket: str = "results", prefix: str = "") -> list[dict[str, Any]]:
    s3 = info.client("s3")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        reports = [key for key in keys if key.endswith("/job.json")]
        if len(reports) >= number:
            return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in reports]
        time.sleep(1)
    raise AssertionError(f"{number} reports were expected; there are {reports}")


def test_a_stack_with_every_option_transcribes_what_the_options_choose(local_aws: StackInfo, template: Path) -> None:
    info, name, client = local_aws, "every-option", local_aws.client
    parameters = local_parameters(info) | own_resources(info)
    deploy(template, name, parameters, info.sam_environment, LOCAL / "smoke" / "every-option.log")
    target = Target.of_stack(client, name)
    client("secretsmanager").put_secret_value(SecretId=target.output("ApiKeySecretArn"), SecretString=API_KEY)

    def wrong() -> list[Finding]:
        return [finding for finding in inspect(describe_stack(client, name)) if finding.status != OK]

    off = [(finding.check, finding.subject, finding.status) for finding in wrong()]
    assert off == [("notifications", f"s3://{bucket}", PROBLEM) for bucket in ("media", "more-media")]
    s3 = client("s3")
    for bucket in ("media", "more-media"):
        switch_on_events(s3, bucket)
    assert wrong() == []

    recording = (ROOT / "local" / "samples" / "morning-walk.wav").read_bytes()
    for bucket in ("media", "more-media"):
        for key in ("calls/a.wav", "calls/a.mp3", "other/a.wav"):  # MediaKeyPattern is calls/*.wav
            s3.put_object(Bucket=bucket, Key=key, Body=recording)
    reports = wait_for_reports(info, 2)
    done = sorted((report["media"]["bucket"], report["media"]["key"], report["status"]) for report in reports)
    assert done == [("media", "calls/a.wav", "SUCCEEDED"), ("more-media", "calls/a.wav", "SUCCEEDED")]

    s3.copy_object(
        Bucket="media",
        Key="calls/a.wav",
        CopySource={"Bucket": "media", "Key": "calls/a.wav"},
        MetadataDirective="REPLACE",
        Metadata={"reviewed": "yes"},
    )
    s3.put_object(Bucket="media", Key="calls/b.wav", Body=recording)
    assert len(wait_for_reports(info, 3)) == 3  # the upload after the copy is done, and the copy made no job
    jobs = [item for item in client("dynamodb").scan(TableName="jobs")["Items"] if item["pk"]["S"].startswith("JOB#")]
    assert len(jobs) == 3
