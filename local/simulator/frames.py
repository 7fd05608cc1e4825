"""Answers as bytes: one JSON body, or a stream of events in the two dialects of the vendor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse

from local.simulator.connection import CutStream
from local.simulator.play import Fault

_JSON = "application/json"
_EVENTS = "text/event-stream"
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Answer:
    """The bytes of one answer: what says something, and the `ending` without which it is not whole."""

    beginning: list[bytes]
    ending: list[bytes]
    media_type: str

    def response(self, fault: Fault | None) -> Response:
        if fault is not None and fault.kind == "break_stream":
            half = max(1, len(self.beginning) // 2)
            return CutStream(self.beginning[:half], self.media_type)
        if fault is not None and fault.kind == "truncate_stream":
            return StreamingResponse(_each(self.beginning), media_type=self.media_type)
        whole = [*self.beginning, *self.ending]
        if self.media_type == _JSON:
            return Response(b"".join(whole), media_type=_JSON)
        return StreamingResponse(_each(whole), media_type=self.media_type)


async def _each(chunks: Iterable[bytes]) -> Any:
    for chunk in chunks:
        yield chunk


def in_one(body: dict[str, Any]) -> Answer:
    written = _dumped(body).encode()
    half = len(written) // 2
    return Answer([written[:half]], [written[half:]], _JSON)


def native_stream(frames: list[dict[str, Any]]) -> Answer:
    """`id:`, `event:`, a comment with the status, `data:` (docs/vendor-api.md#dashscope-stream). The last frame is
    the ending."""
    events = [
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{_dumped(frame)}\n\n".encode()
        for number, frame in enumerate(frames, 1)
    ]
    return Answer(events[:-1], events[-1:], _EVENTS)


def openai_stream(chunks: list[dict[str, Any]]) -> Answer:
    """`data: ` lines and `[DONE]` (docs/vendor-api.md#openai-compatible-stream). The ending begins where the text has
    ended."""
    lines = [f"data: {_dumped(chunk)}\n\n".encode() for chunk in chunks]
    said = next((at for at, chunk in enumerate(chunks) if any(map(_ended, chunk.get("choices") or [{}]))), len(chunks))
    return Answer(lines[:said], [*lines[said:], _DONE], _EVENTS)


def _ended(choice: dict[str, Any]) -> bool:
    return choice.get("finish_reason") is not None


def _dumped(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
