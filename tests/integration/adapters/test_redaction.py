"""Secrets are removed from every field of a log line."""

from __future__ import annotations

import json

import pytest

from dashscribe.adapters import aws_clients
from dashscribe.adapters.s3_media import S3Media
from dashscribe.domain.recognition.media import Media
from dashscribe.observability import logger, redacted
from tests.conftest import LogLines

SIGNATURE = "5ec7e7" + "0" * 58
S3_URL = (
    "https://media.s3.us-east-1.amazonaws.com/a%20b.wav?versionId=v1&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=ASIA5ECRET%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z"
    f"&X-Amz-Security-Token=IQoJ5ECRET%2F%2B&X-Amz-Signature={SIGNATURE}"
)
RESULT_URL = (
    "http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/p/17%3A31.json"
    "?Expires=1739525483&OSSAccessKeyId=LTAI5ECRET&Signature=5ecReT%2B5ecReT%3D"
)
KEY = "sk-5ec7e70123456789abcdef"
SECRETS = (SIGNATURE, "ASIA5ECRET", "IQoJ5ECRET", "LTAI5ECRET", "5ecReT", KEY)


def leaked(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize(
    "text",
    [
        S3_URL,
        RESULT_URL,
        f"download of {S3_URL} failed",
        f"'{S3_URL}', \"{RESULT_URL}\" and <{S3_URL}>",
        f"{S3_URL}\n{RESULT_URL}",
        f"url error: {S3_URL}, check url!",
        f"({S3_URL})",
        S3_URL.replace("https://", "HTTPS://").replace("X-Amz-", "x-amz-"),
        S3_URL.replace("a%20b.wav", "会议/录音 😀.wav"),
        S3_URL.replace("a%20b.wav", 'it\'s "quoted".wav'),
        f"X-Amz-Signature={SIGNATURE}",
        f"GET /a.wav?X-Amz-Credential=ASIA5ECRET%2F1&X-Amz-Signature={SIGNATURE} HTTP/1.1",
        "OSSAccessKeyId=LTAI5ECRET&Signature=5ecReT%3D",
        f"Authorization: Bearer {KEY} was refused",
        f"bearer  {KEY}",
        f"the key is {KEY}.",
        f"key={KEY},",
        repr({"Authorization": f"Bearer {KEY}"}),
        repr([S3_URL, RESULT_URL]),
        json.dumps({"url": S3_URL, "nested": {"urls": [RESULT_URL]}, "key": KEY}),
        json.dumps(json.dumps({"url": S3_URL, "key": KEY})),
    ],
)
def test_no_secret_remains_in_a_redacted_text(text: str) -> None:
    assert leaked(text) != []
    assert leaked(redacted(text)) == []


def test_the_address_without_its_query_is_kept() -> None:
    text = redacted(f"download of {S3_URL} failed: {RESULT_URL}")
    assert text == (
        "download of https://media.s3.us-east-1.amazonaws.com/a%20b.wav?[redacted] failed: "
        "http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/p/17%3A31.json?[redacted]"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "transcription failed",
        "s3://media/会议/a?b.wav",
        "https://dashscope-intl.aliyuncs.com/api/v1/tasks/1",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:api-key-AbCdEf",
        "task-1234 desk-lamp disk-full risk-free",
        "2026-01-01T00:00:00.000Z 3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
    ],
)
def test_a_text_without_secrets_is_unchanged(text: str) -> None:
    assert redacted(text) == text


def test_a_real_presigned_url_loses_its_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    media = Media(bucket="media", key="会议 +%'\"😀?.wav", version_id="v+1", size_bytes=1)
    url = S3Media(aws_clients.s3(), 60).presign(media)
    assert redacted(url) == url.partition("?")[0] + "?[redacted]"


def test_a_redacted_json_document_is_valid_json() -> None:
    document = {"a": S3_URL, "b": [RESULT_URL, KEY, 1], "c": f"it said: {S3_URL}", "d": {"e": None}}
    for line in (json.dumps(document), json.dumps(document, separators=(",", ":")), json.dumps(document, indent=1)):
        read = json.loads(redacted(line))
        assert read["b"][2] == 1
        assert read["c"] == "it said: https://media.s3.us-east-1.amazonaws.com/a%20b.wav?[redacted]"


def test_the_logger_redacts_secrets_in_every_field(log_lines: LogLines) -> None:
    logger.info("downloading %s", S3_URL)
    logger.warning("refused", reason=f"url error: {RESULT_URL}", job_ids=["a"], nested={"urls": [S3_URL, KEY]})
    logger.append_keys(last_url=RESULT_URL)
    try:
        logger.error("with a key appended")
    finally:
        logger.remove_keys(["last_url"])
    lines = log_lines()
    assert leaked(json.dumps(lines)) == []
    assert [line["level"] for line in lines] == ["INFO", "WARNING", "ERROR"]
    assert lines[1]["job_ids"] == ["a"]
    assert lines[2]["last_url"].endswith(".json?[redacted]")


def test_the_logger_redacts_secrets_in_exceptions(log_lines: LogLines) -> None:
    try:
        raise ValueError(f"cannot fetch {S3_URL} with {KEY}")
    except ValueError:
        logger.exception("failed")
    [line] = log_lines()
    assert leaked(json.dumps(line)) == []
    assert line["exception_name"] == "ValueError"
    assert (
        "cannot fetch https://media.s3.us-east-1.amazonaws.com/a%20b.wav?[redacted] with [redacted]"
        in (line["exception"])
    )
