"""The vendor's own sample in a function that S3 invokes asynchronously for each upload.

It follows the vendor's pages: `async_call`, `wait`, download the result. An error raises, and Lambda retries.
"""

import os
import urllib.request
from http import HTTPStatus
from typing import Any

import boto3
import dashscope
from dashscope.audio.asr import Transcription

S3 = boto3.client("s3")


def handler(event: dict[str, Any], context: object) -> None:
    dashscope.api_key = os.environ["DASHSCOPE_API_KEY"]
    address = {"Bucket": event["bucket"], "Key": event["key"]}
    url = S3.generate_presigned_url("get_object", Params=address, ExpiresIn=3600)
    task = Transcription.async_call(model="fun-asr", file_urls=[url])
    reply = Transcription.wait(task=task.output.task_id)
    if reply.status_code != HTTPStatus.OK:
        raise RuntimeError(f"{reply.code}: {reply.message}")
    for result in reply.output["results"]:
        if result["subtask_status"] != "SUCCEEDED":
            raise RuntimeError(result["code"])
        store(event["key"], fetch(result["transcription_url"]))


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as reply:
        return bytes(reply.read())


def store(key: str, body: bytes) -> None:
    S3.put_object(Bucket=os.environ["RESULTS_BUCKET_NAME"], Key=f"{key}.json", Body=body)
