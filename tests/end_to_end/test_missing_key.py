"""Without an API key uploads wait and none fails; the log and the alarm say why. With a key they resume."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from local.recordings import SAMPLES
from local.stack import API_KEY
from tests.end_to_end.conftest import Deployment

pytestmark = pytest.mark.stack
WAV = (SAMPLES / "morning-walk.wav").read_bytes()


def extract_pauses(deployment: Deployment) -> None:
    """Publish the embedded metrics of the log lines, as CloudWatch does and MiniStack does not."""
    for line in deployment.log_lines().splitlines():
        record = json.loads(line) if line.startswith('{"_aws"') else {}
        if max(record.get("SubmissionsPaused", [0])):
            [block] = record["_aws"]["CloudWatchMetrics"]
            for dimensions in block["Dimensions"]:
                deployment.info.client("cloudwatch").put_metric_data(
                    Namespace=block["Namespace"],
                    MetricData=[
                        {
                            "MetricName": "SubmissionsPaused",
                            "Dimensions": [{"Name": name, "Value": record[name]} for name in dimensions],
                            "Value": max(record["SubmissionsPaused"]),
                        }
                    ],
                )


def test_uploads_wait_for_the_key_and_resume_when_it_is_there(deployment: Deployment) -> None:
    secrets, arn = deployment.info.client("secretsmanager"), deployment.info.outputs["ApiKeySecretArn"]
    deployment.simulator(scripts=[{"match": "keyless/", "answers": [{"text": "after the pause"}]}])
    numbers = itertools.count()
    secrets.put_secret_value(SecretId=arn, SecretString="PLACEHOLDER - put the DashScope API key here")
    try:

        def waiting() -> str | None:
            deployment.upload(f"keyless/{next(numbers)}.wav", WAV)
            deployment.listen(wait_seconds=2)
            paused = [job for job in deployment.jobs() if job.get("last_error_code") == {"S": "API_KEY_MISSING"}]
            return str(paused[-1]["media"]["M"]["key"]["S"]) if paused else None

        key: str = deployment.wait_for(waiting, "the changed secret to take effect", 90)
        assert "submissions paused" in deployment.log_lines()
        assert arn in deployment.log_lines()

        def alarm() -> bool:
            extract_pauses(deployment)
            alarms: list[dict[str, Any]] = deployment.info.client("cloudwatch").describe_alarms()["MetricAlarms"]
            return any(each["StateValue"] == "ALARM" and "SubmissionsPaused" in each["AlarmName"] for each in alarms)

        deployment.wait_for(alarm, "the alarm", 90)
        assert not deployment.events_of(key), "a waiting upload has neither been submitted nor failed"
    finally:
        secrets.put_secret_value(SecretId=arn, SecretString=f'{{"api_key": "{API_KEY}"}}')
    assert deployment.end_of(key, 180)["detail"]["status"] == "SUCCEEDED"
    for number in range(next(numbers)):
        assert deployment.end_of(f"keyless/{number}.wav", 60)["detail"]["status"] == "SUCCEEDED"
