"""Requests about tasks: what is sent, and which error each response becomes. No request is repeated."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest

from dashscribe.adapters import dashscope_http
from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable

BASE = "https://dashscope-intl.aliyuncs.com"
FUN_ASR = CATALOGUE["fun-asr"]
ACCEPTED = {"request_id": "r", "output": {"task_id": "task-1", "task_status": "PENDING"}}
Answer = Callable[[httpx.Request], httpx.Response]


class Vendor:
    """A DashScope that returns one fixed response and records the requests."""

    def __init__(self, answer: Answer, workspace_id: str = "", base_url: str = BASE) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        client = httpx.Client(transport=httpx.MockTransport(self._reply), follow_redirects=True)
        self.adapter = DashScopeHttp(client, base_url, lambda: "sk-secret-key", workspace_id)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    @property
    def request(self) -> httpx.Request:
        [request] = self.requests
        return request


def answering(status: int, body: object = None, text: str | None = None) -> Answer:
    return lambda _: httpx.Response(status, text=text) if text is not None else httpx.Response(status, json=body)


def breaking(error: type[httpx.TransportError]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    return answer


# what is sent


def test_a_submission_is_one_post_with_all_required_headers_and_fields() -> None:
    vendor = Vendor(answering(200, ACCEPTED))
    urls = ["https://m.s3.us-east-1.amazonaws.com/a%20b.wav?X-Amz-Signature=1", "https://m/会议.wav?x=%2B"]
    assert vendor.adapter.submit(FUN_ASR, urls, {"channel_id": [0, 1], "language_hints": ["zh"]}) == ("task-1", "r")
    request = vendor.request
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/api/v1/services/audio/asr/transcription")
    assert request.headers["authorization"] == "Bearer sk-secret-key"
    assert request.headers["x-dashscope-async"] == "enable"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "model": "fun-asr",
        "input": {"file_urls": urls},
        "parameters": {"channel_id": [0, 1], "language_hints": ["zh"]},
    }


def test_a_submission_without_parameters_sends_an_empty_object() -> None:
    vendor = Vendor(answering(200, ACCEPTED))
    vendor.adapter.submit(FUN_ASR, ["https://m/a.wav"], {})
    assert json.loads(vendor.request.content)["parameters"] == {}


def test_a_query_is_one_get_of_the_task() -> None:
    vendor = Vendor(answering(200, {"output": {"task_id": "task-1", "task_status": "RUNNING"}}))
    assert vendor.adapter.query("task-1").output.task_status == "RUNNING"
    assert (vendor.request.method, str(vendor.request.url)) == ("GET", f"{BASE}/api/v1/tasks/task-1")
    assert vendor.request.headers["authorization"] == "Bearer sk-secret-key"
    assert "x-dashscope-async" not in vendor.request.headers


def test_any_character_of_a_task_id_is_part_of_it() -> None:
    vendor = Vendor(answering(200, {"output": {"task_id": "t", "task_status": "RUNNING"}}))
    vendor.adapter.query("../a b?c/任")
    assert vendor.request.url.raw_path == b"/api/v1/tasks/..%2Fa%20b%3Fc%2F%E4%BB%BB"


def test_a_cancellation_is_one_post_to_the_task() -> None:
    vendor = Vendor(answering(200, {"request_id": "r"}))
    vendor.adapter.cancel("task/1 2")
    assert (vendor.request.method, str(vendor.request.url)) == ("POST", f"{BASE}/api/v1/tasks/task%2F1%202/cancel")
    assert vendor.request.headers["authorization"] == "Bearer sk-secret-key"


def test_a_refused_cancellation_is_an_error() -> None:
    vendor = Vendor(answering(400, {"code": "UnsupportedOperation", "message": "the task runs"}))
    with pytest.raises(VendorError, match="UnsupportedOperation"):
        vendor.adapter.cancel("task-1")


def test_the_workspace_header_is_sent_only_if_a_workspace_is_set() -> None:
    named = Vendor(answering(200, ACCEPTED), workspace_id="ws-1")
    named.adapter.submit(FUN_ASR, ["u"], {})
    named.adapter.query("t")
    assert [request.headers["x-dashscope-workspace"] for request in named.requests] == ["ws-1", "ws-1"]
    unnamed = Vendor(answering(200, ACCEPTED))
    unnamed.adapter.submit(FUN_ASR, ["u"], {})
    assert "x-dashscope-workspace" not in unnamed.request.headers


def test_a_slash_at_the_end_of_the_base_url_is_ignored() -> None:
    vendor = Vendor(answering(200, ACCEPTED), base_url=f"{BASE}/")
    vendor.adapter.query("t")
    assert vendor.request.url.path == "/api/v1/tasks/t"


def test_a_new_key_is_used_for_the_next_request() -> None:
    keys = iter(["sk-old", "sk-new"])
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json=ACCEPTED)

    adapter = DashScopeHttp(httpx.Client(transport=httpx.MockTransport(answer)), BASE, lambda: next(keys))
    adapter.query("t")
    adapter.query("t")
    assert seen == ["Bearer sk-old", "Bearer sk-new"]


def test_no_workspace_is_the_default() -> None:
    vendor = Vendor(answering(200, ACCEPTED))
    DashScopeHttp(httpx.Client(transport=httpx.MockTransport(vendor._reply)), BASE, lambda: "sk-1").query("t")
    assert "x-dashscope-workspace" not in vendor.request.headers


def test_without_a_key_nothing_is_sent() -> None:
    vendor = Vendor(answering(200, ACCEPTED))

    def no_key() -> str:
        raise VendorError("API_KEY_MISSING", "store the key", ErrorClass.ACCOUNT_WIDE)

    client = httpx.Client(transport=httpx.MockTransport(vendor._reply))
    with pytest.raises(VendorError, match="API_KEY_MISSING"):
        DashScopeHttp(client, BASE, no_key).submit(FUN_ASR, ["u"], {})
    assert vendor.requests == []


# replies


def test_a_finished_task_is_read_with_its_files_and_unknown_fields_are_ignored() -> None:
    output = {
        "task_id": "t",
        "task_status": "SUCCEEDED",
        "end_time": "2025-02-13 17:31:23.000",
        "new_field": {"a": 1},
        "results": [
            {"file_url": "f", "transcription_url": "http://r/1%3A2.json", "subtask_status": "SUCCEEDED", "x": 1},
            {"file_url": "g", "code": "InvalidFile.DownloadFailed", "message": "m", "subtask_status": "FAILED"},
        ],
        "task_metrics": {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1},
    }
    reply = Vendor(answering(200, {"request_id": "r", "output": output, "usage": {"duration": 9}})).adapter.query("t")
    assert [(task.transcription_url, task.code) for task in reply.output.results or []] == [
        ("http://r/1%3A2.json", None),
        (None, "InvalidFile.DownloadFailed"),
    ]


@pytest.mark.parametrize("status", ["UNKNOWN", "FAILED", "SUSPENDED", "SOMETHING_NEW"])
def test_a_task_with_any_status_is_not_an_error(status: str) -> None:
    output = {"task_id": "t", "task_status": status, "code": "FILE_403_FORBIDDEN", "message": "m"}
    reply = Vendor(answering(200, {"output": output})).adapter.query("t")
    assert (reply.output.task_status, reply.output.code) == (status, "FILE_403_FORBIDDEN")


# errors


OPERATIONS: dict[str, Callable[[DashScopeHttp], object]] = {
    "submit": lambda adapter: adapter.submit(FUN_ASR, ["u"], {}),
    "query": lambda adapter: adapter.query("t"),
}
REFUSALS = [
    (400, "InvalidParameter", "input must contain file_urls", ErrorClass.PERMANENT),
    (400, "Arrearage", "Access denied, please make sure your account is in good standing.", ErrorClass.ACCOUNT_WIDE),
    (400, "InvalidParameter.DataInspection", "download timed out", ErrorClass.URL_DIED),
    (400, "BadRequest.InputDownloadFailed", "", ErrorClass.URL_DIED),
    (400, "SomethingNew", "", ErrorClass.RETRYABLE),
    (401, "InvalidApiKey", "Invalid API-key provided.", ErrorClass.ACCOUNT_WIDE),
    (401, "SomethingNew", "", ErrorClass.ACCOUNT_WIDE),
    (403, "AllocationQuota.FreeTierOnly", "", ErrorClass.MODEL_WIDE),
    (403, "Model.AccessDenied", "", ErrorClass.MODEL_WIDE),
    (404, "ModelNotFound", "", ErrorClass.PERMANENT),
    (408, "RequestTimeOut", "", ErrorClass.RETRYABLE),
    (429, "Throttling.RateQuota", "Requests rate limit exceeded", ErrorClass.THROTTLED),
    (429, "Throttling.AllocationQuota", "Too many tokens in this minute.", ErrorClass.THROTTLED),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", ErrorClass.MODEL_WIDE),
    (429, "SomethingNew", "", ErrorClass.THROTTLED),
    (500, "InternalError.Algo", "", ErrorClass.RETRYABLE),
    (500, "SomethingNew", "", ErrorClass.RETRYABLE),
    (503, "ModelUnavailable", "", ErrorClass.RETRYABLE),
    (200, "Throttling.RateQuota", "too fast", ErrorClass.THROTTLED),
    (200, "InvalidApiKey", "", ErrorClass.ACCOUNT_WIDE),
]


@pytest.mark.parametrize(("status", "code", "message", "error_class"), REFUSALS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_error_is_classified_by_its_code_and_the_request_is_not_repeated(
    operation: str, status: int, code: str, message: str, error_class: ErrorClass
) -> None:
    vendor = Vendor(answering(status, {"request_id": "r", "code": code, "message": message}))
    with pytest.raises(VendorError) as caught:
        OPERATIONS[operation](vendor.adapter)
    error = caught.value
    assert type(error) is VendorError
    assert (error.code, error.error_class, error.http_status) == (code, error_class, status)
    assert error.request_id == "r"
    assert error.message == (message or f"DashScope returned HTTP {status}.")
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (301, "HTTP_301", ErrorClass.RETRYABLE),
        (403, "HTTP_403", ErrorClass.RETRYABLE),
        (404, "HTTP_404", ErrorClass.RETRYABLE),
        (413, "HTTP_413", ErrorClass.RETRYABLE),
        (429, "HTTP_429", ErrorClass.THROTTLED),
        (502, "HTTP_502", ErrorClass.RETRYABLE),
        (504, "HTTP_504", ErrorClass.RETRYABLE),
    ],
)
def test_an_html_page_of_a_proxy_is_retryable(status: int, code: str, error_class: ErrorClass) -> None:
    vendor = Vendor(answering(status, text="<html><body>Gateway</body></html>"))
    with pytest.raises(VendorError) as caught:
        vendor.adapter.submit(FUN_ASR, ["u"], {})
    assert (type(caught.value), caught.value.code, caught.value.error_class) == (VendorError, code, error_class)
    assert "html" not in caught.value.message
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (201, True), (299, True), (300, False)])
def test_only_a_status_of_success_accepts_a_submission(status: int, is_success: bool) -> None:
    adapter = Vendor(answering(status, ACCEPTED)).adapter
    if is_success:
        assert adapter.submit(FUN_ASR, ["u"], {}).task_id == "task-1"
        return
    with pytest.raises(VendorError, match=f"HTTP_{status}: DashScope returned HTTP {status}"):
        adapter.submit(FUN_ASR, ["u"], {})


def test_a_redirect_is_not_followed_with_the_key_even_by_a_client_that_follows_redirects() -> None:
    vendor = Vendor(lambda _: httpx.Response(302, headers={"location": "https://evil.example/"}))
    with pytest.raises(VendorError, match="HTTP_302"):
        vendor.adapter.query("t")
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(200, text="<html>captive portal</html>"), "HTTP 200 without a readable body"),
        (answering(200, text=""), "HTTP 200 without a readable body"),
        (answering(200, text='{"output": {"task_id": "cut'), "HTTP 200 without a readable body"),
        (answering(200, {}), "HTTP 200 without a readable body"),
        (answering(200, ["a list"]), "HTTP 200 without a readable body"),
        (answering(200, {"request_id": "r"}), "has no task id"),
        (answering(200, {"output": "text"}), "has no task id"),
        (answering(200, {"output": {"task_id": "task-1", "results": "none"}}), "has an unknown shape"),
        (answering(200, {"output": {}}), "has no task id"),
        (answering(200, {"output": {"task_id": "", "task_status": "PENDING"}}), "has no task id"),
        (answering(200, {"output": {"task_status": "PENDING"}}), "has no task id"),
    ],
    ids=[
        "HTML",
        "empty",
        "cut off",
        "{}",
        "list",
        "no output",
        "odd output",
        "odd results",
        "empty output",
        "empty id",
        "no id",
    ],
)
def test_a_response_without_a_readable_task_id_counts_as_lost(answer: Answer, reason: str) -> None:
    vendor = Vendor(answer)
    with pytest.raises(ResponseLost, match=reason) as caught:
        vendor.adapter.submit(FUN_ASR, ["u"], {})
    assert caught.value.error_class is ErrorClass.RETRYABLE
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_a_failed_connection_means_that_nothing_was_submitted(error: type[httpx.TransportError]) -> None:
    vendor = Vendor(breaking(error))
    with pytest.raises(VendorUnreachable, match=error.__name__) as caught:
        vendor.adapter.submit(FUN_ASR, ["u"], {})
    assert (caught.value.code, caught.value.error_class) == ("VENDOR_UNREACHABLE", ErrorClass.RETRYABLE)
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError],
)
def test_a_connection_that_breaks_after_sending_loses_the_response(
    error: type[httpx.TransportError],
) -> None:
    vendor = Vendor(breaking(error))
    with pytest.raises(ResponseLost, match=error.__name__) as caught:
        vendor.adapter.submit(FUN_ASR, ["https://m/a?X-Amz-Signature=5ec7e7"], {})
    assert (caught.value.code, caught.value.error_class) == ("RESPONSE_LOST", ErrorClass.RETRYABLE)
    assert "5ec7e7" not in str(caught.value)
    assert len(vendor.requests) == 1


def test_a_signed_url_in_the_vendors_message_is_redacted() -> None:
    message = "url error: https://m.s3.us-east-1.amazonaws.com/a.wav?X-Amz-Signature=5ec7e7&X-Amz-Expires=1, check url!"
    vendor = Vendor(answering(400, {"code": "InvalidParameter", "message": message}))
    with pytest.raises(VendorError) as caught:
        vendor.adapter.submit(FUN_ASR, ["u"], {})
    assert "5ec7e7" not in str(caught.value)
    assert "https://m.s3.us-east-1.amazonaws.com/a.wav" in caught.value.message


@pytest.mark.parametrize("answer", [answering(401, {"code": "InvalidApiKey"}), breaking(httpx.ReadTimeout)])
def test_no_error_contains_the_key(answer: Answer) -> None:
    with pytest.raises(VendorError) as caught:
        Vendor(answer).adapter.query("t")
    assert "sk-secret-key" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_the_signatures_of_submitted_urls_are_redacted_by_value() -> None:
    signature, token = "9f8e7d6c5b4a39281706", "IQoJb3JpZ2luX2Vj+/5ecret"
    url = f"https://m/a.wav?X-Amz-Security-Token={quote(token, safe='')}&X-Amz-Signature={signature}"
    Vendor(answering(200, ACCEPTED)).adapter.submit(FUN_ASR, [url], {})
    vendor = Vendor(answering(400, {"code": signature, "message": f"{token} does not match {signature}"}))
    with pytest.raises(VendorError) as caught:
        vendor.adapter.query("t")
    assert signature not in str(caught.value)
    assert token not in str(caught.value)


def test_a_secret_is_redacted_before_the_message_is_shortened() -> None:
    message = "x" * 485 + " key sk-5ec7e70123456789"
    with pytest.raises(VendorError) as caught:
        Vendor(answering(400, {"code": "c" * 95 + " sk-5ec7e70", "message": message})).adapter.query("t")
    assert "5ec" not in str(caught.value)


# limits of a response


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "deflate", "br"])
def test_an_encoding_that_was_not_requested_loses_the_response(encoding: str) -> None:
    packed = gzip.compress(gzip.compress(json.dumps(ACCEPTED).encode()))
    vendor = Vendor(
        lambda _: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(packed))
    )
    with pytest.raises(ResponseLost, match=encoding):
        vendor.adapter.submit(FUN_ASR, ["u"], {})
    assert vendor.request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(("status", "error_class"), [(401, ErrorClass.ACCOUNT_WIDE), (429, ErrorClass.THROTTLED)])
def test_an_error_with_an_encoding_is_classified_by_its_status(status: int, error_class: ErrorClass) -> None:
    body = httpx.ByteStream(gzip.compress(b"{}"))
    vendor = Vendor(lambda _: httpx.Response(status, headers={"Content-Encoding": "gzip"}, stream=body))
    with pytest.raises(VendorError) as caught:
        vendor.adapter.query("t")
    assert (caught.value.code, caught.value.error_class) == (f"HTTP_{status}", error_class)


def test_a_reply_that_is_too_large_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope_http, "MAX_RESPONSE_BYTES", 1_000)
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b" " * 100

    with pytest.raises(ResponseLost, match="larger than"):
        Vendor(lambda _: httpx.Response(200, content=endless())).adapter.query("t")
    assert len(sent) < 20


@pytest.mark.parametrize(("seconds", "lost"), [(24.0, False), (26.0, True)])
def test_a_slow_reply_is_lost_after_the_deadline(monkeypatch: pytest.MonkeyPatch, seconds: float, lost: bool) -> None:
    now = 1_000.0
    monkeypatch.setattr(dashscope_http, "time", SimpleNamespace(monotonic=lambda: now))
    body = json.dumps({"output": {"task_id": "t", "task_status": "RUNNING"}}).encode()

    def slow() -> Iterator[bytes]:
        nonlocal now
        for at in range(len(body)):
            now += seconds / len(body)
            yield body[at : at + 1]

    adapter = Vendor(lambda _: httpx.Response(200, content=slow())).adapter
    if not lost:
        assert adapter.query("t").output.task_status == "RUNNING"
        return
    with pytest.raises(ResponseLost, match="longer than 25 seconds"):
        adapter.query("t")
