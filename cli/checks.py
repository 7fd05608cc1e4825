"""The checks of `dashscribe doctor`. Each one reads AWS, changes nothing, and says what to do about what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.notifications import read_notifications, sends_events
from cli.stack import Stack

if TYPE_CHECKING:
    from dashscribe.domain.jobs.pause import Pause

OK, PROBLEM, UNKNOWN = "ok", "problem", "unknown"
OLD_MESSAGE = timedelta(hours=1)
"""As OldMessageAlarm in template.yaml."""
OVERDUE = timedelta(minutes=10)
"""As OverdueJobAlarm in template.yaml."""
INDEX = "due"


@dataclass(frozen=True)
class Finding:
    """One check of one subject. `fix` says what to do about a problem."""

    check: str
    subject: str
    status: str
    finding: str
    fix: str | None = None


def inspect(stack: Stack) -> list[Finding]:
    """Run every check. What cannot be read is `unknown`, and the other checks continue."""
    return [finding for name, check in CHECKS.items() for finding in _run(name, check, stack)]


def _run(name: str, check: Callable[[Stack], Iterator[Finding]], stack: Stack) -> Iterator[Finding]:
    try:
        yield from check(stack)
    except (BotoCoreError, ClientError) as error:
        yield Finding(
            name, stack.name, UNKNOWN, f"It cannot be checked: {error}", "Allow this read, or check it yourself."
        )


def media_buckets(stack: Stack) -> list[str]:
    """Every bucket whose uploads are transcribed, the stack's own first."""
    more = stack.parameters.get("MoreMediaBucketArns", "")
    return [stack.output("MediaBucketName"), *(arn.rpartition(":")[2] for arn in more.split(",") if arn)]


def check_stack(stack: Stack) -> Iterator[Finding]:
    is_complete = stack.status.endswith("_COMPLETE") and not stack.status.startswith(("ROLLBACK", "DELETE"))
    yield Finding(
        "stack",
        stack.name,
        OK if is_complete else PROBLEM,
        f"Its status is {stack.status}.",
        None if is_complete else "Read the stack's events in the CloudFormation console, and deploy again.",
    )


def check_buckets(stack: Stack) -> Iterator[Finding]:
    s3, account = stack.client("s3"), stack.client("sts").get_caller_identity()["Account"]
    for bucket in (*media_buckets(stack), stack.output("ResultsBucketName")):
        yield _place(s3, bucket, stack.region, account)


def _place(s3: Any, bucket: str, region: str, account: str) -> Finding:
    """Where a bucket is. S3 sends its events to the event bus of the bucket's own account and region."""
    name = f"s3://{bucket}"
    try:
        reply = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return Finding("bucket", name, PROBLEM, "It does not exist.", "Deploy with the name of an existing bucket.")
        return Finding(
            "bucket",
            name,
            PROBLEM if status == 403 else UNKNOWN,
            f"It may not be read ({error}). It may belong to another account.",
            f"Use a bucket of the account {account}, or allow s3:ListBucket on this one.",
        )
    found = reply.get("BucketRegion") or s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
    if found != region:
        return Finding(
            "bucket",
            name,
            PROBLEM,
            f"It is in {found}, and the stack is in {region}. Its events do not reach the stack.",
            f"Deploy a stack in {found}, or use a bucket in {region}.",
        )
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError:
        return Finding(
            "bucket",
            name,
            PROBLEM,
            f"It belongs to another account than {account}. Its events do not reach the stack.",
            "Deploy a stack in the bucket's account, or use a bucket of this account.",
        )
    return Finding("bucket", name, OK, "It is in the region and the account of the stack.")


def check_notifications(stack: Stack) -> Iterator[Finding]:
    s3 = stack.client("s3")
    for bucket in media_buckets(stack):
        is_on = sends_events(read_notifications(s3, bucket))
        yield Finding(
            "notifications",
            f"s3://{bucket}",
            OK if is_on else PROBLEM,
            "Its uploads become events." if is_on else "EventBridge notifications are off: uploads have no effect.",
            None if is_on else "Run this command with --switch-on-events. It keeps the bucket's other notifications.",
        )


