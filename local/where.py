"""`make where KEY=…`: the status of one file, why it waits or failed, and what happens next."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dashscribe.adapters.dynamodb.items import from_item
from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.recognition.media import job_id_of
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.domain.transcripts.result_files import results_of
from dashscribe.errors import ErrorClass
from local.processes import StackError
from local.target import Target

Record = Mapping[str, Any]
EVENT_WAIT_SECONDS = 20
"""How long an object that was just uploaded may be without a job."""

WAITING = {
    Due.JOB: "It is submitted at {due_at}, or within a minute after that.",
    Due.RATE_LIMITED: "It waits in the backlog of {model}, oldest first: the rate limit of the model is used up.",
    Due.PAUSED: "Submissions are paused for the account or for its model. It is submitted within two minutes after the "
    "cause is fixed.",
    Due.TASK: "The loop queries its task.",
    Due.DELAY: "The loop publishes Transcription Delayed if it still makes no progress.",
}
"""What happens next to a RECEIVED job, by its `due_kind`."""
NEXT = {
    Status.SUBMITTING: "A function is submitting it. If that function has died, another one takes the job over after "
    "{claimed_until}.",
    Status.SUBMITTED: "DashScope transcribes it (task {task_id}). The loop queries the task until it ends.",
    Status.SUCCEEDED: "Nothing: the transcript is stored and the event is published.",
    Status.FAILED: "Nothing: the event is published. Fix the cause, then upload the file again.",
}
"""What happens next, by `status`."""
NOT_PUBLISHED = "Its event is published within a minute."
OUR_CODES = {
    "API_KEY_MISSING": "The secret holds no API key. Put one there: see the output ApiKeySecretArn.",
    "API_KEY_UNREADABLE": "The secret cannot be read, or it is neither a plain key nor JSON with api_key.",
    "PROFILES_UNREADABLE": "The profiles parameter is not valid; the log of the submit function names the place.",
    "RATE_LIMITED": "The rate limit of the model was used up. This is no error.",
    "RESPONSE_LOST": "DashScope's response to the submission was lost. The task list is queried to find out whether "
    "DashScope accepted the file.",
    "VOCABULARY_NOT_READY": "The hotword list of its profile cannot be used yet; the submission is repeated.",
    "TASK_LOST": "The record of its task was lost; the file is submitted again.",
    "MISSING_FROM_RESULTS": "The task succeeded without a result for this file; the file is submitted again.",
    "AMBIGUOUS_IN_RESULTS": "The results named the file without its version; it is submitted by itself.",
    "ONE_OF_MANY_IN_RESULTS": "The task transcribed only one of its files; this one is submitted again.",
    "RESULT_UNAVAILABLE": "The result cannot be downloaded now. It is tried for 24 hours.",
    "RESULT_UNREADABLE": "The last download of the result brought no transcript. It is repeated, five times at most.",
    "RESULT_HOST_NOT_ALLOWED": "The download of the result was redirected to a host that ResultHostAllowList does not "
    "allow. It is repeated, five times at most.",
    "INTERNAL_ERROR": "Its files could not be stored; the log of FinalizeTranscriptionFunction shows the reason.",
    "VENDOR_UNREACHABLE": "No connection to DashScope; the submission is repeated, for about three hours.",
    "TASK_TIMED_OUT": "The task did not end within 4 hours; the file is submitted again.",
    "TASK_UNKNOWN": "DashScope no longer knew the task; the file is submitted again.",
    "TASK_CANCELED": "The task was cancelled at DashScope; the file is submitted again.",
}
"""What our own values of `last_error_code` mean. Every other value is DashScope's code."""
VENDOR_CODES = {
    ErrorClass.PERMANENT: "DashScope refused the file or the request.",
    ErrorClass.RETRYABLE: "DashScope failed; the submission is repeated.",
    ErrorClass.THROTTLED: "DashScope refused the request because of its rate; it is repeated.",
    ErrorClass.ACCOUNT_WIDE: "The DashScope account has a problem: key or payment. Submissions are paused.",
    ErrorClass.MODEL_WIDE: "The account may not use the model, or its free quota is used up. Submissions with it are "
    "paused.",
    ErrorClass.URL_DIED: "DashScope could not download the file; the file is submitted again with a new URL.",
    ErrorClass.NO_SPEECH: "Nobody speaks in the recording.",
}
"""What a vendor code means, by its error class."""


