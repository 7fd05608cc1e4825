"""After a run no signature, token or key is in anything that the stack stored or logged."""

from __future__ import annotations

import re

import pytest

from local.recordings import SAMPLES
from local.stack import API_KEY
from tests.end_to_end.conftest import Deployment

pytestmark = pytest.mark.stack
SECRET = re.compile(rf"X-Amz-Signature|X-Amz-Security-Token|OSSAccessKeyId|[?&]Signature=|{re.escape(API_KEY)}\b")


@pytest.fixture(scope="module")
def after_a_run(deployment: Deployment) -> Deployment:
    deployment.simulator(
        scripts=[
            {"match": "secret-ok.wav", "answers": [{"text": "the transcript"}]},
            {"match": "secret-bad.wav", "answers": [{"code": "FILE_CHECK_FAILED", "message": "cannot read file"}]},
        ]
    )
    body = (SAMPLES / "morning-walk.wav").read_bytes()
    for key in ("secret-ok.wav", "secret-bad.wav"):
        deployment.upload(key, body)
    for key in ("secret-ok.wav", "secret-bad.wav"):
        deployment.end_of(key)
    return deployment


def test_the_submissions_contained_secrets(after_a_run: Deployment) -> None:
    submitted = [r for r in after_a_run.simulator()["recorded"] if r["operation"] == "submit"]
    assert SECRET.search(str(submitted))


def test_no_secret_in_any_log_line(after_a_run: Deployment) -> None:
    lines = after_a_run.log_lines()
    assert "submitted" in lines
    assert not SECRET.search(lines)


def test_no_secret_in_any_event(after_a_run: Deployment) -> None:
    assert after_a_run.events
    assert not SECRET.search(str(after_a_run.events))


def test_no_secret_in_any_execution_history(after_a_run: Deployment) -> None:
    executions = after_a_run.executions()
    assert executions
    assert not SECRET.search(" ".join(executions))


def test_no_secret_in_any_stored_result(after_a_run: Deployment) -> None:
    listed = after_a_run.s3.list_objects_v2(Bucket=after_a_run.results_bucket)["Contents"]
    assert listed
    for item in listed:
        body = after_a_run.s3.get_object(Bucket=after_a_run.results_bucket, Key=item["Key"])["Body"].read().decode()
        assert not SECRET.search(body), item["Key"]


def test_no_secret_in_any_job_record(after_a_run: Deployment) -> None:
    jobs = after_a_run.jobs()
    assert jobs
    assert not SECRET.search(str(jobs))
