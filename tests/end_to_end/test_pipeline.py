"""The deployed template: recordings in, transcripts, files and events out."""

from __future__ import annotations

import io
import json
import re
import wave
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import jiwer
import pytest

from local.recordings import SAMPLES
from local.subscriber import Subscriber
from tests.end_to_end.conftest import Deployment, words

pytestmark = pytest.mark.stack
SAMPLE_LIST = json.loads((SAMPLES / "samples.json").read_text())
WAV = (SAMPLES / "morning-walk.wav").read_bytes()


@pytest.fixture(scope="module")
def sample_events(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """The samples, uploaded together with files that fail."""
    for sample in SAMPLE_LIST:
        deployment.upload(sample["key"], (SAMPLES / sample["file"]).read_bytes())
    deployment.upload("notes/minutes.docx", b"no recording")
    deployment.upload("noise.mp3", b"these bytes are no mp3 at all" * 100)
    deployment.upload("folder/", b"")
    keys = [*(sample["key"] for sample in SAMPLE_LIST), "notes/minutes.docx", "noise.mp3"]
    return {key: deployment.end_of(key) for key in keys}


@pytest.mark.parametrize("sample", SAMPLE_LIST, ids=lambda sample: sample["file"])
def test_real_speech_comes_out_as_text(
    deployment: Deployment, sample_events: dict[str, dict[str, Any]], sample: dict[str, str]
) -> None:
    text = deployment.result(sample_events[sample["key"]], "text").decode()
    rate = jiwer.wer(words(sample["text"]), words(text))
    print(f"word error rate of {sample['file']}: {rate:.1%}")
    assert rate <= 0.15


@pytest.mark.parametrize("sample", SAMPLE_LIST, ids=lambda sample: sample["file"])
def test_every_documented_file_exists_and_names_the_upload(
    deployment: Deployment, sample_events: dict[str, dict[str, Any]], sample: dict[str, str]
) -> None:
    event = sample_events[sample["key"]]
    detail = event["detail"]
    prefix = f"{sample['key']}/{detail['job_id']}/"
    listed = deployment.s3.list_objects_v2(Bucket=deployment.results_bucket, Prefix=prefix)["Contents"]
    assert {item["Key"] for item in listed} == set(detail["result"]["files"].values())
    assert (
        json.loads(deployment.result(event, "result"))["file_url"] == f"s3://{deployment.media_bucket}/{sample['key']}"
    )
    transcript = json.loads(deployment.result(event, "transcript"))
    assert transcript["channels"][0]["sentences"][0]["words"]
    assert b"-->" in deployment.result(event, "srt")
    assert deployment.result(event, "vtt").startswith(b"WEBVTT\n")
    job = json.loads(deployment.result(event, "job"))
    options = job["options"]
    assert (options["profile"], options["model"], options["parameters"]) == ("default", "fun-asr", {})
    assert detail["audio"]["duration_ms"] > 5000
    assert detail["usage"]["billed_seconds"] > 0
    assert detail["timing"]["uploaded_at"] < detail["timing"]["submitted_at"] < detail["timing"]["published_at"]


def test_the_events_follow_the_task_within_seconds(sample_events: dict[str, dict[str, Any]]) -> None:
    for sample in SAMPLE_LIST:
        timing = sample_events[sample["key"]]["detail"]["timing"]
        print(f"{sample['file']}: ended {timing['completed_at']}, published {timing['published_at']}")
        assert timing["completed_at"] <= timing["published_at"]


def test_a_failed_file_says_why(sample_events: dict[str, dict[str, Any]]) -> None:
    refused, undecodable = sample_events["notes/minutes.docx"], sample_events["noise.mp3"]
    assert refused["detail-type"] == undecodable["detail-type"] == "Transcription Failed"
    assert refused["detail"]["error"]["code"] == "UNSUPPORTED_FORMAT"
    assert "docx" in refused["detail"]["error"]["message"]
    assert undecodable["detail"]["error"]["code"] == "DECODE_ERROR"
    assert undecodable["detail"]["result"] is None


def test_a_folder_marker_makes_no_job(deployment: Deployment, sample_events: dict[str, dict[str, Any]]) -> None:
    assert sample_events
    assert not deployment.events_of("folder/")
    assert "folder/" not in {job["media"]["M"]["key"]["S"] for job in deployment.jobs()}


def test_the_presigned_url_works_only_with_its_own_signature(
    deployment: Deployment, sample_events: dict[str, dict[str, Any]]
) -> None:
    assert sample_events
    urls = [
        url
        for request in deployment.simulator()["recorded"]
        if request["operation"] == "submit" and request["status"] == 200
        for url in request["body"]["input"].get("file_urls", [])
    ]
    hard_key = SAMPLE_LIST[1]["key"]
    url = next(url for url in urls if unquote(urlsplit(url).path).endswith(hard_key))
    assert httpx.get(url).status_code == 200
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    signature = query["X-Amz-Signature"][0]
    forged = url.replace(signature, signature[::-1])
    assert httpx.get(forged).status_code == 403
    assert httpx.get(url.partition("?")[0]).status_code == 403


def test_the_speakers_of_a_conversation_are_named_and_its_words_are_filtered(deployment: Deployment) -> None:
    (sample,) = (sample for sample in SAMPLE_LIST if "turns" in sample)
    deployment.upload(
        "conversation.mp3",
        (SAMPLES / sample["file"]).read_bytes(),
        metadata={"dashscribe-parameters": json.dumps(sample["parameters"])},
    )
    text = deployment.result(deployment.end_of("conversation.mp3"), "text").decode()
    assert re.findall(r"^\[[\d:]+\] (.*)$", text, re.MULTILINE) == ["Speaker 1", "Speaker 2"] * 2
    assert "before the ***." in text


def test_options_come_from_the_profile_and_the_metadata(deployment: Deployment) -> None:
    deployment.simulator(scripts=[{"match": "meetings/standup.wav", "answers": [{"text": "short and good"}]}])
    deployment.upload("meetings/standup.wav", WAV, metadata={"dashscribe-parameters": '{"diarization_enabled": true}'})
    event = deployment.end_of("meetings/standup.wav")
    options = json.loads(deployment.result(event, "job"))["options"]
    assert (options["profile"], options["model"]) == ("meetings", "fun-asr-mtl")
    assert options["parameters"] == {"language_hints": ["en"], "diarization_enabled": True}
    assert deployment.result(event, "text") == b"short and good\n"


@pytest.mark.parametrize(
    ("name", "metadata", "named"),
    [
        ("model", {"dashscribe-model": "whisper-1"}, ("whisper-1", "fun-asr", "paraformer-v2")),
        ("parameter", {"dashscribe-parameters": '{"speed": 2}'}, ("speed", "channel_id")),
        ("metadata", {"dashscribe-modell": "fun-asr"}, ("dashscribe-modell", "dashscribe-model")),
    ],
)
def test_unknown_options_fail_at_once_and_cost_nothing(
    deployment: Deployment, name: str, metadata: dict[str, str], named: tuple[str, ...]
) -> None:
    key = f"unknown-{name}.wav"
    deployment.upload(key, WAV, metadata)
    error = deployment.end_of(key)["detail"]["error"]
    assert all(part in error["message"] for part in named)
    assert deployment.submissions_of(key) == 0


def test_a_broken_message_goes_to_the_dead_letter_queue_and_a_good_upload_does_not(deployment: Deployment) -> None:
    outputs = deployment.info.outputs
    deployment.simulator(scripts=[{"match": "with-a-broken-message.wav", "answers": [{"text": "fine"}]}])
    deployment.sqs.send_message(QueueUrl=outputs["SubmitQueueUrl"], MessageBody="{broken")
    deployment.upload("with-a-broken-message.wav", WAV)
    assert deployment.end_of("with-a-broken-message.wav")["detail-type"] == "Transcription Succeeded"

    def dead_letter() -> dict[str, Any] | None:
        reply = deployment.sqs.receive_message(
            QueueUrl=outputs["SubmitDeadLetterQueueUrl"],
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
        )
        return next((message for message in reply.get("Messages", []) if message["Body"] == "{broken"), None)

    message = deployment.wait_for(dead_letter, "the dead letter")
    assert message["MessageAttributes"]["reason"]["StringValue"] == "The message is not JSON."


def test_an_object_deleted_before_its_submission_fails_as_gone(deployment: Deployment) -> None:
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-01-01T00:00:00Z",
        "detail": {
            "bucket": {"name": deployment.media_bucket},
            "object": {"key": "gone.wav", "size": 10, "etag": "e", "sequencer": "01"},
        },
    }
    deployment.sqs.send_message(QueueUrl=deployment.info.outputs["SubmitQueueUrl"], MessageBody=json.dumps(event))
    assert deployment.end_of("gone.wav")["detail"]["error"]["code"] == "MEDIA_GONE"