def show(target: Target, key: str, console: Console) -> int:
    """Print what is known of every upload of a key, newest first; 1 when nothing is known."""
    if not key:
        raise StackError("Name the file: make where KEY=calls/talk.mp3")
    with console.status(f"looking for {escape(key)}"):
        records = find_records(target, key)
    if not records:
        console.print(
            f"No job for {escape(key)}. Either the object is not in s3://{target.output('MediaBucketName')}, or its "
            "event has not arrived yet (it takes seconds), or the object was uploaded before the stack existed (make "
            "backfill), or its name ends in / and it is empty (a folder marker).",
            soft_wrap=True,
        )
        return 1
    for record in sorted(records, key=lambda record: str(record.get("uploaded_at")), reverse=True):
        console.print(_table(record, target))
    return 0


def find_records(target: Target, key: str) -> list[Record]:
    """The job records of a key, or its reports. For an object that has neither, its event is waited for."""
    s3, bucket = target.client("s3"), target.output("MediaBucketName")
    listed = s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    versions = [version["VersionId"] for version in listed if version["Key"] == key]
    until = time.monotonic() + (EVENT_WAIT_SECONDS if versions else 0)
    while True:
        records = find_jobs(target, key, versions) or find_reports(target, key)
        if records or time.monotonic() >= until:
            return records
        time.sleep(1)


def find_jobs(target: Target, key: str, versions: Sequence[str]) -> list[Record]:
    """The job records of a key. The name of a record follows from the object's version id; where S3's event named no
    version, the whole table is read."""
    bucket, table = target.output("MediaBucketName"), target.output("JobsTableName")
    dynamodb = target.client("dynamodb")
    names = [f"JOB#{job_id_of(bucket, key, version)}" for version in versions]
    replies = [dynamodb.get_item(TableName=table, Key={"pk": {"S": name}}) for name in names]
    found = [reply["Item"] for reply in replies if "Item" in reply]
    if not found:
        pages = dynamodb.get_paginator("scan").paginate(
            TableName=table,
            FilterExpression="media.#key = :key",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":key": {"S": key}},
        )
        found = [item for page in pages for item in page["Items"]]
    return [from_item(item) for item in found if "status" in item]


def find_reports(target: Target, key: str) -> list[Record]:
    """The `job.json` files of a key: they remain when the records have expired, after 30 days."""
    s3, bucket = target.client("s3"), target.output("ResultsBucketName")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=results_of(key)).get("Contents", [])
    keys = [item["Key"] for item in listed if item["Key"].endswith("/job.json")]
    reports = [json.loads(s3.get_object(Bucket=bucket, Key=each)["Body"].read()) for each in keys]
    return [{**report, **report.get("timing", {})} for report in reports]


def _table(record: Record, target: Target) -> Table:
    table = Table(title=escape(str(record["media"]["key"])), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows(record):
        table.add_row(name, escape(value))
    if record["status"] == Status.SUCCEEDED:
        prefix = f"{results_of(record['media']['key'])}{record['job_id']}/"
        table.add_row("files", escape(f"s3://{target.output('ResultsBucketName')}/{prefix}"))
    return table


def rows(record: Record) -> Iterator[tuple[str, str]]:
    """The lines about one job: each with its name and its value in plain words."""
    yield "status", str(record["status"])
    yield "next", next_step(record)
    failure = record.get("failure") or record.get("error")
    if failure:
        yield "reason", f"{failure['code']}: {failure['message']}"
    elif record.get("last_error_code"):
        yield "last error", f"{record['last_error_code']}: {meaning_of(str(record['last_error_code']))}"
    for warning in record.get("warnings") or []:
        yield "warning", str(warning)
    yield "attempts", str(record.get("attempts", 0))
    for name in ("uploaded_at", "submitted_at", "completed_at", "published_at"):
        if record.get(name):
            yield name.removesuffix("_at"), str(record[name])
    if record["media"].get("version_id"):
        yield "version", str(record["media"]["version_id"])
    yield "job id", str(record["job_id"])
    if record.get("expires_at"):
        yield "record expires", datetime.fromtimestamp(int(record["expires_at"]), UTC).date().isoformat()


def next_step(record: Record) -> str:
    status = Status(record["status"])
    if status is Status.RECEIVED:
        sentence = WAITING[Due(record.get("due_kind") or Due.JOB)]
    elif status in (Status.SUCCEEDED, Status.FAILED) and not record.get("published_at"):
        return NOT_PUBLISHED
    else:
        sentence = NEXT[status]
    return sentence.format_map({"model": "its model", "due_at": "", "claimed_until": "", "task_id": "", **record})


def meaning_of(code: str) -> str:
    return OUR_CODES.get(code) or VENDOR_CODES[classify(code)]
