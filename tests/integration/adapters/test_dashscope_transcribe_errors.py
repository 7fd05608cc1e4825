"""Synchronous calls: which error each response becomes, the limits of a response, and secrets in errors."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from dashscribe.adapters import dashscope_http
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.options import Options
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable
from dashscribe.observability import logger
from tests.integration.adapters.synchronous_vendor import (
    CHAT_STREAMED,
    KEY,
    SIGNATURE,
    SIGNED,
    SSE,
    WHOLE,
    Answer,
    Chunks,
    Vendor,
    answering,
    error_event,
    event,
    frame,
    in_pieces,
    streaming,
)

ERRORS = [
    (400, "InvalidParameter", ErrorClass.PERMANENT),
    (400, "InvalidFile.AudioLengthError", ErrorClass.PERMANENT),
    (400, "BadRequest.InputDownloadFailed", ErrorClass.URL_DIED),
    (400, "Arrearage", ErrorClass.ACCOUNT_WIDE),
    (401, "InvalidApiKey", ErrorClass.ACCOUNT_WIDE),
    (401, "invalid_api_key", ErrorClass.ACCOUNT_WIDE),
    (403, "Model.AccessDenied", ErrorClass.MODEL_WIDE),
    (404, "ModelNotFound", ErrorClass.PERMANENT),
    (404, "model_not_found", ErrorClass.PERMANENT),
    (429, "Throttling.RateQuota", ErrorClass.THROTTLED),
    (429, "limit_requests", ErrorClass.THROTTLED),
    (429, "insufficient_quota", ErrorClass.THROTTLED),
    (429, "SomethingNew", ErrorClass.THROTTLED),
    (500, "InternalError.Algo", ErrorClass.RETRYABLE),
    (503, "ModelUnavailable", ErrorClass.RETRYABLE),
    (418, "SomethingNew", ErrorClass.RETRYABLE),
]
SHAPES: dict[str, Callable[[str], JsonObject]] = {
    "native": lambda code: {"request_id": "r", "code": code, "message": "why"},
    "openai": lambda code: {"error": {"code": code, "message": "why", "type": "t", "param": None}, "id": "r"},
    "openai by type": lambda code: {"error": {"code": None, "message": "why", "type": code}},
}


@pytest.mark.parametrize(("status", "code", "error_class"), ERRORS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chosen", [WHOLE, CHAT_STREAMED], ids=["whole", "streamed"])
def test_an_error_is_classified_by_its_code_in_both_shapes(
    chosen: Options, shape: str, status: int, code: str, error_class: ErrorClass
) -> None:
    error = Vendor(answering(status, SHAPES[shape](code))).refusal(chosen)
    assert type(error) is VendorError
    assert (error.code, error.message, error.error_class, error.http_status) == (code, "why", error_class, status)


@pytest.mark.parametrize(("status", "code", "error_class"), ERRORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_error_that_is_sent_as_an_event_is_read(shape: str, status: int, code: str, error_class: ErrorClass) -> None:
    """The official SDK reads both forms (`_handle_http_failed_response`)."""
    error = Vendor(streaming(error_event(SHAPES[shape](code), status), status=status)).refusal()
    assert (error.code, error.message, error.error_class, error.http_status) == (code, "why", error_class, status)


@pytest.mark.parametrize(("status", "code", "error_class"), [row for row in ERRORS if row[1] != "SomethingNew"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_stream_that_ends_with_an_error_raises_that_error(
    shape: str, status: int, code: str, error_class: ErrorClass
) -> None:
    error = Vendor(streaming(event(frame("Hel")), error_event(SHAPES[shape](code), status))).refusal()
    assert type(error) is VendorError
    assert (error.code, error.message, error.error_class) == (code, "why", error_class)


def test_an_error_without_a_message_gets_one() -> None:
    error = Vendor(streaming(error_event({"code": "InternalError"}))).refusal()
    assert (error.code, error.message) == ("InternalError", "DashScope ended its stream with an error.")


def test_an_error_with_http_200_is_an_error() -> None:
    error = Vendor(answering(200, {"code": "Throttling.RateQuota", "message": "why"})).refusal(WHOLE)
    assert (error.code, error.error_class) == ("Throttling.RateQuota", ErrorClass.THROTTLED)


@pytest.mark.parametrize("status", [302, 404, 502])
def test_an_html_page_of_a_proxy_is_retryable(status: int) -> None:
    html = httpx.Response(status, text="<html>gateway</html>", headers={"location": "https://evil.example/"})
    error = Vendor(lambda _: html).refusal()
    assert (error.code, error.error_class) == (f"HTTP_{status}", ErrorClass.RETRYABLE)


@pytest.mark.parametrize(
    "data",
    ["nonsense", '{"output": ', "[]", "7", '"text"', "null", "[" * 200_000, "\ufffd"],
    ids=["word", "cut", "list", "number", "text", "null", "deep", "odd"],
)
def test_an_event_that_is_not_an_object_loses_the_response(data: str) -> None:
    body = event(frame("Hel")) + f"data: {data}\n\n".encode()
    lost = Vendor(streaming(body)).refusal()
    assert isinstance(lost, ResponseLost)
    assert lost.message.startswith("DashScope's stream has an event that is not ")


@pytest.mark.parametrize("text", ["", "<html>captive portal</html>", '{"output": {"text": "cut', "[]", "[" * 200_000])
def test_a_reply_that_is_not_an_object_loses_the_response(text: str) -> None:
    assert isinstance(Vendor(answering(200, text=text)).refusal(WHOLE), ResponseLost)


def test_a_body_with_a_wrong_encoding_loses_the_response() -> None:
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Chunks([b"no gzip"]))
    assert isinstance(Vendor(lambda _: response).refusal(WHOLE), ResponseLost)


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError])
@pytest.mark.parametrize("chunks", [[], [event(frame("Hel"))], [event(frame("Hello.", ends=True)), b"id:2\n"]])
def test_a_connection_that_breaks_during_a_stream_loses_the_response(
    error: type[httpx.TransportError], chunks: list[bytes]
) -> None:
    lost = Vendor(streaming(*chunks, error=error("broken"))).refusal()
    assert isinstance(lost, ResponseLost)
    assert error.__name__ in lost.message


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.WriteError, httpx.RemoteProtocolError])
def test_a_connection_that_breaks_before_the_response_loses_it(error: type[httpx.TransportError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    assert isinstance(Vendor(answer).refusal(), ResponseLost)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_a_failed_connection_means_that_nothing_was_sent(error: type[httpx.TransportError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    assert isinstance(Vendor(answer).refusal(), VendorUnreachable)


# maximum size and duration


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_response_of_the_maximum_size_is_read_and_a_larger_one_is_not(
    monkeypatch: pytest.MonkeyPatch, streams: bool
) -> None:
    body = event(frame("Hello.", ends=True)) if streams else json.dumps(frame("Hello.", ends=True)).encode()
    headers = {"Content-Type": SSE} if streams else {}

    def vendor() -> Vendor:
        return Vendor(lambda _: httpx.Response(200, headers=headers, stream=Chunks(in_pieces(body, 10))))

    monkeypatch.setattr(dashscope_http, "MAX_RESPONSE_BYTES", len(body))
    assert vendor().transcribe()
    monkeypatch.setattr(dashscope_http, "MAX_RESPONSE_BYTES", len(body) - 1)
    lost = vendor().refusal()
    assert isinstance(lost, ResponseLost)
    assert "larger than" in lost.message


def test_an_endless_response_is_abandoned_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscope_http, "MAX_RESPONSE_BYTES", 1_000)
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield event(frame("Hello."))

    body = Chunks(endless())
    assert isinstance(
        Vendor(lambda _: httpx.Response(200, headers={"Content-Type": SSE}, stream=body)).refusal(), ResponseLost
    )
    assert len(taken) < 20
    assert body.closed


@pytest.mark.parametrize(("seconds", "lost"), [(160.0, False), (160.1, True)])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_slow_response_is_abandoned_after_the_maximum_duration(
    monkeypatch: pytest.MonkeyPatch, seconds: float, lost: bool, streams: bool
) -> None:
    now = 1_000.0
    monkeypatch.setattr(dashscope_http, "time", SimpleNamespace(monotonic=lambda: now))
    body = event(frame("Hello.", ends=True)) if streams else json.dumps(frame("Hello.", ends=True)).encode()

    def slow() -> Iterator[bytes]:
        nonlocal now
        yield body[:20]
        now += seconds
        yield body[20:]

    headers = {"Content-Type": SSE} if streams else {}
    vendor = Vendor(lambda _: httpx.Response(200, headers=headers, stream=Chunks(slow())))
    if not lost:
        assert vendor.transcribe()
        return
    error = vendor.refusal()
    assert isinstance(error, ResponseLost)
    assert "longer than 160 seconds" in error.message


# secrets


LEAKS = f"cannot read {SIGNED}, key {KEY} (Authorization: Bearer {KEY})"


@pytest.mark.parametrize(
    "answer",
    [
        answering(400, {"code": "InvalidURL", "message": LEAKS}),
        answering(400, {"code": SIGNED, "message": LEAKS}),
        answering(401, {"error": {"code": "invalid_api_key", "message": LEAKS}}),
        answering(401, {"error": {"code": None, "type": LEAKS, "message": None}}),
        answering(400, {"error": LEAKS, "code": {"url": SIGNED}, "message": [LEAKS]}),
        answering(502, text=LEAKS),
        answering(200, text=LEAKS),
        streaming(error_event({"code": "InvalidURL", "message": LEAKS})),
        streaming(error_event({"code": LEAKS, "message": LEAKS}), status=400),
        streaming(f"data: {LEAKS}\n\n".encode()),
        streaming(error=httpx.ReadError("broken")),
    ],
)
def test_no_error_and_no_log_contains_the_key_or_the_signature(
    answer: Answer, caplog: pytest.LogCaptureFixture, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    caplog.set_level("DEBUG")
    error = Vendor(answer).refusal()
    logger.error("call refused", exc_info=error, code=error.code, reason=error.message)
    shown = f"{error.code} {error.message} {error!r} {error.__cause__!r} {''.join(traceback.format_exception(error))}"
    for secret in (SIGNATURE, KEY):
        assert secret not in shown
        assert secret not in caplog.text
        assert secret not in json.dumps(log_lines())
