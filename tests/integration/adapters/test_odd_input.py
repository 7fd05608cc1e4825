"""What came in odd once, or could: records, replies, URLs and log lines that broke an adapter before it was mended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.adapters.dynamodb.items import from_item, to_item
from dashscribe.adapters.result_download import ResultDownload
from dashscribe.adapters.s3_media import S3Media
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.domain.transcripts.transcript import AudioFacts
from dashscribe.errors import ErrorClass, ResponseLost, ResultRefused, VendorError
from dashscribe.observability import redacted
from dashscribe.settings import FinalizeSettings
from dashscribe.wiring import _s3_client


def test_unknown_durations_of_a_silent_recording_are_read_back() -> None:
    facts = AudioFacts(duration_ms=None, speech_ms=0, channels=[])
    stored = to_item({"audio": facts.model_dump(mode="json")})
    assert AudioFacts.model_validate(from_item(stored)["audio"]) == facts


def test_numbers_in_parameters_stay_the_numbers_that_they_were() -> None:
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
        ("Throttling.AllocationQuota", "Free allocated quota exceeded.", ErrorClass.ACCOUNT_WIDE),
    ],
)
def test_a_minute_s_limit_does_not_stop_the_account(code: str, message: str, error_class: ErrorClass) -> None:
    assert classify(code, message, 429) is error_class


def named(host: str, _: int) -> list[str]:
    """Every name has an address, if it is a name at all."""
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
def test_an_odd_result_url_is_refused_for_good(url: str) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={}))) as client:
        source = ResultDownload(client, ("aliyuncs.com",), resolve=named)
        with pytest.raises(ResultRefused):
            source.download(url)


@pytest.mark.parametrize("entry", [".aliyuncs.com", "*.aliyuncs.com", " ALIYUNCS.com "])
def test_the_allow_list_is_read_as_it_was_meant(entry: str) -> None:
    settings = FinalizeSettings(
        jobs_table_name="t",
        event_bus_name="b",
        results_bucket_name="r",
        dashscope_base_url="https://d",
        result_host_allow_list=entry,
    )
    assert settings.allowed_hosts == ("aliyuncs.com",)


def dashscope(response: httpx.Response) -> DashScopeHttp:
    return DashScopeHttp(httpx.Client(transport=httpx.MockTransport(lambda _: response)), "https://d", lambda: "sk-k")


def test_a_body_that_does_not_unpack_is_a_lost_answer() -> None:
    broken = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))
    with pytest.raises(ResponseLost):
        dashscope(broken).submit(CATALOGUE["fun-asr"], ["https://m"], {})


@pytest.mark.parametrize("output", [None, {}])
def test_an_error_code_in_a_reply_of_200_counts(output: object) -> None:
    reply = httpx.Response(200, json={"code": "InvalidApiKey", "message": "m", "output": output})
    with pytest.raises(VendorError) as refused:
        dashscope(reply).query("t")
    assert (refused.value.code, refused.value.error_class) == ("InvalidApiKey", ErrorClass.ACCOUNT_WIDE)


def test_a_redacted_log_line_is_still_json() -> None:
    line = redacted(json.dumps({"a": "Bearer sk-abcdef", "b": 1, "c": 'said "Bearer st-xyzw"'}))
    assert json.loads(line) == {"a": "Bearer [redacted]", "b": 1, "c": 'said "Bearer [redacted]"'}


def test_a_percent_encoded_signature_is_taken_out_too() -> None:
    assert "5ec7e7" not in redacted("https%3A%2F%2Fm%2Fa%3FX-Amz-Signature%3D5ec7e7%26x")


def test_a_url_dies_with_its_credentials_even_in_their_last_minute() -> None:
    credentials: Any = SimpleNamespace(_expiry_time=datetime.now(UTC) + timedelta(seconds=30))
    url = S3Media(_s3_client(), 3600, credentials).presign(Media(bucket="b", key="k", size_bytes=1))
    assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= 30


def test_a_page_of_the_list_of_tasks_is_read() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert dict(request.url.params) == {"model_name": "fun-asr", "page_no": "2", "page_size": "100"}
        return httpx.Response(200, json={"total_page": 3, "data": [{"task_id": "t2", "gmt_create": 1745568293253}]})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    [listed] = DashScopeHttp(client, "https://d", lambda: "sk-k").list_page("fun-asr", 2, 100).data
    assert listed.task_id == "t2"
    assert listed.created_at == datetime(2025, 4, 25, 8, 4, 53, 253000, tzinfo=UTC)


def test_an_empty_list_without_page_numbers_is_an_empty_list() -> None:
    listed = dashscope(httpx.Response(200, json={"request_id": "r", "total": 0, "data": []})).list_page(
        "fun-asr", 1, 10
    )
    assert (listed.data, listed.total_page) == ([], 1)


def test_a_page_of_the_list_tells_the_size_that_the_server_allowed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.query, "ascii"))
        entries = [{"task_id": "t1", "status": "RUNNING"}, {"task_id": "t2", "status": "SUCCEEDED"}, {"task_id": "t3"}]
        return httpx.Response(200, json={"total_page": 2, "page_no": 2, "page_size": 10, "data": entries})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    page = DashScopeHttp(client, "https://d", lambda: "sk-k").list_page("fun-asr", 2, 100)
    assert asked == ["model_name=fun-asr&page_no=2&page_size=100"]
    assert (page.page_size, page.total_page) == (10, 2)
    assert [task.is_over for task in page.data] == [False, True, False]


@pytest.mark.parametrize("page_size", [None, 0, -1, "10", True])
def test_a_page_size_that_is_none_is_not_one(page_size: object) -> None:
    body = {"total_page": 1, "page_size": page_size, "data": []}
    assert dashscope(httpx.Response(200, json=body)).list_page("fun-asr", 1, 100).page_size is None


def test_a_page_of_something_else_is_no_list() -> None:
    with pytest.raises(VendorError) as refused:
        dashscope(httpx.Response(200, json={"output": {"tasks": []}})).list_page("fun-asr", 1, 100)
    assert (refused.value.code, refused.value.error_class) == ("NO_LIST", ErrorClass.PERMANENT)


def test_what_the_vendor_says_is_cut_to_what_an_event_can_hold() -> None:
    with pytest.raises(VendorError) as refused:
        dashscope(httpx.Response(400, json={"code": "c" * 100_000, "message": "m" * 100_000})).query("t")
    assert (len(refused.value.code), len(refused.value.message)) == (100, 500)
