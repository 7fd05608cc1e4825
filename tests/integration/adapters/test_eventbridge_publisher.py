"""Every event arrives in the shape of docs/architecture.md#fixed-interfaces, or `PublishFailed` is raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from dashscribe.adapters.eventbridge_publisher import EventBridgePublisher
from dashscribe.domain.jobs.events import pause_detail
from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.pause import Announcement, Pauses, end_pauses, start_pause
from dashscribe.errors import PublishFailed

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

MakeJob = Callable[..., Job]
Subscriber = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def bus(aws: None) -> EventBridgeClient:
    client = boto3.client("events")
    client.create_event_bus(Name="the-bus")
    return client


@pytest.fixture
def subscriber(bus: EventBridgeClient) -> Subscriber:
    """A subscriber's rule and queue. Returns the events that have arrived."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="ours", EventBusName="the-bus", EventPattern=json.dumps({"source": ["dashscribe"]}))
    bus.put_targets(Rule="ours", EventBusName="the-bus", Targets=[{"Id": "queue", "Arn": arn}])

    def received() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            events += [json.loads(message["Body"]) for message in messages]
        return events

    return received


@pytest.fixture
def succeeded(make_job: MakeJob, now: datetime) -> Job:
    return make_job(
        status=Status.SUCCEEDED,
        media={"bucket": "media", "key": "会议 +.wav", "version_id": None, "etag": "e", "size_bytes": 123},
        options={"profile": "calls", "model": "fun-asr", "parameters": {}},
        task_id="t-1",
        attempts=1,
        submitted_at=now,
        completed_at=now + timedelta(seconds=3),
        result={
            "bucket": "results",
            "prefix": "会议 +.wav/j/",
        },
        audio={"duration_ms": 3834, "speech_ms": 2480, "channels": [0]},
        usage={"billed_seconds": 4, "estimated_cost_usd": 0.00014},
        request_ids={"submission": "r-1", "query": "r-2"},
    )


def test_a_subscriber_receives_the_event_in_the_documented_shape(
    bus: EventBridgeClient, subscriber: Subscriber, succeeded: Job, now: datetime
) -> None:
    EventBridgePublisher(bus, "the-bus").publish([succeeded], now + timedelta(seconds=4))
    [event] = subscriber()
    assert (event["source"], event["detail-type"]) == ("dashscribe", "Transcription Succeeded")
    assert event["detail"] == {
        "schema_version": "1.0",
        "job_id": "a" * 32,
        "status": "SUCCEEDED",
        "media": {"bucket": "media", "key": "会议 +.wav", "version_id": None, "etag": "e", "size_bytes": 123},
        "model": "fun-asr",
        "profile": "calls",
        "task_id": "t-1",
        "attempts": 1,
        "request_id": "r-2",
        "request_ids": {"submission": "r-1", "query": "r-2", "error": None},
        "result": {
            "bucket": "results",
            "prefix": "会议 +.wav/j/",
            "files": {
                "result": "会议 +.wav/j/result.json",
                "transcript": "会议 +.wav/j/transcript.json",
                "text": "会议 +.wav/j/transcript.txt",
                "srt": "会议 +.wav/j/transcript.srt",
                "vtt": "会议 +.wav/j/transcript.vtt",
                "job": "会议 +.wav/j/job.json",
            },
        },
        "audio": {"duration_ms": 3834, "speech_ms": 2480, "channels": [0], "format": None, "sample_rate": None},
        "usage": {"billed_seconds": 4, "estimated_cost_usd": 0.00014, "tokens": None},
        "warnings": [],
        "warning_details": [],
        "timing": {
            "uploaded_at": "2026-01-01T12:00:00.123Z",
            "submitted_at": "2026-01-01T12:00:00.123Z",
            "scheduled_at": None,
            "completed_at": "2026-01-01T12:00:03.123Z",
            "published_at": "2026-01-01T12:00:04.123Z",
        },
        "error": None,
        "delay": None,
    }


def test_a_delayed_event_has_its_reason(
    bus: EventBridgeClient, subscriber: Subscriber, make_job: MakeJob, now: datetime
) -> None:
    stalled = make_job(status=Status.RECEIVED, last_error_code="Throttling.RateQuota", stalled_since=now)
    EventBridgePublisher(bus, "the-bus").publish_delay(stalled, now)
    [event] = subscriber()
    assert event["detail-type"] == "Transcription Delayed"
    assert (event["detail"]["status"], event["detail"]["delay"]["code"]) == ("RECEIVED", "Throttling.RateQuota")


