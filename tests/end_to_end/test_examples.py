"""Each folder of examples/ is deployed next to the stack and does what its page says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.stack import describe_stack
from local.recordings import SAMPLES
from local.stack import ROOT, deploy
from tests.end_to_end.conftest import TEST_STACK, Deployment

pytestmark = pytest.mark.stack
KEY = "examples/meeting.mp3"


@pytest.fixture(scope="module")
def index(deployment: Deployment) -> Iterator[dict[str, str]]:
    """The outputs of the deployed example."""
    info, name = deployment.info, "transcript-index"
    names = {output: info.outputs[output] for output in ("EventBusName", "ResultsBucketName")}
    template = ROOT / "examples" / "transcript_index" / "template.yaml"
    deploy(template, name, names, info.sam_environment, TEST_STACK / "transcript-index.log")
    yield dict(describe_stack(info.client, name).outputs)
    info.client("cloudformation").delete_stack(StackName=name)


def test_the_table_of_all_transcripts_gets_one_item_for_a_transcript(
    deployment: Deployment, index: dict[str, str]
) -> None:
    table = deployment.info.client("dynamodb")

    def items() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = table.scan(TableName=index["TranscriptsTableName"], ConsistentRead=True)["Items"]
        return [item for item in found if item["media_key"]["S"] == KEY]

    deployment.upload(KEY, (SAMPLES / "meeting.mp3").read_bytes())
    event = deployment.end_of(KEY)
    [item] = deployment.wait_for(items, "the item of the transcript")

    detail = event["detail"]
    assert item["job_id"]["S"] == detail["job_id"]
    assert item["duration_ms"]["N"] == str(detail["audio"]["duration_ms"])
    assert float(item["cost_usd"]["N"]) == detail["usage"]["estimated_cost_usd"]
    assert deployment.result(event, "text").decode().startswith(item["excerpt"]["S"].rstrip())
    assert item["excerpt"]["S"]
    assert item["transcript"]["S"] == f"s3://{deployment.results_bucket}/{detail['result']['files']['transcript']}"

    table.delete_item(
        TableName=index["TranscriptsTableName"], Key={"media_key": item["media_key"], "job_id": item["job_id"]}
    )
    entry = {
        "EventBusName": deployment.info.outputs["EventBusName"],
        "Source": "dashscribe",
        "DetailType": event["detail-type"],
        "Detail": json.dumps(detail),
    }
    for _ in range(2):  # a repeated delivery
        deployment.info.client("events").put_events(Entries=[entry])
    assert deployment.wait_for(items, "the item of the repeated event") == [item]
