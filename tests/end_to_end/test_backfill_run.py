"""Recordings that were in the bucket before the stack: a backfill transcribes each of them once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local import backfill
from local.stack import StackInfo
from local.target import Target
from tests.end_to_end.conftest import Deployment

pytestmark = pytest.mark.stack
FOLDER = "backfill/"
BEFORE = [f"{FOLDER}{name}.wav" for name in ("one", "two", "四 + 100%")]
KNOWN = f"{FOLDER}known.wav"


@contextmanager
def without_events(info: StackInfo) -> Iterator[None]:
    """Uploads cause no event that reaches the stack."""
    events = info.client("events")
    [name] = [rule["Name"] for rule in events.list_rules()["Rules"] if "MediaUploadedRule" in rule["Name"]]
    events.disable_rule(Name=name)
    try:
        yield
    finally:
        events.enable_rule(Name=name)


@pytest.fixture(scope="module")
def old_bucket(deployment: Deployment) -> Deployment:
    """One recording that was transcribed after its event, and others that were uploaded without an event."""
    deployment.simulator(scripts=[{"match": FOLDER, "answers": [{"text": "the old recording"}]}])
    deployment.upload(KNOWN, b"scripted")
    deployment.end_of(KNOWN)
    with without_events(deployment.info):
        for key in BEFORE:
            deployment.upload(key, b"scripted")
        deployment.upload(f"{FOLDER}folder.wav/", b"")
        deployment.upload(f"{FOLDER}notes.wav.docx", b"no recording")
        deployment.upload(f"{FOLDER}another-suffix.mp3", b"scripted")
    return deployment


def run(deployment: Deployment, **asked: Any) -> dict[str, int]:
    """Run a backfill to its end; the counts of the execution's output that are not zero."""
    said: list[str] = []
    steps = deployment.info.client("stepfunctions")
    target = Target.of_local(deployment.info)
    assert backfill.run(target, backfill.request_of(FOLDER, **asked), said.append, every_seconds=0.2)[0] == 0, said
    arn = said[0].removeprefix("started ")
    counts: dict[str, int] = json.loads(steps.describe_execution(executionArn=arn)["output"])
    assert counts == backfill.counts_of(target, arn)
    return {name: count for name, count in counts.items() if count}


def stopped_run(deployment: Deployment, **asked: Any) -> None:
    """Start a backfill and stop it at once. MiniStack still runs its batches; AWS does not."""
    steps = deployment.info.client("stepfunctions")
    machine = deployment.info.outputs["BackfillStateMachineArn"]
    request = json.dumps(backfill.request_of(FOLDER, **asked))
    arn = steps.start_execution(stateMachineArn=machine, input=request)["executionArn"]
    deployment.wait_for(lambda: steps.list_map_runs(executionArn=arn)["mapRuns"], "the first batch")
    steps.stop_execution(executionArn=arn)


def test_old_recordings_are_transcribed_once_and_finished_ones_are_skipped(old_bucket: Deployment) -> None:
    deployment = old_bucket
    others = {"skipped_done": 1, "skipped_ignored": 1, "unsupported": 1}
    assert run(deployment, dry_run=True) == {"listed": 7, "queued": 4, **others}

    stopped_run(deployment, suffix=".wav")
    resumed = run(deployment, suffix=".wav")
    assert resumed.get("queued", 0) + resumed["skipped_done"] == 4
    for key in BEFORE:
        event = deployment.end_of(key)
        assert event["detail"]["status"] == "SUCCEEDED"
        assert deployment.result(event, "text") == b"the old recording\n"
        stored = deployment.s3.head_object(Bucket=deployment.media_bucket, Key=key)
        assert event["detail"]["media"]["version_id"] == stored["VersionId"]

    assert run(deployment, suffix=".wav") == {"listed": 7, "skipped_done": 4, "skipped_filtered": 3}
    for key in (KNOWN, f"{FOLDER}one.wav", f"{FOLDER}two.wav"):
        assert deployment.submissions_of(key) == 1
    keys = [job["media"]["M"]["key"]["S"] for job in deployment.jobs()]
    assert sorted(key for key in keys if key.startswith(FOLDER)) == sorted([KNOWN, *BEFORE])


@pytest.mark.parametrize("asked", [{"newer": "2100-01-01T00:00:00Z"}, {"newer_than": "yesterday"}])
def test_an_invalid_request_queues_nothing(deployment: Deployment, asked: dict[str, str]) -> None:
    steps = deployment.info.client("stepfunctions")
    machine = deployment.info.outputs["BackfillStateMachineArn"]
    arn = steps.start_execution(stateMachineArn=machine, input=json.dumps(asked))["executionArn"]

    def ended() -> dict[str, str] | None:
        described: dict[str, str] = steps.describe_execution(executionArn=arn)
        return described if described["status"] != "RUNNING" else None

    end = deployment.wait_for(ended, "the refusal")
    assert (end["status"], end["error"]) == ("FAILED", "RequestRefused")
    assert steps.list_map_runs(executionArn=arn)["mapRuns"] == []
