"""The function of examples/transcript_index, on moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from examples.transcript_index.function import app
from local.stack import ROOT

SAMPLE: dict[str, Any] = json.loads((ROOT / "events" / "samples" / "transcription_succeeded.json").read_text())
RESULT = SAMPLE["detail"]["result"]


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("TABLE_NAME", "transcripts")
    with mock_aws():
        app.clients.cache_clear()
        boto3.client("s3").create_bucket(Bucket=RESULT["bucket"])
        yield boto3.resource("dynamodb").create_table(
            TableName="transcripts",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("media_key", "job_id")],
            KeySchema=[
                {"AttributeName": "media_key", "KeyType": "HASH"},
                {"AttributeName": "job_id", "KeyType": "RANGE"},
            ],
        )
    app.clients.cache_clear()


def indexed(table: Any, event: dict[str, Any], text: str | None) -> dict[str, Any]:
    if text is not None:
        boto3.client("s3").put_object(Bucket=RESULT["bucket"], Key=RESULT["files"]["text"], Body=text.encode())
    app.handler(event, None)
    [item] = table.scan()["Items"]
    found: dict[str, Any] = item
    return found


def test_the_item_of_the_sample_event_says_which_recording_and_how_its_text_begins(table: Any) -> None:
    item = indexed(table, SAMPLE, "Hello world, this is Alibaba Speech Lab.\n")
    assert item["media_key"] == "calls/会议 Q1 + Q2.wav"
    assert item["duration_ms"] == 3834
    assert str(item["cost_usd"]) == "0.000105"
    assert item["excerpt"] == "Hello world, this is Alibaba Speech Lab.\n"


def test_a_silent_recording_has_an_empty_excerpt(table: Any) -> None:
    assert indexed(table, SAMPLE, "")["excerpt"] == ""


def test_a_long_text_is_cut_between_two_characters(table: Any) -> None:
    assert indexed(table, SAMPLE, "会" * 1000)["excerpt"] == "会" * 166


def test_a_stack_without_text_files_has_no_excerpt(table: Any) -> None:
    event = json.loads(json.dumps(SAMPLE))
    del event["detail"]["result"]["files"]["text"]
    assert indexed(table, event, None)["excerpt"] is None


def test_a_model_without_a_price_has_no_cost(table: Any) -> None:
    event = json.loads(json.dumps(SAMPLE))
    event["detail"]["usage"]["estimated_cost_usd"] = None
    assert indexed(table, event, "Hello.")["cost_usd"] is None


def test_a_transcript_that_cannot_be_read_raises_so_that_the_event_is_kept(table: Any) -> None:
    with pytest.raises(Exception, match="NoSuchKey"):
        app.handler(SAMPLE, None)
    assert table.scan()["Items"] == []
