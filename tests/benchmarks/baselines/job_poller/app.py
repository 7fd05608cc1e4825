"""The usual job poller. One execution of `job_poller.asl.json` per upload calls these three functions."""

import json
import os
import urllib.request
from typing import Any

import boto3

MODEL = "fun-asr"
S3 = boto3.client("s3")


def submit(event: dict[str, Any], context: object) -> dict[str, Any]:
    address = {"Bucket": event["bucket"], "Key": event["key"]}
    url = S3.generate_presigned_url("get_object", Params=address, ExpiresIn=3600)
    body = {"model": MODEL, "input": {"file_urls": [url]}, "parameters": {}}
    reply = call("POST", "/api/v1/services/audio/asr/transcription", body)
    return {**event, "task_id": reply["output"]["task_id"]}


def query(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {**event, "status": call("GET", f"/api/v1/tasks/{event['task_id']}")["output"]["task_status"]}


def finalize(event: dict[str, Any], context: object) -> None:
    output = call("GET", f"/api/v1/tasks/{event['task_id']}")["output"]
    store(event["key"], fetch(output["results"][0]["transcription_url"]))


def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request to DashScope. Raises `HTTPError` for any status but 200; the state machine retries it."""
    request = urllib.request.Request(
        os.environ["DASHSCOPE_BASE_URL"] + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={
            "Authorization": f"Bearer {os.environ['DASHSCOPE_API_KEY']}",
            "Content-Type": "application/json",
            "X-DashScope-Async": "enable",
        },
    )
    with urllib.request.urlopen(request) as reply:
        answer: dict[str, Any] = json.loads(reply.read())
        return answer


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as reply:
        return bytes(reply.read())


def store(key: str, body: bytes) -> None:
    S3.put_object(Bucket=os.environ["RESULTS_BUCKET_NAME"], Key=f"{key}.json", Body=body)
