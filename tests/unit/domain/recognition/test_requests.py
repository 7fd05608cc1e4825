"""Requests have the documented bodies (`documented_replies/`, docs/vendor-api.md#sources)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import (
    CATALOGUE,
    CHAT_PATH,
    GENERATION_PATH,
    TRANSCRIPTION_PATH,
    Endpoint,
    find_spec,
)
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.requests import (
    DEFAULT_PROMPT,
    VendorRequest,
    build_recognition_request,
    build_task_request,
)

DOCUMENTED_REPLIES = Path(__file__).parent / "documented_replies"
WELCOME = "https://dashscope.oss-cn-beijing.aliyuncs.com/audios/welcome.mp3"
FEMALE = "https://dashscope.oss-cn-beijing.aliyuncs.com/samples/audio/paraformer/hello_world_female2.wav"
SIGNED = "https://m.s3.us-east-1.amazonaws.com/a%20b%2B.wav?X-Amz-Signature=0%2B1&versionId=v"
FUN_FLASH, FLASH, OMNI = "fun-asr-flash-2026-06-15", "qwen3-asr-flash", "qwen3-omni-flash"
TURN = {"role": "user", "text": "Bulge Bracket"}
Json = dict[str, Any]


def documented(name: str) -> Json:
    document: Json = json.loads((DOCUMENTED_REPLIES / f"{name}.json").read_text(encoding="utf-8"))
    return document


def call(
    model: str, parameters: Json | None = None, *, url: str = SIGNED, extension: str = "wav", **way_in: Any
) -> VendorRequest:
    spec = CATALOGUE[model]
    usual: Json = {"endpoint": spec.endpoints[0], "stream": spec.streams_by_default}
    options = Options(profile="p", model=model, family=spec.family, parameters=parameters or {}, **(usual | way_in))
    return build_recognition_request(options, url, extension)


# tasks


def test_a_filetrans_submission_is_the_documented_one() -> None:
    request = build_task_request(
        CATALOGUE["qwen3-asr-flash-filetrans"], [WELCOME], {"channel_id": [0], "enable_itn": False}
    )
    assert request == VendorRequest(
        TRANSCRIPTION_PATH, documented("004_filetrans_request"), {"X-DashScope-Async": "enable"}
    )


@pytest.mark.parametrize("name", [name for name, spec in CATALOGUE.items() if not spec.is_synchronous])
def test_a_submission_has_the_file_field_of_its_model_and_always_has_parameters(name: str) -> None:
    request = build_task_request(CATALOGUE[name], [SIGNED], {})
    singular = name.startswith("qwen3-")
    assert request.body == {
        "model": name,
        "input": {"file_url": SIGNED} if singular else {"file_urls": [SIGNED]},
        "parameters": {},
    }


def test_a_submission_of_an_unknown_model_has_the_shape_of_its_family() -> None:
    spec = find_spec("qwen4-asr-filetrans", "qwen3-asr-filetrans")
    assert spec is not None
    assert build_task_request(spec, [SIGNED], {"language": "tlh"}).body == {
        "model": "qwen4-asr-filetrans",
        "input": {"file_url": SIGNED},
        "parameters": {"language": "tlh"},
    }


def test_the_context_of_a_submission_is_in_its_input_and_not_in_its_parameters() -> None:
    request = build_task_request(
        CATALOGUE["qwen-audio-3.1-asr-flash-filetrans"],
        [SIGNED],
        {"context": [TURN, {"role": "assistant", "text": "Yes."}], "vocabulary": {"BB": 50}},
    )
    assert request.body["input"] == {
        "file_urls": [SIGNED],
        "context": [
            {"role": "user", "content": [{"type": "input_text", "text": "Bulge Bracket"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        ],
    }
    assert request.body["parameters"] == {"vocabulary": {"BB": 50}}


# calls


def test_a_fun_asr_flash_call_is_the_documented_one() -> None:
    request = call(FUN_FLASH, {"sample_rate": "16000"}, url=FEMALE, stream=False)
    assert request == VendorRequest(
        GENERATION_PATH, documented("000_fun_asr_flash_request"), {"X-DashScope-SSE": "disable"}
    )


def test_a_call_of_dashscopes_own_endpoint_is_the_documented_one() -> None:
    """Except that we omit the page's empty system message, and add the `result_format` that gives the reply its
    `choices` (docs/vendor-api.md#qwen3-asr-flash-request)."""
    printed = documented("004_native_request")
    assert printed["input"]["messages"].pop(0) == {"role": "system", "content": [{"text": ""}]}
    printed["parameters"]["result_format"] = "message"
    request = call(FLASH, {"asr_options": {"enable_itn": False}}, url=WELCOME)
    assert request == VendorRequest(GENERATION_PATH, printed, {})


def test_a_call_of_the_openai_endpoint_is_the_documented_one() -> None:
    request = call(FLASH, {"asr_options": {"enable_itn": False}}, url=WELCOME, endpoint=Endpoint.OPENAI)
    assert request == VendorRequest(CHAT_PATH, documented("004_openai_request"), {})


def test_a_stream_of_dashscopes_own_endpoint_requests_incremental_output() -> None:
    request = call(FLASH, stream=True)
    assert request.headers == {"X-DashScope-SSE": "enable"}
    assert request.body["parameters"] == {"result_format": "message", "incremental_output": True}
    assert "stream" not in request.body


@pytest.mark.parametrize("model", [FUN_FLASH, "qwen-audio-3.0-asr-flash"])
@pytest.mark.parametrize(("stream", "header"), [(True, "enable"), (False, "disable")])
def test_a_header_requests_a_stream_of_sentences(model: str, stream: bool, header: str) -> None:
    request = call(model, stream=stream)
    assert request.headers == {"X-DashScope-SSE": header}
    assert request.body["parameters"] == {"format": "wav"}


@pytest.mark.parametrize("model", [FLASH, OMNI])
def test_stream_options_are_sent_with_a_stream_only(model: str) -> None:
    streamed = call(model, endpoint=Endpoint.OPENAI, stream=True)
    assert (streamed.body["stream"], streamed.body["stream_options"]) == (True, {"include_usage": True})
    whole = call(model, endpoint=Endpoint.OPENAI, stream=False)
    assert whole.body["stream"] is False
    assert "stream_options" not in whole.body
    assert (streamed.headers, whole.headers) == ({}, {})


@pytest.mark.parametrize("endpoint", Endpoint)
def test_the_context_is_the_system_message_before_the_audio(endpoint: Endpoint) -> None:
    body = call(FLASH, {"context": "Bulge Bracket"}, endpoint=endpoint).body
    messages = body["input"]["messages"] if endpoint is Endpoint.DASHSCOPE else body["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert messages[0]["content"] == [{"text": "Bulge Bracket"}]
    assert "context" not in body.get("parameters", body)


def test_a_conversation_comes_before_the_audio() -> None:
    body = call(FUN_FLASH, {"context": [TURN, {"role": "assistant", "text": "Yes."}]}).body
    assert body["input"]["messages"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "Bulge Bracket"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": SIGNED}}]},
    ]
    assert "context" not in body["parameters"]


def test_the_format_is_the_file_extension_unless_the_options_override_it() -> None:
    assert call(FUN_FLASH, extension="mp3").body["parameters"] == {"format": "mp3"}
    assert call(FUN_FLASH, {"format": "opus"}, extension="ogg").body["parameters"] == {"format": "opus"}


def test_an_omni_call_has_the_audio_with_its_format_and_then_the_prompt() -> None:
    request = call(OMNI, extension="mp3")
    assert request == VendorRequest(
        CHAT_PATH,
        {
            "model": OMNI,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_audio", "input_audio": {"data": SIGNED, "format": "mp3"}},
                        {"type": "text", "text": DEFAULT_PROMPT},
                    ],
                }
            ],
            "modalities": ["text"],
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        {},
    )


