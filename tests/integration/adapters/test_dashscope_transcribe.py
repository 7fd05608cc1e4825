"""Synchronous calls: what is sent, and how a reply or a stream is read."""

from __future__ import annotations

import json

import pytest

from dashscribe.domain.jobs.inline_audio import data_url
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.requests import build_recognition_request
from dashscribe.domain.recognition.synchronous_replies import read_recognition
from dashscribe.domain.recognition.task_replies import FRAMES
from dashscribe.errors import ResponseLost
from tests.integration.adapters.synchronous_vendor import (
    BASE,
    CHAT,
    CHAT_STREAMED,
    DOCUMENTED_REPLIES,
    FLASH_STREAMED,
    KEY,
    SIGNED,
    STREAMED,
    TEXT,
    TWO_FRAMES,
    WHOLE,
    Vendor,
    answering,
    event,
    frame,
    in_pieces,
    options,
    streaming,
)

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


def test_a_type_beside_the_choices_is_not_an_error() -> None:
    reply = {"choices": [{"message": {"content": "Hello."}}], "type": "chat"}
    assert Vendor(answering(200, reply)).transcribe(CHAT) == reply


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_a_stream_is_read_with_any_line_ends_and_in_chunks_of_any_size(end: str, size: int) -> None:
    body = b"".join(event(each, end, number) for number, each in enumerate(TWO_FRAMES, start=1))
    answer = Vendor(streaming(*in_pieces(body, size))).transcribe(FLASH_STREAMED)
    assert answer == {FRAMES: TWO_FRAMES}
    assert read_recognition(answer).channels[0].text == TEXT


def test_the_documented_stream_is_read_up_to_its_end() -> None:
    lines = (DOCUMENTED_REPLIES / "004_openai_stream.txt").read_bytes().splitlines()
    answer = Vendor(streaming(*(line + b"\n\n" for line in lines), b"data: nonsense\n\n")).transcribe(CHAT_STREAMED)
    assert len(answer[FRAMES]) == 7
    assert read_recognition(answer).channels[0].text == "Welcome to Alibaba Cloud."


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


# audio in the request


@pytest.mark.parametrize("chosen", [WHOLE, STREAMED, FLASH_STREAMED, CHAT, CHAT_STREAMED, options("qwen3-omni-flash")])
def test_audio_in_the_request_is_sent_whole_and_no_url_is_remembered(
    chosen: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: list[str] = []
    monkeypatch.setattr("dashscribe.adapters.dashscope_http.register_signed_url", remembered.append)
    audio = data_url(b"RIFF" + bytes(range(256)) * 4000, "wav", chosen.spec)
    vendor = Vendor(answering(200, {"output": {"text": "Hello."}}))
    vendor.adapter.transcribe(chosen, audio, "wav")
    assert json.dumps(audio) in vendor.request.content.decode()
    assert not remembered
