"""Keep one item for each transcript: which recording, how long, what it cost, and how its text begins."""

from __future__ import annotations

import os
from decimal import Decimal
from functools import cache
from typing import Any

import boto3

EXCERPT_BYTES = 500
"""How much of the text is kept. DynamoDB charges a write for each KB of an item."""


@cache
def clients() -> tuple[Any, Any]:
    """The S3 client and the table. Later calls of the same process use them again."""
    return boto3.client("s3"), boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event: dict[str, Any], context: object) -> None:
    """Write the item of a `Transcription Succeeded` event.

    EventBridge may deliver an event twice. The key of the item is the recording and the job, so the second write
    repeats the first one. An error is raised: Lambda then repeats the call, and at last the event goes to the
    dead-letter queue.
    """
    job = event["detail"]
    files = job["result"]["files"]
    _, table = clients()
    item = {
        "media_key": job["media"]["key"],
        "job_id": job["job_id"],
        "completed_at": job["timing"]["completed_at"],
        "model": job["model"],
        "duration_ms": job["audio"]["duration_ms"],
        "cost_usd": _decimal(job["usage"]["estimated_cost_usd"]),
        "transcript": f"s3://{job['result']['bucket']}/{files['transcript']}",
        "warnings": job["warnings"],
        # The stack's parameter Outputs decides whether there is a text file.
        "excerpt": _excerpt(job["result"]["bucket"], files["text"]) if "text" in files else None,
    }
    table.put_item(Item=item)


def _excerpt(bucket: str, key: str) -> str:
    s3, _ = clients()
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read(EXCERPT_BYTES)
    return body.decode(errors="ignore")  # the last character may be cut


def _decimal(number: float | None) -> Decimal | None:
    """DynamoDB refuses floats."""
    return None if number is None else Decimal(str(number))
