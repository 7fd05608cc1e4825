"""The stack that a command works on: a deployed one, or the local one of this checkout."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.report import WrongUsage

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

LOCAL_STACK = Path(".local", "stack.json")


@dataclass(frozen=True)
class Target:
    """`results_bucket` is None where no stack is named and no local one runs."""

    s3: S3Client
    results_bucket: str | None


def find_target(stack: str | None, region: str | None, profile: str | None, bucket: str | None) -> Target:
    """Return the stack. Raises `WrongUsage` when the named one cannot be read.

    `bucket` is the bucket of an address, if one was given. Without `--stack`, `--region` and `--profile` the local
    stack is used, unless the bucket is another one.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    local = None if stack or region or profile else find_local_stack()
    if local is not None and bucket in (None, local["outputs"]["ResultsBucketName"]):
        client = boto3.client(
            "s3",
            endpoint_url=local["aws_endpoint_url"],
            region_name=local["region"],
            aws_access_key_id=local["access_key_id"],
            aws_secret_access_key=local["secret_access_key"],
        )
        return Target(client, local["outputs"]["ResultsBucketName"])
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        results_bucket = _results_bucket(session, stack) if stack else None
        return Target(session.client("s3"), results_bucket)
    except (BotoCoreError, ClientError) as error:
        raise WrongUsage(f"The stack cannot be read: {error}") from error


def _results_bucket(session: boto3.Session, stack: str) -> str:
    [described] = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    if "ResultsBucketName" not in outputs:
        raise WrongUsage(f"The stack {stack!r} has no output ResultsBucketName, so it is no dashscribe stack.")
    return outputs["ResultsBucketName"]


def find_local_stack() -> dict[str, Any] | None:
    """`.local/stack.json` of the working directory or of a folder above it."""
    if "AWS_ENDPOINT_URL" in os.environ or "AWS_ENDPOINT_URL_S3" in os.environ:
        return None
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / LOCAL_STACK).is_file():
            found: dict[str, Any] = json.loads((folder / LOCAL_STACK).read_text(encoding="utf-8"))
            return found
    return None
