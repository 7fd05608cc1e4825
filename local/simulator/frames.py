"""Encode replies of synchronous models: as one JSON body, or as a stream of events in one of two formats."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse

from local.simulator.connection import CutStream
from local.simulator.scenario import Fault

_JSON = "application/json"
_EVENTS = "text/event-stream"
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Answer:
    """An encoded reply. Without its `ending` it is incomplete."""

    beginning: list[bytes]
    ending: list[bytes]
    media_type: str

    def response(self, fault: Fault | None) -> Response:
        if fault is not None and fault.kind == "break_stream":
            half = max(1, len(self.beginning) // 2)
            return CutStream(self.beginning[:half], self.media_type)
        if fault is not None and fault.kind == "truncate_stream":
            return StreamingResponse(_iterate(self.beginning), media_type=self.media_type)
        whole = [*self.beginning, *self.ending]
        if self.media_type == _JSON:
            return Response(b"".join(whole), media_type=_JSON)
        return StreamingResponse(_iterate(whole), media_type=self.media_type)


async def _iterate(chunks: Iterable[bytes]) -> Any:
    for chunk in chunks:
        yield chunk


def json_answer(body: dict[str, Any]) -> Answer:
    encoded = _to_json(body).encode()
    half = len(encoded) // 2
    return Answer([encoded[:half]], [encoded[half:]], _JSON)


def native_stream(frames: list[dict[str, Any]]) -> Answer:
    """Encode a stream of DashScope's own endpoint (docs/vendor-api.md#dashscope-stream). The last frame is the
    ending."""
    events = [
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{_to_json(frame)}\n\n".encode()
        for number, frame in enumerate(frames, 1)
    ]
    return Answer(events[:-1], events[-1:], _EVENTS)


def openai_stream(chunks: list[dict[str, Any]]) -> Answer:
    """Encode an OpenAI-compatible stream (docs/vendor-api.md#openai-compatible-stream). The ending starts with the
    chunk that has the finish reason."""
    lines = [f"data: {_to_json(chunk)}\n\n".encode() for chunk in chunks]
    end = next((index for index, chunk in enumerate(chunks) if _is_finished(chunk)), len(chunks))
    return Answer(lines[:end], [*lines[end:], _DONE], _EVENTS)


def _is_finished(chunk: dict[str, Any]) -> bool:
    return any(choice.get("finish_reason") is not None for choice in chunk.get("choices") or [])


def _to_json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