def test_an_event_of_an_older_record_has_no_signature(
    bus: EventBridgeClient, subscriber: Subscriber, make_job: MakeJob, now: datetime
) -> None:
    message = "cannot download https://m.s3.amazonaws.com/st-john.wav?X-Amz-Signature=5ec7e7, st-john.wav is gone"
    failure = {"code": "X-Amz-Signature=5ec7e7", "message": message, "category": "permanent"}
    EventBridgePublisher(bus, "the-bus").publish([make_job(status=Status.FAILED, failure=failure)], now)
    [event] = subscriber()
    assert "5ec7e7" not in json.dumps(event)
    assert event["detail"]["error"]["message"] == (
        "cannot download https://m.s3.amazonaws.com/st-john.wav?[redacted] st-john.wav is gone"
    )


def test_a_failed_event_has_the_reason_and_no_result(
    bus: EventBridgeClient, subscriber: Subscriber, make_job: MakeJob, now: datetime
) -> None:
    failure = {"code": "FILE_TOO_LARGE", "message": "太大", "category": "permanent"}
    EventBridgePublisher(bus, "the-bus").publish([make_job(status=Status.FAILED, failure=failure)], now)
    [event] = subscriber()
    assert event["detail-type"] == "Transcription Failed"
    assert (event["detail"]["error"], event["detail"]["result"]) == (failure, None)


def test_a_submitted_event_has_its_own_detail_type(
    bus: EventBridgeClient, subscriber: Subscriber, make_job: MakeJob, now: datetime
) -> None:
    EventBridgePublisher(bus, "the-bus").publish([make_job(status=Status.SUBMITTED, submitted_at=now)], now)
    assert [event["detail-type"] for event in subscriber()] == ["Transcription Submitted"]