def test_a_repeated_event_is_submitted_once(deployment: Deployment) -> None:
    s3_events = Subscriber(deployment.info, "s3-events", bus="default", source="aws.s3")
    deployment.simulator(scripts=[{"match": "repeated.wav", "answers": [{"text": "once"}]}])
    deployment.upload("repeated.wav", WAV)
    deployment.end_of("repeated.wav")
    event = deployment.wait_for(
        lambda: next((e for e in s3_events.receive() if e["detail"]["object"]["key"] == "repeated.wav"), None),
        "the S3 event",
    )
    for _ in range(3):
        deployment.sqs.send_message(QueueUrl=deployment.info.outputs["SubmitQueueUrl"], MessageBody=json.dumps(event))
    deployment.upload("after-the-repeats.txt", b"x")
    deployment.end_of("after-the-repeats.txt")
    assert deployment.submissions_of("repeated.wav") == 1
    assert [event["detail-type"] for event in deployment.events_of("repeated.wav")] == [
        "Transcription Submitted",
        "Transcription Succeeded",
    ]


def test_a_file_with_an_expired_url_is_submitted_again_with_a_new_url(deployment: Deployment) -> None:
    answers: list[dict[str, Any]] = [{"code": "FILE_403_FORBIDDEN"}, {"text": "the second submission"}]
    deployment.simulator(scripts=[{"match": "dead-url.wav", "answers": answers}])
    deployment.upload("dead-url.wav", WAV)
    detail = deployment.end_of("dead-url.wav")["detail"]
    assert (detail["status"], detail["attempts"]) == ("SUCCEEDED", 2)
    assert [event["detail-type"] for event in deployment.events_of("dead-url.wav")].count(
        "Transcription Submitted"
    ) == 1


