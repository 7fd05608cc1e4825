"""Our client sends audio in the request, and the simulator recognises it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.jobs.inline_audio import data_url
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.synchronous_replies import read_recognition
from dashscribe.domain.recognition.task_replies import read_request_id
from dashscribe.domain.transcripts.transcript import neutral


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("qwen3-asr-flash", {}),
        ("qwen3-asr-flash", {"endpoint": "openai", "stream": True}),
        ("fun-asr-flash-2026-06-15", {}),
        ("qwen3-omni-flash", {}),
    ],
)
def test_audio_in_the_request_is_recognised(
    our_client: DashScopeHttp, options_for: Callable[..., Options], samples: Path, model: str, profile: dict[str, Any]
) -> None:
    options = options_for(model, send="inline", **profile)
    audio = data_url((samples / "morning-walk.wav").read_bytes(), "wav", options.spec)
    reply = our_client.transcribe(options, audio, "wav")
    transcript = neutral(read_recognition(reply), job_id="j", model=model, media="s3://m/a.wav")
    assert "weather" in transcript.text
    assert read_request_id(reply)


def test_a_long_context_is_accepted(
    our_client: DashScopeHttp, options_for: Callable[..., Options], samples: Path, recorded: Callable[..., Any]
) -> None:
    options = options_for("fun-asr-flash-2026-06-15", {"context": "Bulge Bracket. " * 100})
    audio = data_url((samples / "morning-walk.wav").read_bytes(), "wav", options.spec)
    our_client.transcribe(options, audio, "wav")
    [request] = recorded("generate")
    turns = request["body"]["input"]["messages"][:-1]
    assert [len(turn["content"][0]["text"]) <= 400 for turn in turns] == [True] * 4
