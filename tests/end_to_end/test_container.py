"""`make invoke`: the submit function in the real Lambda container, with the running stack."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from local import invoke
from local.stack import ROOT
from tests.end_to_end.conftest import Deployment

pytestmark = [pytest.mark.stack, pytest.mark.container]
IMAGE = f"public.ecr.aws/lambda/python:{invoke.LAMBDA_PYTHON}"


@pytest.fixture(scope="module", autouse=True)
def lambda_image() -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker command: the container test needs a Docker engine and the Lambda base image")
    listed = subprocess.run(["docker", "images", "-q", IMAGE], capture_output=True, text=True, check=False)
    if listed.returncode != 0 or not listed.stdout.strip():
        pytest.skip(f"no Docker engine with the image {IMAGE} here")


def test_the_submit_function_in_its_container_submits_to_the_simulator(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    deployment.simulator(scripts=[{"match": "calls/morning-walk.wav", "answers": [{"text": "from a container"}]}])
    before = deployment.submissions_of("calls/morning-walk.wav")
    status = invoke.invoke(
        deployment.info,
        "SubmitTranscriptionFunction",
        ROOT / "events" / "submit_transcription" / "one_recording.json",
    )
    answer = capfd.readouterr().out.strip().splitlines()[-1]
    assert (status, json.loads(answer)) == (0, {"batchItemFailures": []})
    # One for the upload's own event, one from the container.
    deployment.wait_for(
        lambda: deployment.submissions_of("calls/morning-walk.wav") == before + 2, "both submissions", 60
    )
    from_container = [
        url
        for request in deployment.simulator()["recorded"]
        if request["operation"] == "submit" and request["status"] == 200
        for url in request["body"]["input"].get("file_urls", [])
        if f"//{invoke.CONTAINER_HOST}:" in url
    ]
    assert len(from_container) == 1


def test_a_broken_message_is_handled_in_the_container_too(
    deployment: Deployment, capfd: pytest.CaptureFixture[str]
) -> None:
    status = invoke.invoke(
        deployment.info,
        "SubmitTranscriptionFunction",
        ROOT / "events" / "submit_transcription" / "broken_message.json",
    )
    assert status == 0
    assert '"batchItemFailures": []' in capfd.readouterr().out