def test_silent_audio_succeeds_with_an_empty_text_and_a_warning(deployment: Deployment) -> None:
    silence = io.BytesIO()
    with wave.open(silence, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
        file.writeframes(bytes(3 * 16000 * 2))
    deployment.upload("silence.wav", silence.getvalue())
    event = deployment.end_of("silence.wav")
    assert event["detail"]["error"] is None
    assert event["detail"]["status"] == "SUCCEEDED"
    assert event["detail"]["warnings"] == ["SUCCESS_WITH_NO_VALID_FRAGMENT"]
    assert deployment.result(event, "text") == b""


def test_of_two_loops_that_start_together_only_one_runs(deployment: Deployment) -> None:
    steps = deployment.info.client("stepfunctions")
    machine = deployment.info.outputs["PollTasksStateMachineArn"]
    before = len(deployment.simulator()["recorded"])
    deployment.simulator(scripts=[{"match": "slow.wav", "answers": [{"text": "slow", "seconds": 4}]}])
    deployment.upload("slow.wav", WAV)

    def submitted() -> bool:
        deployment.listen()
        return bool(deployment.events_of("slow.wav"))

    deployment.wait_for(submitted, "the submission that keeps a loop busy")
    started = [steps.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2)]

    def outputs() -> list[str] | None:
        described = [steps.describe_execution(executionArn=arn) for arn in started]
        ended = [each["output"] for each in described if each["status"] == "SUCCEEDED"]
        return ended if len(ended) == 2 else None

    ended = deployment.wait_for(outputs, "both executions")
    assert any("another loop holds the lease" in output for output in ended)
    assert deployment.end_of("slow.wav")["detail"]["status"] == "SUCCEEDED"
    queries = [r for r in deployment.simulator()["recorded"][before:] if r["operation"] == "query"]
    assert queries
    assert all(request["status"] == 200 for request in queries), "two loops exceeded the query rate"


def test_a_missing_permission_is_logged_and_its_return_resumes_the_work(deployment: Deployment) -> None:
    iam = deployment.info.client("iam")
    role = next(
        r["RoleName"] for r in iam.list_roles()["Roles"] if "FinalizeTranscriptionFunctionRole" in r["RoleName"]
    )
    name = iam.list_role_policies(RoleName=role)["PolicyNames"][0]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    without = {**policy, "Statement": [s for s in policy["Statement"] if s["Sid"] != "StoreResults"]}
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(without))
    deployment.simulator(scripts=[{"match": "forbidden.wav", "answers": [{"text": "after the permission is back"}]}])
    try:
        deployment.upload("forbidden.wav", WAV)
        denied = deployment.wait_for(
            lambda: "s3:PutObject" in deployment.log_lines(), "AccessDenied in the finalizer's log", 40
        )
        assert denied
        deployment.listen()
        assert "Transcription Succeeded" not in [e["detail-type"] for e in deployment.events_of("forbidden.wav")]
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    assert deployment.end_of("forbidden.wav", 90)["detail"]["status"] == "SUCCEEDED"
    assert deployment.submissions_of("forbidden.wav") == 1
