"""A fake of DashScope's synchronous endpoints, and its responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import CATALOGUE, Endpoint
from dashscribe.domain.recognition.options import Options
from dashscribe.errors import VendorError

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
        client = httpx.Client(transport=httpx.MockTransport(self._reply), follow_redirects=True)
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