def check_rules(stack: Stack) -> Iterator[Finding]:
    name = stack.physical_id("MediaUploadedRule")
    is_enabled = stack.client("events").describe_rule(Name=name)["State"] == "ENABLED"
    yield Finding(
        "rule",
        name,
        OK if is_enabled else PROBLEM,
        "It is enabled." if is_enabled else "It is disabled: uploads have no effect.",
        None if is_enabled else f"aws events enable-rule --name {name}, then run a backfill for the uploads missed.",
    )


def check_event_source_mappings(stack: Stack) -> Iterator[Finding]:
    client = stack.client("lambda")
    for output in ("SubmitTranscriptionFunctionName", "TranscribeAudioFunctionName"):
        function = stack.output(output)
        mappings = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        if not mappings:
            yield Finding(
                "event source mapping",
                function,
                PROBLEM,
                "It has none, so it receives no message.",
                "Deploy the stack again.",
            )
        # The first recording for a synchronous model enables the mapping of its queue.
        is_unused = output == "TranscribeAudioFunctionName" and not _has_messages(stack, "SynchronousQueueUrl")
        for mapping in mappings:
            is_on = mapping["State"] in ("Enabled", "Enabling", "Updating", "Creating")
            is_fine = is_on or is_unused
            yield Finding(
                "event source mapping",
                function,
                OK if is_fine else PROBLEM,
                f"Its state is {mapping['State']}." + ("" if is_fine else " Messages wait, and expire after 14 days."),
                None if is_fine else f"aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled",
            )


def _has_messages(stack: Stack, output: str) -> bool:
    counts = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.output(output), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(counts["Attributes"]["ApproximateNumberOfMessages"]) > 0


def check_schedule(stack: Stack) -> Iterator[Finding]:
    name = stack.physical_id("EveryMinuteSchedule").rpartition("/")[2]
    group = stack.physical_id("ScheduleGroup").rpartition("/")[2]
    is_enabled = stack.client("scheduler").get_schedule(Name=name, GroupName=group)["State"] == "ENABLED"
    yield Finding(
        "schedule",
        name,
        OK if is_enabled else PROBLEM,
        "It is enabled." if is_enabled else "It is disabled, so the poll loop is not started again after an error.",
        None if is_enabled else "Enable it in the EventBridge Scheduler console.",
    )


def check_key(stack: Stack) -> Iterator[Finding]:
    from dashscribe.adapters.configuration import ApiKey
    from dashscribe.errors import VendorError

    arn = stack.output("ApiKeySecretArn")
    try:
        ApiKey(stack.client("secretsmanager"), arn)()
    except VendorError as error:
        status = PROBLEM if error.code == "API_KEY_MISSING" else UNKNOWN
        yield Finding("API key", arn, status, str(error), f"aws secretsmanager put-secret-value --secret-id {arn} …")
    else:
        yield Finding("API key", arn, OK, "The secret has a key.")


def check_profiles(stack: Stack) -> Iterator[Finding]:
    from dashscribe.adapters.configuration import SsmProfiles
    from dashscribe.errors import ProfilesUnreadable

    name = stack.output("ProfilesParameterName")
    try:
        profiles = SsmProfiles(stack.client("ssm"), name).profiles().profiles
    except ProfilesUnreadable as error:
        yield Finding("profiles", name, PROBLEM, str(error), "Correct it (docs/operations/change-key-or-profiles.md).")
    else:
        yield Finding("profiles", name, OK, f"{len(profiles)} profiles.")


