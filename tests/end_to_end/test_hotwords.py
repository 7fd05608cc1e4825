"""Hotwords, context objects and audio in requests, through the deployed stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.__main__ import main
from local.recordings import SAMPLES
from tests.end_to_end.conftest import MODEL_PROFILES, Deployment

pytestmark = pytest.mark.stack
WALK = (SAMPLES / "morning-walk.wav").read_bytes()


def requests_of(deployment: Deployment, operation: str) -> list[dict[str, Any]]:
    return [request for request in deployment.simulator()["recorded"] if request["operation"] == operation]


def test_the_hotwords_of_a_profile_become_one_list_that_submissions_name(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["hotwords/one.wav", "hotwords/two.wav"]
    for key in keys:
        deployment.upload(key, WALK, {"dashscribe-profile": "hotwords"})
        event = deployment.end_of(key)
        assert event["detail-type"] == "Transcription Succeeded"
        assert event["detail"]["request_ids"]["submission"]
        assert event["detail"]["request_ids"]["query"]
    sent = [
        request["body"]["parameters"]
        for request in requests_of(deployment, "submit")
        if any(f"/{key}?" in json.dumps(request["body"]) for key in keys)
    ]
    job = json.loads(deployment.result(deployment.end_of(keys[1]), "job"))
    assert sent == [{"vocabulary_id": job["vocabulary_id"]}] * 2
    actions = [request["body"]["input"] for request in requests_of(deployment, "customize")]
    [created] = [action for action in actions if action["action"] == "create_vocabulary"]
    words = MODEL_PROFILES["hotwords"]["vocabulary"]
    assert created["vocabulary"] == [{"text": word, "weight": weight} for word, weight in words.items()]

    monkeypatch.setattr("cli.stack.find_local_stack", lambda: deployment.info.model_dump())
    assert main(["vocabularies", "--json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)["vocabularies"]
    assert (listed["vocabulary_id"], listed["profiles"]) == (job["vocabulary_id"], ["hotwords"])
    assert main(["vocabularies", "--delete", job["vocabulary_id"], "--yes"]) == 0
    deployment.upload("hotwords/three.wav", WALK, {"dashscribe-profile": "hotwords"})
    event = deployment.end_of("hotwords/three.wav")
    again = json.loads(deployment.result(event, "job"))
    assert again["vocabulary_id"] not in (None, job["vocabulary_id"])


def test_a_context_object_is_sent_and_makes_no_job(deployment: Deployment) -> None:
    deployment.upload("prompts/glossary.txt", b"A walk in the morning")
    deployment.upload("context/walk.wav", WALK, {"dashscribe-profile": "context"})
    assert deployment.end_of("context/walk.wav")["detail-type"] == "Transcription Succeeded"
    [request] = [each for each in requests_of(deployment, "submit") if "/context/walk.wav?" in json.dumps(each["body"])]
    assert request["body"]["parameters"]["text"] == "A walk in the morning"
    assert "prompts/glossary.txt" not in {job["media"]["M"]["key"]["S"] for job in deployment.jobs()}


def test_audio_is_sent_in_the_request(deployment: Deployment) -> None:
    deployment.upload("inline/walk.wav", WALK, {"dashscribe-profile": "inline"})
    event = deployment.end_of("inline/walk.wav")
    assert event["detail-type"] == "Transcription Succeeded"
    assert b"weather" in deployment.result(event, "text")
