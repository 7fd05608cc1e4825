"""Synchronous calls: what is sent, how a stream is read, and which error each response becomes."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from dashscribe.adapters import dashscope_http
from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.recognition.catalogue import CATALOGUE, Endpoint
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.requests import build_recognition_request
from dashscribe.domain.recognition.synchronous_replies import read_recognition
from dashscribe.domain.recognition.task_replies import FRAMES
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable
from dashscribe.observability import logger

BASE = "https://dashscope-intl.aliyuncs.com"
KEY = "sk-secret-key"
SIGNATURE = "5ec7e75ec7e7"
SIGNED = f"https://m.s3.us-east-1.amazonaws.com/a%20b.wav?X-Amz-Signature={SIGNATURE}&X-Amz-Expires=60"
DOCUMENTED_REPLIES = Path(__file__).parents[2] / "unit/domain/recognition/documented_replies"
SSE = "text/event-stream;charset=UTF-8"
# Characters of 2, 3 and 4 bytes, and characters that are line ends for `str.splitlines` but not in a stream.
TEXT = "é 中文 😀 one\u2028two\u2029three\x85four\x0bfive"
Answer = Callable[[httpx.Request], httpx.Response]


def options(model: str = "qwen3-asr-flash", *, stream: bool = False, endpoint: Endpoint | None = None) -> Options:
    spec = CATALOGUE[model]
    return Options(
        profile="p",
        model=model,
        family=spec.family,
        parameters={},
        endpoint=endpoint or spec.endpoints[0],
        stream=stream,
    )


WHOLE, STREAMED = options(), options(stream=True)
CHAT = options(endpoint=Endpoint.OPENAI)
CHAT_STREAMED = options(endpoint=Endpoint.OPENAI, stream=True)
FLASH_STREAMED = options("fun-asr-flash-2026-06-15", stream=True)


class Vendor:
    """A DashScope that returns one fixed response and records the requests."""

    def __init__(self, answer: Answer, workspace_id: str = "") -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        client = httpx.Client(transport=httpx.MockTransport(self._reply))
        self.adapter = DashScopeHttp(client, BASE, lambda: KEY, workspace_id)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    @property
    def request(self) -> httpx.Request:
        [request] = self.requests
        return request

    def transcribe(self, chosen: Options = STREAMED) -> JsonObject:
        return self.adapter.transcribe(chosen, SIGNED, "wav")

    def refusal(self, chosen: Options = STREAMED) -> VendorError:
        with pytest.raises(VendorError) as caught:
            self.transcribe(chosen)
        assert len(self.requests) == 1, "a call is paid for, so it must not be repeated"
        return caught.value


class Chunks(httpx.SyncByteStream):
    """A response body in chunks, which may end with an error."""

    def __init__(self, chunks: Iterable[bytes], error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed = True


def answering(status: int, body: object = None, text: str | None = None) -> Answer:
    return lambda _: httpx.Response(status, text=text) if text is not None else httpx.Response(status, json=body)


def streaming(*chunks: bytes, status: int = 200, error: Exception | None = None) -> Answer:
    return lambda _: httpx.Response(status, headers={"Content-Type": SSE}, stream=Chunks(chunks, error))


def event(frame: object, end: str = "\n", number: int = 1) -> bytes:
    """An event of DashScope's own endpoint (docs/vendor-api.md#dashscope-stream)."""
    data = json.dumps(frame, ensure_ascii=False)
    return end.join([f"id:{number}", "event:result", ":HTTP_STATUS/200", f"data:{data}", "", ""]).encode()


def error_event(body: object, status: int = 400) -> bytes:
    return f"id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{json.dumps(body)}\n\n".encode()


def frame(text: str, *, ends: bool = False) -> JsonObject:
    sentence = {"sentence_id": 1, "sentence_end": ends, "begin_time": 0, "end_time": 900, "text": text, "words": []}
    return {"output": {"text": text, "sentence": sentence}, "usage": {"duration": 1} if ends else None}


TWO_FRAMES = [frame("é 中"), frame(TEXT, ends=True)]


def in_pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


# what is sent


