"""The official SDKs of DashScope and of OpenAI call the synchronous models (docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from openai import OpenAI  # the SDKs are imported where they are used: it takes a second in every test process

KEY = "sk-local"
MODEL = "qwen3-asr-flash"
OMNI = "qwen3-omni-flash"
SPOKEN = "Welcome to Alibaba Cloud."
SCRIPT = {"match": "welcome", "answers": [{"text": SPOKEN}]}
URL = "http://127.0.0.1:9/welcome.mp3"
MB = 1024**2

Configure = Callable[..., None]


@pytest.fixture
def native(base_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`MultiModalConversation.call` for one recording: `native(URL, stream=True)`."""
    import dashscope

    monkeypatch.setattr(dashscope, "base_http_api_url", f"{base_url}/api/v1")

    def call(url: str, *, api_key: str = KEY, model: str = MODEL, **more: Any) -> Any:
        messages = [
            {"role": "system", "content": [{"text": ""}]},
            {"role": "user", "content": [{"audio": url}]},
        ]
        options = {"enable_itn": False}
        return dashscope.MultiModalConversation.call(
            model, messages, api_key, result_format="message", asr_options=options, **more
        )

    return call


@pytest.fixture
def openai(base_url: str) -> Iterator[OpenAI]:
    from openai import OpenAI

    with OpenAI(api_key=KEY, base_url=f"{base_url}/compatible-mode/v1", max_retries=0) as client:
        yield client


def audio(url: str, **more: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": url, **more}}


def audio_messages(url: str) -> Any:
    """The messages for qwen3-asr-flash. The SDK's types require a format; the vendor's pages have none."""
    return [{"role": "user", "content": [audio(url)]}]


def prompted_messages(url: str) -> Any:
    """The messages for a Qwen-Omni model."""
    prompt = {"type": "text", "text": "Transcribe this recording."}
    return [{"role": "user", "content": [audio(url, format="mp3"), prompt]}]


@pytest.fixture
def too_large(media_folder: Path, media_url: str) -> str:
    (media_folder / "large.wav").write_bytes(bytes(10 * MB + 1))
    return f"{media_url}/large.wav"


# DashScope's SDK


def test_a_reply_has_the_text_the_language_and_the_usage(native: Callable[..., Any], configure: Configure) -> None:
    configure(scripts=[SCRIPT])
    reply = native(URL)
    assert reply.status_code == 200
    (choice,) = reply.output.choices
    assert choice.finish_reason == "stop"
    assert choice.message.role == "assistant"
    assert choice.message.content == [{"text": SPOKEN}]
    assert choice.message["annotations"] == [{"type": "audio_info", "language": "en", "emotion": "neutral"}]
    assert reply.usage["seconds"] == 1
    assert reply.request_id


def test_a_recording_is_recognised(native: Callable[..., Any], media_url: str) -> None:
    reply = native(f"{media_url}/morning-walk.wav")
    assert reply.output.choices[0].message.content[0]["text"].startswith("The weather was fine this morning.")
    assert reply.usage["seconds"] == 8


def test_an_incremental_stream_has_new_parts_of_the_text(native: Callable[..., Any], configure: Configure) -> None:
    configure(scripts=[SCRIPT])
    replies = list(native(URL, stream=True, incremental_output=True))
    pieces = [part["text"] for reply in replies for part in reply.output.choices[0].message.content]
    assert pieces == ["Welcome", " to", " Alibaba", " Cloud", "."]
    assert [reply.output.choices[0].finish_reason for reply in replies] == ["null"] * 5 + ["stop"]


def test_a_stream_has_the_text_so_far_by_default(native: Callable[..., Any], configure: Configure) -> None:
    configure(scripts=[SCRIPT])
    replies = list(native(URL, stream=True))
    texts = [reply.output.choices[0].message.content[0]["text"] for reply in replies]
    assert texts == ["Welcome", "Welcome to", "Welcome to Alibaba", "Welcome to Alibaba Cloud", SPOKEN, SPOKEN]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("key", 401, "InvalidApiKey"),
        ("model", 400, "InvalidParameter"),
        ("throttled", 429, "Throttling.RateQuota"),
        ("large", 400, "BadRequest.TooLarge"),
        ("forbidden", 400, "BadRequest.InputDownloadFailed"),
        ("unreachable", 400, "BadRequest.InputDownloadFailed"),
    ],
)
def test_the_sdk_reads_a_refusal(
    case: str,
    status: int,
    code: str,
    stream: bool,
    native: Callable[..., Any],
    configure: Configure,
    media_url: str,
    too_large: str,
) -> None:
    configure(scripts=[SCRIPT])
    wishes: dict[str, Any] = {"stream": True} if stream else {}
    url = {"large": too_large, "forbidden": f"{media_url}/status/403", "unreachable": "http://127.0.0.1:9/x.wav"}.get(
        case
    )
    if case == "key":
        wishes["api_key"] = "sk-wrong"
    if case == "model":
        wishes["model"] = "qwen3-asr-flash-2099"
    if case == "throttled":
        configure(behaviour={"submits_per_second": 1})
        assert native(URL).status_code == 200
    reply = native(url or URL, **wishes)
    (refused,) = list(reply) if stream else [reply]
    assert (refused.status_code, refused.code) == (status, code)
    assert refused.message
    assert not refused.output


# OpenAI's SDK