def check_table(stack: Stack) -> Iterator[Finding]:
    from dashscribe.adapters.dynamodb.job_records import DynamoDbJobRecords
    from dashscribe.adapters.dynamodb.pause_store import DynamoDbPauseStore
    from dashscribe.domain.jobs.job import Due

    client, name = stack.client("dynamodb"), stack.output("JobsTableName")
    indexes = client.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
    if INDEX not in [index["IndexName"] for index in indexes]:
        yield Finding("table", name, PROBLEM, f"It has no index {INDEX!r}.", "Use the table of a dashscribe stack.")
        return
    yield Finding("table", name, OK, f"It has the index {INDEX!r}.")
    pauses = DynamoDbPauseStore(client, name).pauses().pauses
    yield Finding(
        "pause",
        name,
        PROBLEM if pauses else OK,
        " ".join(map(_pause_text, pauses)) or "Submissions are not paused.",
        "docs/operations/submissions-paused.md" if pauses else None,
    )
    due = [found for kind in (Due.JOB, Due.TASK) if (found := DynamoDbJobRecords(client, name).next_due(kind))]
    late = max((datetime.now(UTC) - each for each in due), default=timedelta(0))
    yield Finding(
        "loop",
        name,
        PROBLEM if late > OVERDUE else OK,
        f"The oldest due record is {int(late.total_seconds() // 60)} minutes late."
        if late > OVERDUE
        else "It keeps up.",
        "docs/operations/late-jobs.md" if late > OVERDUE else None,
    )


def check_dead_letters(stack: Stack) -> Iterator[Finding]:
    url = stack.output("SubmitDeadLetterQueueUrl")
    count = _messages(stack, url)
    yield Finding(
        "dead letters",
        url,
        PROBLEM if count else OK,
        f"{count} messages cannot be processed." if count else "It is empty.",
        "docs/operations/dead-letter-queue.md" if count else None,
    )


def check_old_messages(stack: Stack) -> Iterator[Finding]:
    """SQS shows the age of the oldest message as a metric only."""
    for output in ("SubmitQueueUrl", "SynchronousQueueUrl"):
        url = stack.output(output)
        count, age = _messages(stack, url), _age(stack, url)
        if age is not None and age > OLD_MESSAGE and count:
            text, status = f"The oldest of {count} messages is {int(age.total_seconds() // 60)} minutes old.", PROBLEM
        else:
            text, status = f"{count} messages wait.", OK
        fix = "Read the log of the function that receives them (docs/operations/alarms.md)." if status != OK else None
        yield Finding("old messages", url, status, text, fix)


def _messages(stack: Stack, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)


def _age(stack: Stack, url: str) -> timedelta | None:
    now = datetime.now(UTC)
    points = stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": url.rpartition("/")[2]}],
        StartTime=now - timedelta(minutes=15),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    latest = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if latest is None else timedelta(seconds=latest["Maximum"])


def check_alarms(stack: Stack) -> Iterator[Finding]:
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{stack.name}-", StateValue="ALARM")
    names = [alarm["AlarmName"] for alarm in alarms.get("MetricAlarms", [])]
    yield Finding(
        "alarms",
        stack.name,
        PROBLEM if names else OK,
        f"In alarm: {', '.join(names)}." if names else "None is in alarm.",
        "docs/operations/alarms.md" if names else None,
    )


CHECKS: dict[str, Callable[[Stack], Iterator[Finding]]] = {
    "stack": check_stack,
    "bucket": check_buckets,
    "notifications": check_notifications,
    "rule": check_rules,
    "event source mapping": check_event_source_mappings,
    "schedule": check_schedule,
    "API key": check_key,
    "profiles": check_profiles,
    "table": check_table,
    "dead letters": check_dead_letters,
    "old messages": check_old_messages,
    "alarms": check_alarms,
}


def _pause_text(pause: Pause) -> str:
    scope = f"with {pause.model}" if pause.model else "of the account"
    return f"Submissions {scope} are paused since {pause.paused_at:%Y-%m-%d %H:%M} UTC: {pause.reason}. {pause.message}"