@pytest.mark.parametrize(
    ("chosen", "path", "accept", "sse"),
    [
        (WHOLE, "/api/v1/services/aigc/multimodal-generation/generation", "application/json", None),
        (STREAMED, "/api/v1/services/aigc/multimodal-generation/generation", "text/event-stream", "enable"),
        (FLASH_STREAMED, "/api/v1/services/aigc/multimodal-generation/generation", "text/event-stream", "enable"),
        (
            options("fun-asr-flash-2026-06-15"),
            "/api/v1/services/aigc/multimodal-generation/generation",
            "application/json",
            "disable",
        ),
        (CHAT, "/compatible-mode/v1/chat/completions", "application/json", None),
        (CHAT_STREAMED, "/compatible-mode/v1/chat/completions", "text/event-stream", None),
    ],
)
def test_a_call_is_one_post_with_all_required_headers_and_fields(
    chosen: Options, path: str, accept: str, sse: str | None
) -> None:
    vendor = Vendor(answering(200, {"output": {"text": "Hello."}}), workspace_id="ws-1")
    vendor.transcribe(chosen)
    request = vendor.request
    assert (request.method, str(request.url)) == ("POST", BASE + path)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept"] == accept
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-dashscope-workspace"] == "ws-1"
    assert request.headers.get("x-dashscope-sse") == sse
    assert "x-dashscope-async" not in request.headers
    assert json.loads(request.content) == build_recognition_request(chosen, SIGNED, "wav").body


def test_the_workspace_header_is_sent_only_if_a_workspace_is_set() -> None:
    vendor = Vendor(answering(200, {"output": {"text": "Hello."}}))
    vendor.transcribe()
    assert "x-dashscope-workspace" not in vendor.request.headers


# replies


def test_a_reply_is_returned_unchanged() -> None:
    reply = json.loads((DOCUMENTED_REPLIES / "004_native_reply.json").read_bytes())
    assert Vendor(answering(200, reply)).transcribe(WHOLE) == reply


def test_a_reply_without_a_stream_is_accepted_for_a_streamed_call() -> None:
    reply = json.loads((DOCUMENTED_REPLIES / "004_openai_reply.json").read_bytes())
    assert Vendor(answering(200, reply)).transcribe(CHAT_STREAMED) == reply


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_a_stream_is_read_with_any_line_ends_and_in_chunks_of_any_size(end: str, size: int) -> None:
    body = b"".join(event(each, end, number) for number, each in enumerate(TWO_FRAMES, start=1))
    answer = Vendor(streaming(*in_pieces(body, size))).transcribe(FLASH_STREAMED)
    assert answer == {FRAMES: TWO_FRAMES}
    assert read_recognition(answer).transcripts[0].text == TEXT


def test_the_documented_stream_is_read_up_to_its_end() -> None:
    lines = (DOCUMENTED_REPLIES / "004_openai_stream.txt").read_bytes().splitlines()
    answer = Vendor(streaming(*(line + b"\n\n" for line in lines), b"data: nonsense\n\n")).transcribe(CHAT_STREAMED)
    assert len(answer[FRAMES]) == 7
    assert read_recognition(answer).transcripts[0].text == "Welcome to Alibaba Cloud."


def test_comments_blank_lines_and_events_without_data_are_ignored() -> None:
    noise = b": keep-alive\n\n\n\nretry: 3000\n\nid:1\nevent:result\ndata:\n\nfoo: bar\n\n"
    body = noise + event(frame("Hello.", ends=True)) + noise
    assert Vendor(streaming(body)).transcribe() == {FRAMES: [frame("Hello.", ends=True)]}


def test_data_over_several_lines_is_one_frame() -> None:
    body = b'data: {"output":\ndata: {"text": "Hello."}}\n\n'
    assert Vendor(streaming(body)).transcribe() == {FRAMES: [{"output": {"text": "Hello."}}]}


@pytest.mark.parametrize("code", ["", None, "Success", 200])
def test_a_code_together_with_an_output_is_not_an_error(code: object) -> None:
    reply = {"code": code, "message": "", "output": {"text": "Hello."}, "status_code": 200}
    assert Vendor(streaming(event(reply))).transcribe() == {FRAMES: [reply]}
    assert Vendor(answering(200, reply)).transcribe(WHOLE) == reply


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_stream_that_ends_inside_an_event_is_incomplete(cut: int) -> None:
    body = event(frame("Hel")) + event(frame("Hello.", ends=True))[:-cut]
    answer = Vendor(streaming(body)).transcribe(FLASH_STREAMED)
    assert answer == {FRAMES: [frame("Hel")]}
    with pytest.raises(ResponseLost):
        read_recognition(answer)


# errors


ERRORS = [
    (400, "InvalidParameter", ErrorClass.PERMANENT),
    (400, "InvalidFile.AudioLengthError", ErrorClass.PERMANENT),
    (400, "BadRequest.InputDownloadFailed", ErrorClass.URL_DIED),
    (400, "Arrearage", ErrorClass.ACCOUNT_WIDE),
    (401, "InvalidApiKey", ErrorClass.ACCOUNT_WIDE),
    (401, "invalid_api_key", ErrorClass.ACCOUNT_WIDE),
    (403, "Model.AccessDenied", ErrorClass.PERMANENT),
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
    assert isinstance(Vendor(streaming(body)).refusal(), ResponseLost)


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


@pytest.mark.parametrize(("seconds", "lost"), [(159.0, False), (161.0, True)])
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