def test_a_completion_has_the_documented_shape(openai: OpenAI, configure: Configure) -> None:
    configure(scripts=[SCRIPT])
    completion = openai.chat.completions.create(
        model=MODEL, messages=audio_messages(URL), stream=False, extra_body={"asr_options": {"language": "zh"}}
    )
    (choice,) = completion.choices
    assert completion.object == "chat.completion"
    assert completion.id.startswith("chatcmpl-")
    assert (choice.finish_reason, choice.message.role, choice.message.content) == ("stop", "assistant", SPOKEN)
    (note,) = choice.message.model_dump()["annotations"]
    assert note.items() >= {"type": "audio_info", "language": "zh", "emotion": "neutral"}.items()
    assert completion.usage is not None
    assert completion.usage.model_dump()["seconds"] == 1
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_audio_can_be_sent_in_the_request(openai: OpenAI, walk_pcm: bytes, as_wav: Callable[..., bytes]) -> None:
    url = f"data:audio/wav;base64,{base64.b64encode(as_wav(walk_pcm)).decode()}"
    completion = openai.chat.completions.create(model=MODEL, messages=audio_messages(url))
    recognised = (completion.choices[0].message.content or "").lower()
    assert "weather" in recognised


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("model", [MODEL, OMNI])
def test_a_streamed_completion_has_the_documented_shape(
    model: str, include_usage: bool, openai: OpenAI, configure: Configure
) -> None:
    configure(scripts=[SCRIPT])
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if include_usage else {}
    if model == OMNI:
        more["modalities"] = ["text"]
    messages = prompted_messages(URL) if model == OMNI else audio_messages(URL)
    chunks = list(openai.chat.completions.create(model=model, messages=messages, stream=True, **more))
    if include_usage:
        last = chunks.pop()
        assert last.choices == []
        assert last.usage is not None
        assert last.usage.completion_tokens == 5
    assert all(chunk.usage is None for chunk in chunks)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert [delta.content for delta in deltas[1:-1]] == ["Welcome", " to", " Alibaba", " Cloud", "."]
    assert all(delta.role is None for delta in deltas[1:])
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 6 + ["stop"]


def test_the_lines_of_a_stream_are_the_documented_ones(openai: OpenAI, configure: Configure) -> None:
    """docs/vendor-api.md#openai-compatible-stream, "Streaming output", without the ids and times."""
    configure(scripts=[SCRIPT])
    with openai.chat.completions.with_streaming_response.create(
        model=MODEL, messages=audio_messages(URL), stream=True
    ) as response:
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert lines[0].startswith('data: {"model":"qwen3-asr-flash","id":"chatcmpl-')
    assert '"choices":[{"logprobs":null,"index":0,"delta":{"content":"","role":"assistant"}}]' in lines[0]
    note = '"annotations":[{"type":"audio_info","language":"en","emotion":"neutral"}]'
    assert f'"choices":[{{"delta":{{{note},"content":"Welcome","role":null}},"index":0}}]' in lines[1]
    assert '"choices":[{"delta":{"role":null},"index":0,"finish_reason":"stop"}]' in lines[-2]
    assert all('"object":"chat.completion.chunk"' in line and '"usage":null' in line for line in lines[:-1])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("key", 401, "invalid_api_key"),
        ("model", 404, "model_not_found"),
        ("other model", 404, "model_not_supported"),
        ("throttled", 429, "limit_requests"),
        ("large", 400, "BadRequest.TooLarge"),
        ("forbidden", 400, "BadRequest.InputDownloadFailed"),
    ],
)
def test_the_openai_sdk_raises_an_error_for_a_refusal(
    case: str,
    status: int,
    code: str,
    stream: bool,
    base_url: str,
    openai: OpenAI,
    configure: Configure,
    media_url: str,
    too_large: str,
) -> None:
    from openai import APIStatusError

    configure(scripts=[SCRIPT])
    url = {"large": too_large, "forbidden": f"{media_url}/status/403"}.get(case, URL)
    model = {"model": "qwen3-asr-flash-2099", "other model": "fun-asr-flash-2026-06-15"}.get(case, MODEL)
    client = openai.with_options(api_key="sk-wrong") if case == "key" else openai
    if case == "throttled":
        configure(behaviour={"submits_per_second": 1})
        openai.chat.completions.create(model=MODEL, messages=audio_messages(URL))
    with pytest.raises(APIStatusError) as raised:
        client.chat.completions.create(model=model, messages=audio_messages(url), stream=stream)
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.response.json().keys() == {"error", "request_id"}
    assert raised.value.response.json()["error"].keys() == {"code", "message", "type", "param"}


def test_an_omni_model_must_stream(openai: OpenAI) -> None:
    from openai import APIStatusError

    with pytest.raises(APIStatusError, match="only support stream mode") as raised:
        openai.chat.completions.create(model=OMNI, messages=prompted_messages(URL), modalities=["text"])
    assert (raised.value.status_code, raised.value.code) == (400, "invalid_parameter_error")


def test_the_openai_sdk_raises_an_error_for_an_interrupted_stream(openai: OpenAI, configure: Configure) -> None:
    from openai import APIError

    configure(scripts=[SCRIPT], faults=[{"operation": "chat", "kind": "break_stream"}])
    chunks = openai.chat.completions.create(model=MODEL, messages=audio_messages(URL), stream=True)
    with pytest.raises((APIError, httpx.TransportError)):
        list(chunks)
