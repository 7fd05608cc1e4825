"""Unusual records, replies, URLs and log lines, most of which once caused an error in an adapter."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dashscribe.adapters import aws_clients
from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.adapters.dynamodb.items import from_item, to_item
from dashscribe.adapters.result_download import ResultDownload
from dashscribe.adapters.s3_media import S3Media
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.errors import ErrorClass, ResponseLost, ResultRefused, VendorError
from dashscribe.observability import redacted
from dashscribe.settings import FinalizeSettings


def test_unknown_durations_of_a_silent_recording_are_stored_and_read() -> None:
    facts = AudioFacts(duration_ms=None, speech_ms=0, channels=[])
    stored = to_item({"audio": facts.model_dump(mode="json")})
    assert AudioFacts.model_validate(from_item(stored)["audio"]) == facts


def test_a_value_that_the_table_cannot_store_is_an_error_that_names_its_type() -> None:
    with pytest.raises(TypeError, match="cannot store a value of the type set"):
        to_item({"parameters": {"languages": {"zh", "en"}}})


def test_numbers_in_parameters_keep_their_type_and_value() -> None:
    parameters: dict[str, Any] = {"channel_id": [0, 1], "speech_noise_threshold": 0.5, "deep": [{"n": 2}]}
    for _ in range(3):
        parameters = from_item(to_item({"parameters": parameters}))["parameters"]
    assert json.dumps(parameters) == '{"channel_id": [0, 1], "speech_noise_threshold": 0.5, "deep": [{"n": 2}]}'


@pytest.mark.parametrize(
    ("code", "message", "error_class"),
    [
        (
            "Throttling.AllocationQuota",
            "Allocated quota exceeded, please increase your quota limit.",
            ErrorClass.THROTTLED,
        ),
        (
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing",
            ErrorClass.THROTTLED,
        ),
        ("Throttling.AllocationQuota", "Free allocated quota exceeded.", ErrorClass.MODEL_WIDE),
    ],
)
def test_a_limit_per_minute_does_not_pause_the_account(code: str, message: str, error_class: ErrorClass) -> None:
    assert classify(code, message, 429) is error_class


def resolve_any_name(host: str, _: int) -> list[str]:
    """Resolve every valid host name to a public address."""
    host.encode("idna")
    return ["8.8.8.8"]


@pytest.mark.parametrize(
    "url",
    [
        "https://a..aliyuncs.com/x",
        "https://" + "a" * 64 + ".aliyuncs.com/x",
        "https://[::1/x",
        "https://x.aliyuncs.com:99999/",
        "https://x.aliyuncs.com:0x50/",
        "https://x.aliyuncs.com/a\nb",
        "https://:pw@x.aliyuncs.com/",
    ],
)
def test_an_invalid_result_url_is_refused(url: str) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={}))) as client:
        source = ResultDownload(client, ("aliyuncs.com",), resolve=resolve_any_name)
        with pytest.raises(ResultRefused):
            source.download(url)


@pytest.mark.parametrize("entry", [".aliyuncs.com", "*.aliyuncs.com", " ALIYUNCS.com "])
def test_an_entry_of_the_allow_list_may_have_a_dot_a_star_and_blanks(entry: str) -> None:
    settings = FinalizeSettings(
        jobs_table_name="t",
        event_bus_name="b",
        results_bucket_name="r",
        dashscope_base_url="https://d",
        result_host_allow_list=entry,
    )
    assert settings.allowed_hosts == ("aliyuncs.com",)


def dashscope(response: httpx.Response) -> DashScopeHttp:
    return answering(lambda _: response)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> DashScopeHttp:
    return DashScopeHttp(httpx.Client(transport=httpx.MockTransport(answer)), "https://d", lambda: "sk-k")


def test_a_body_that_cannot_be_decompressed_is_a_lost_response() -> None:
    broken = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))
    with pytest.raises(ResponseLost):
        dashscope(broken).submit(CATALOGUE["fun-asr"], ["https://m"], {})


@pytest.mark.parametrize("output", [None, {}])
def test_an_error_code_with_http_200_is_an_error(output: object) -> None:
    reply = httpx.Response(200, json={"code": "InvalidApiKey", "message": "m", "output": output})
    with pytest.raises(VendorError) as refused:
        dashscope(reply).query("t")
    assert (refused.value.code, refused.value.error_class) == ("InvalidApiKey", ErrorClass.ACCOUNT_WIDE)


def test_a_redacted_log_line_is_valid_json() -> None:
    line = redacted(json.dumps({"a": "Bearer sk-abcdef", "b": 1, "c": 'said "Bearer st-xyzw"'}))
    assert json.loads(line) == {"a": "Bearer [redacted]", "b": 1, "c": 'said "Bearer [redacted]"'}


def test_a_percent_encoded_signature_is_redacted() -> None:
    assert "5ec7e7" not in redacted("https%3A%2F%2Fm%2Fa%3FX-Amz-Signature%3D5ec7e7%26x")


def test_a_url_expires_with_credentials_that_have_less_than_a_minute_left() -> None:
    credentials: Any = SimpleNamespace(_expiry_time=datetime.now(UTC) + timedelta(seconds=30))
    url = S3Media(aws_clients.s3(), 3600, credentials).presign(Media(bucket="b", key="k", size_bytes=1))
    assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= 30


def test_a_page_of_the_task_list_is_read() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert dict(request.url.params) == {"model_name": "fun-asr", "page_no": "2", "page_size": "100"}
        return httpx.Response(200, json={"total_page": 3, "data": [{"task_id": "t2", "gmt_create": 1745568293253}]})

    [listed] = answering(answer).list_page("fun-asr", 2, 100).data
    assert listed.task_id == "t2"
    assert listed.created_at == datetime(2025, 4, 25, 8, 4, 53, 253000, tzinfo=UTC)


def test_an_empty_task_list_may_lack_page_numbers() -> None:
    listed = dashscope(httpx.Response(200, json={"request_id": "r", "total": 0, "data": []})).list_page(
        "fun-asr", 1, 10
    )
    assert (listed.data, listed.total_page) == ([], 1)


def test_a_page_of_the_task_list_has_the_size_that_the_server_used() -> None:
    queries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        queries.append(str(request.url.query, "ascii"))
        entries = [{"task_id": "t1", "status": "RUNNING"}, {"task_id": "t2", "status": "SUCCEEDED"}, {"task_id": "t3"}]
        return httpx.Response(200, json={"total_page": 2, "page_no": 2, "page_size": 10, "data": entries})

    page = answering(answer).list_page("fun-asr", 2, 100)
    assert queries == ["model_name=fun-asr&page_no=2&page_size=100"]
    assert (page.page_size, page.total_page) == (10, 2)
    assert [task.is_over for task in page.data] == [False, True, False]


def test_a_server_that_refuses_a_page_of_100_entries_is_asked_for_10_from_then_on() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(int(request.url.params["page_size"]))
        if sizes[-1] > 10:
            return httpx.Response(400, json={"code": "InvalidParameter", "message": "page_size"})
        return httpx.Response(200, json={"total_page": 2, "data": [{"task_id": "t1"}]})

    speech = answering(answer)
    for page in (1, 2):
        assert [listed.task_id for listed in speech.list_page("fun-asr", page, 100).data] == ["t1"]
    assert sizes == [100, 10, 10]


def test_a_list_that_refuses_every_request_is_asked_twice_and_its_error_is_raised() -> None:
    sizes: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(request.url.params["page_size"])
        return httpx.Response(400, json={"code": "InvalidParameter", "message": "model_name"})

    speech = answering(answer)
    with pytest.raises(VendorError, match="model_name"):
        speech.list_page("fun-asr", 1, 100)
    assert sizes == ["100", "10"]


def test_an_error_of_the_whole_account_is_not_asked_for_twice() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(400, json={"code": "Arrearage", "message": "Access denied, the account is overdue."})

    speech = answering(answer)
    with pytest.raises(VendorError, match="overdue"):
        speech.list_page("fun-asr", 1, 100)
    assert len(requests) == 1


@pytest.mark.parametrize("page_size", [None, 0, -1, "ten", True])
def test_an_invalid_page_size_is_unknown(page_size: object) -> None:
    body = {"total_page": 1, "page_size": page_size, "data": []}
    assert dashscope(httpx.Response(200, json=body)).list_page("fun-asr", 1, 100).page_size is None


def test_a_response_that_is_not_a_task_list_is_an_error() -> None:
    with pytest.raises(VendorError, match=r"NO_LIST: .* is not a task list") as refused:
        dashscope(httpx.Response(200, json={"output": {"tasks": []}})).list_page("fun-asr", 1, 100)
    assert (refused.value.code, refused.value.error_class) == ("NO_LIST", ErrorClass.PERMANENT)


def test_a_long_code_and_message_are_truncated() -> None:
    with pytest.raises(VendorError) as refused:
        dashscope(httpx.Response(400, json={"code": "c" * 100_000, "message": "m" * 100_000})).query("t")
    assert (len(refused.value.code), len(refused.value.message)) == (100, 500)