def test_more_events_than_fit_one_call_all_arrive_once(
    bus: EventBridgeClient, subscriber: Subscriber, make_job: MakeJob, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sizes = bus.put_events, []

    def counted(Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's own name
        sizes.append(len(Entries))
        return real(Entries=Entries)

    monkeypatch.setattr(bus, "put_events", counted)
    names = [f"{number:032x}" for number in range(23)]
    EventBridgePublisher(bus, "the-bus").publish([make_job(name, status=Status.SUBMITTED) for name in names], now)
    assert sizes == [10, 10, 3]
    assert sorted(event["detail"]["job_id"] for event in subscriber()) == names


def test_no_call_is_made_without_jobs(bus: EventBridgeClient, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(type(bus), "put_events")
    EventBridgePublisher(bus, "the-bus").publish([], now)


def test_a_refused_entry_of_a_successful_call_is_an_error(
    bus: EventBridgeClient, make_job: MakeJob, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def partly_refused(Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - the SDK's own name
        calls.append(len(Entries))
        entries: list[dict[str, str]] = [{"EventId": "e"} for _ in Entries]
        if len(calls) == 1:
            entries[3] = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
        return {"FailedEntryCount": 1, "Entries": entries, "ResponseMetadata": {"HTTPStatusCode": 200}}

    monkeypatch.setattr(bus, "put_events", partly_refused)
    jobs = [make_job(f"job-{number}", status=Status.SUBMITTED) for number in range(12)]
    with pytest.raises(PublishFailed, match="refused 1 of 12 events: job-3: ThrottlingException") as failed:
        EventBridgePublisher(bus, "the-bus").publish(jobs, now)
    assert calls == [10, 2], "the other events must be published"
    assert failed.value.job_ids == {"job-3"}


def test_one_invalid_event_does_not_stop_the_others_of_its_call(
    bus: EventBridgeClient, subscriber: Subscriber, make_job: MakeJob, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_events: Callable[..., Any] = bus.put_events

    def strict(Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's own name
        if any("job-3" in entry["Detail"] for entry in Entries):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "too large"}}, "PutEvents")
        return put_events(Entries=Entries)

    monkeypatch.setattr(bus, "put_events", strict)
    jobs = [make_job(f"job-{number}", status=Status.SUBMITTED) for number in range(12)]
    with pytest.raises(PublishFailed, match="refused 1 of 12 events: job-3: ValidationException") as failed:
        EventBridgePublisher(bus, "the-bus").publish(jobs, now)
    assert failed.value.job_ids == {"job-3"}
    published = [event["detail"]["job_id"] for event in subscriber()]
    assert sorted(published) == sorted({job.job_id for job in jobs} - {"job-3"})


def test_after_a_call_without_a_reply_its_events_and_the_later_ones_are_published_again(
    bus: EventBridgeClient, make_job: MakeJob, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def unreachable_at_the_second_call(Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's own name
        calls.append(len(Entries))
        if len(calls) == 2:
            raise ReadTimeoutError(endpoint_url="https://events")
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}

    monkeypatch.setattr(bus, "put_events", unreachable_at_the_second_call)
    jobs = [make_job(f"job-{number:02}", status=Status.SUBMITTED) for number in range(25)]
    with pytest.raises(PublishFailed, match="call of EventBridge failed") as failed:
        EventBridgePublisher(bus, "the-bus").publish(jobs, now)
    assert calls == [10, 10]
    assert failed.value.job_ids == {f"job-{number}" for number in range(10, 25)}


def test_a_refused_call_is_an_error(
    bus: EventBridgeClient, make_job: MakeJob, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise ClientError({"Error": {"Code": "InternalException", "Message": "x"}}, "PutEvents")

    monkeypatch.setattr(bus, "put_events", refused)
    with pytest.raises(PublishFailed, match="InternalException"):
        EventBridgePublisher(bus, "the-bus").publish([make_job(status=Status.SUBMITTED)], now)


def test_an_unreachable_bus_is_an_error(
    bus: EventBridgeClient, make_job: MakeJob, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://events")

    monkeypatch.setattr(bus, "put_events", unreachable)
    with pytest.raises(PublishFailed, match="call of EventBridge failed"):
        EventBridgePublisher(bus, "the-bus").publish([make_job(status=Status.SUBMITTED)], now)


def test_a_call_stays_below_256_kb_with_keys_that_grow_as_json(
    bus: EventBridgeClient, succeeded: Job, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control character has one byte in a key and six in JSON."""
    key = "\x01" * 1024
    names = ("result", "transcript", "text", "srt", "vtt", "job")
    files = {"bucket": "results", "prefix": key, "files": dict.fromkeys(names, key)}
    longest = Job.model_validate(
        {**succeeded.model_dump(), "media": {**succeeded.media.model_dump(), "key": key}, "result": files}
    )
    sizes: list[int] = []

    def counted(Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's own name
        sizes.append(sum(len(entry[part].encode()) for entry in Entries for part in ("Source", "DetailType", "Detail")))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}

    monkeypatch.setattr(bus, "put_events", counted)
    EventBridgePublisher(bus, "the-bus").publish([longest] * 20, now)
    assert len(sizes) > 2
    assert max(sizes) < 256 * 1024


def test_as_many_events_as_fit_go_into_one_call(
    bus: EventBridgeClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call costs a request. Two events of 125,000 bytes fill one."""
    calls: list[list[int]] = []

    def counted(Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's own name
        calls.append([len(entry["Detail"].encode()) for entry in Entries])
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}

    def announcement(size: int) -> Announcement:
        [begun] = start_pause(Pauses(), "Arrearage", "", now).announcements
        empty = len(pause_detail(begun).model_dump_json().encode())
        message = "é" * ((size - empty) // 2) + "x" * ((size - empty) % 2)
        return begun.model_copy(update={"pause": begun.pause.model_copy(update={"message": message})})

    monkeypatch.setattr(bus, "put_events", counted)
    sizes = [125_000, 125_000, 1_000, 125_000, 124_000, 1_000, 260_000, 1_000]
    EventBridgePublisher(bus, "the-bus").announce([announcement(size) for size in sizes])
    assert calls == [[125_000, 125_000], [1_000, 125_000, 124_000], [1_000], [260_000], [1_000]]


def test_the_start_and_the_end_of_a_pause_are_events_that_name_its_scope(
    bus: EventBridgeClient, subscriber: Subscriber, now: datetime
) -> None:
    pauses = start_pause(Pauses(), "AllocationQuota.FreeTierOnly", "used up", now, model="fun-asr")
    pauses = end_pauses(pauses, ["fun-asr"], now + timedelta(seconds=4))
    EventBridgePublisher(bus, "the-bus").announce(pauses.announcements)
    events = {event["detail-type"]: event["detail"] for event in subscriber()}
    detail = {
        "schema_version": "1.0",
        "scope": "model",
        "model": "fun-asr",
        "reason": "AllocationQuota.FreeTierOnly",
        "message": "used up",
        "paused_at": "2026-01-01T12:00:00.123Z",
        "resumed_at": None,
    }
    assert events == {
        "Submissions Paused": detail,
        "Submissions Resumed": {**detail, "resumed_at": "2026-01-01T12:00:04.123Z"},
    }