def test_an_omni_call_has_the_prompt_of_the_options() -> None:
    body = call(OMNI, {"prompt": "Sing it.", "context": "A choir.", "temperature": 0.0}).body
    assert body["messages"][0] == {"role": "system", "content": "A choir."}
    assert body["messages"][1]["content"][1] == {"type": "text", "text": "Sing it."}
    assert body["temperature"] == 0.0
    assert not {"prompt", "context"} & set(body)


@pytest.mark.parametrize("name", [name for name, spec in CATALOGUE.items() if spec.is_synchronous])
def test_every_call_has_its_model_and_the_unchanged_signed_url_once(name: str) -> None:
    for endpoint in CATALOGUE[name].endpoints:
        request = call(name, endpoint=endpoint)
        assert request.path == (CHAT_PATH if endpoint is Endpoint.OPENAI else GENERATION_PATH)
        assert request.body["model"] == name
        assert json.dumps(request.body).count(SIGNED) == 1
        assert "X-DashScope-Async" not in request.headers


def test_a_synchronous_call_of_an_asynchronous_model_is_an_error() -> None:
    options = Options(profile="p", model="fun-asr", family="fun-asr", parameters={})
    with pytest.raises(LookupError, match="not a synchronous model"):
        build_recognition_request(options, SIGNED, "wav")
