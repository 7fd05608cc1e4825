"""For every model of the catalogue, our client sends the same requests as the official SDKs.

Requests that no SDK can send are compared with the vendor's curl command, or with the SDK's request without the
missing part. The tests say so.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.recognition.catalogue import CATALOGUE, Endpoint, ModelSpec, RequestShape
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.requests import DEFAULT_PROMPT

if TYPE_CHECKING:
    from dashscope.audio.asr import Transcription
    from openai import OpenAI

KEY = "sk-local"
URLS = ["http://127.0.0.1:9/a%20b.wav?X-Amz-Signature=0%2B1", "http://127.0.0.1:9/%E4%BC%9A%E8%AE%AE.mp3"]
URL = URLS[0]
COMPARED_HEADERS = ("authorization", "x-dashscope-async", "x-dashscope-sse", "x-dashscope-workspace")
SCRIPTS = [{"match": "a b.wav", "answers": [{"text": "Hello world."}]}]

CURL = json.loads(
    """{
  "model": "fun-asr-flash-2026-06-15",
  "input": {
    "messages": [
      {
        "role": "user",
        "content": [
          {
            "type": "input_audio",
            "input_audio": {
              "data": "https://dashscope.oss-cn-beijing.aliyuncs.com/samples/audio/paraformer/hello_world_female2.wav"
            }
          }
        ]
      }
    ]
  },
  "parameters": {
    "format": "wav",
    "sample_rate": "16000"
  }
}"""
)
"""The documented body of a call with `X-DashScope-SSE: disable` (docs/vendor-api.md#fun-asr-flash-request)."""

Recorded = Callable[[str], list[dict[str, Any]]]
OptionsFor = Callable[..., Options]


def models_of(*shapes: RequestShape) -> list[str]:
    return [name for name, spec in CATALOGUE.items() if spec.shape in shapes]


def parameters_of(spec: ModelSpec) -> dict[str, Any]:
    """Some parameters of this family that have the same form for users and in the request."""
    some: dict[str, dict[str, Any]] = {
        "fun-asr": {"channel_id": [0, 1], "language_hints": ["en"], "speech_noise_threshold": 0.5},
        "paraformer": {"channel_id": [0], "disfluency_removal_enabled": True, "timestamp_alignment_enabled": False},
        "qwen-audio-filetrans": {"language_hints": ["en", "zh"], "vocabulary": {"DashScope": 5}},
        "qwen3-asr-filetrans": {"channel_id": [0], "language": "en", "enable_itn": False, "enable_words": True},
        "qwen3-asr-flash": {"asr_options": {"language": "en", "enable_itn": True}},
        "fun-asr-flash": {"language_hints": ["en"], "sample_rate": "16000"},
        "qwen-audio-flash": {"language_hints": ["en", "zh"], "vocabulary": {"DashScope": 5}},
        "qwen-omni": {"temperature": 0.0},
    }
    return some[spec.family]


@pytest.fixture
def sdk(base_url: str, monkeypatch: pytest.MonkeyPatch) -> type[Transcription]:
    import dashscope
    from dashscope.audio.asr import Transcription

    monkeypatch.setattr(dashscope, "base_http_api_url", f"{base_url}/api/v1")
    return Transcription


@pytest.fixture
def openai(base_url: str) -> Iterator[OpenAI]:
    from openai import OpenAI

    with OpenAI(api_key=KEY, base_url=f"{base_url}/compatible-mode/v1", max_retries=0) as client:
        yield client


def compared_parts(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the compared parts of a request: method, path, body, relevant headers and content type."""
    return {
        "method": request["method"],
        "path": request["path"],
        "body": request["body"],
        "headers": {name: request["headers"].get(name) for name in COMPARED_HEADERS},
        "content_type": request["headers"].get("content-type", "").partition(";")[0],
        "status": request["status"],
    }


def test_every_family_has_valid_test_parameters() -> None:
    for spec in CATALOGUE.values():
        spec.parameters.model_validate(parameters_of(spec))


# tasks


@pytest.mark.parametrize("given", ["none", "some"])
@pytest.mark.parametrize("model", models_of(RequestShape.FILE_URLS))
def test_a_submission_of_several_files_equals_that_of_the_sdk(
    model: str,
    given: str,
    our_client: DashScopeHttp,
    sdk: type[Transcription],
    recorded: Recorded,
) -> None:
    spec = CATALOGUE[model]
    parameters = parameters_of(spec) if given == "some" else {}
    if not spec.languages:
        parameters.pop("language_hints", None)
    our_client.submit(spec, URLS, parameters)
    sdk.async_call(model=model, file_urls=URLS, api_key=KEY, **parameters)
    own, official = recorded("submit")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200
    assert own["body"]["input"] == {"file_urls": URLS}
    assert own["body"]["parameters"] == parameters


@pytest.mark.parametrize("given", ["none", "some"])
@pytest.mark.parametrize("model", models_of(RequestShape.FILE_URL))
def test_a_submission_of_one_file_equals_that_of_the_sdk(
    model: str, given: str, our_client: DashScopeHttp, sdk: object, recorded: Recorded
) -> None:
    parameters = parameters_of(CATALOGUE[model]) if given == "some" else {}
    our_client.submit(CATALOGUE[model], [URL], parameters)
    from dashscope.audio.qwen_asr import QwenTranscription

    QwenTranscription.async_call(model=model, file_url=URL, api_key=KEY, **parameters)
    own, official = recorded("submit")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200
    assert own["body"]["input"] == {"file_url": URL}


@pytest.mark.parametrize(
    ("model", "ours", "theirs"),
    [
        pytest.param(
            "fun-asr",
            {"diarization_enabled": True, "speaker_count": 3},
            {"diarization_enabled": True, "speaker_count": 3},
            id="speakers",
        ),
        pytest.param(
            "fun-asr",
            {"special_word_filter": {"filter_with_signed": {"word_list": ["密码"]}, "system_reserved_filter": False}},
            {"special_word_filter": '{"filter_with_signed": {"word_list": ["密码"]}, "system_reserved_filter": false}'},
            id="word filter",
        ),
        pytest.param("fun-asr-mtl", {"vocabulary_id": "vocab-1"}, {"vocabulary_id": "vocab-1"}, id="vocabulary"),
        pytest.param(
            "paraformer-v2", {"language_hints": ["zh", "en"]}, {"language_hints": ["zh", "en"]}, id="languages"
        ),
    ],
)
def test_a_parameter_equals_that_of_the_sdk(
    model: str,
    ours: dict[str, Any],
    theirs: dict[str, Any],
    our_client: DashScopeHttp,
    sdk: type[Transcription],
    recorded: Recorded,
) -> None:
    our_client.submit(CATALOGUE[model], URLS, ours)
    sdk.async_call(model=model, file_urls=URLS, api_key=KEY, **theirs)
    own, official = recorded("submit")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200


@pytest.mark.filterwarnings("ignore:dashscope 2.0 audio API is a preview:FutureWarning")
@pytest.mark.parametrize("model", [name for name in CATALOGUE if name.startswith("qwen-audio") and "filetrans" in name])
def test_a_submission_with_context_differs_from_that_of_the_sdk_by_the_context_only(
    model: str, base_url: str, our_client: DashScopeHttp, options_for: OptionsFor, recorded: Recorded
) -> None:
    """No SDK class can send `input.context` (docs/vendor-api.md#official-sdk), so it is removed from our request and
    checked separately.

    Like our client, the SDK's newer client always sends `parameters`.
    """
    turns = [{"role": "user", "text": "DashScope, Qwen"}, {"role": "assistant", "text": "I see."}]
    options = options_for(model, {"context": turns})
    our_client.submit(options.spec, URLS, options.parameters)
    import dashscope

    with dashscope.Client(api_key=KEY, base_url=f"{base_url}/api/v1", max_retries=0) as client:
        client.audio.asr.jobs.create(model=model, file_urls=URLS)
    own, official = recorded("submit")
    assert own["status"] == 200
    ours = copy.deepcopy(own)
    assert ours["body"]["input"].pop("context") == [
        {"role": "user", "content": [{"type": "input_text", "text": "DashScope, Qwen"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I see."}]},
    ]
    assert compared_parts(ours) == compared_parts(official)


def test_a_submission_to_a_workspace_equals_that_of_the_sdk(
    base_url: str, sdk: type[Transcription], recorded: Recorded, http: httpx.Client
) -> None:
    DashScopeHttp(http, base_url, lambda: KEY, "llm-1a2b").submit(CATALOGUE["fun-asr"], URLS, {})
    sdk.async_call(model="fun-asr", file_urls=URLS, api_key=KEY, workspace="llm-1a2b")
    own, official = recorded("submit")
    assert compared_parts(own) == compared_parts(official)
    assert own["headers"]["x-dashscope-workspace"] == "llm-1a2b"


def test_a_query_equals_that_of_the_sdk(
    base_url: str, sdk: type[Transcription], recorded: Recorded, http: httpx.Client
) -> None:
    DashScopeHttp(http, base_url, lambda: KEY, "llm-1a2b").query("4c1e")
    sdk.fetch("4c1e", api_key=KEY, workspace="llm-1a2b")
    own, official = recorded("query")
    assert compared_parts(own) | {"content_type": None} == compared_parts(official) | {"content_type": None}
    assert (own["method"], own["path"], own["status"]) == ("GET", "/api/v1/tasks/4c1e", 200)


# synchronous calls


@pytest.mark.parametrize("context", [None, "DashScope, Qwen"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", models_of(RequestShape.AUDIO_MESSAGE))
def test_a_native_call_equals_that_of_the_sdk(
    model: str,
    stream: bool,
    context: str | None,
    our_client: DashScopeHttp,
    options_for: OptionsFor,
    sdk: object,
    configure: Callable[..., None],
    recorded: Recorded,
) -> None:
    configure(scripts=SCRIPTS)
    given = parameters_of(CATALOGUE[model])
    ours = given if context is None else {**given, "context": context}
    our_client.transcribe(options_for(model, ours, stream=stream), URL, "wav")
    system = [] if context is None else [{"role": "system", "content": [{"text": context}]}]
    streaming: dict[str, Any] = {"stream": True, "incremental_output": True} if stream else {}
    from dashscope import MultiModalConversation

    reply: Any = MultiModalConversation.call(
        model,
        [*system, {"role": "user", "content": [{"audio": URL}]}],
        KEY,
        result_format="message",
        **given,
        **streaming,
    )
    assert list(reply) if stream else reply
    own, official = recorded("generate")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200
    if stream:
        assert own["headers"]["accept"] == official["headers"]["accept"] == "text/event-stream"


@pytest.mark.parametrize("context", [None, "DashScope, Qwen"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "model", [name for name in models_of(RequestShape.AUDIO_MESSAGE) if Endpoint.OPENAI in CATALOGUE[name].endpoints]
)
def test_a_completion_request_equals_that_of_the_openai_sdk(
    model: str,
    stream: bool,
    context: str | None,
    our_client: DashScopeHttp,
    options_for: OptionsFor,
    openai: OpenAI,
    configure: Callable[..., None],
    recorded: Recorded,
) -> None:
    """OpenAI's SDK does not have `asr_options`, so the vendor's page passes it as `extra_body`
    (docs/vendor-api.md#qwen3-asr-flash-request)."""
    configure(scripts=SCRIPTS)
    given = parameters_of(CATALOGUE[model])
    ours = given if context is None else {**given, "context": context}
    our_client.transcribe(options_for(model, ours, stream=stream, endpoint=Endpoint.OPENAI), URL, "wav")
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": URL}}]},
    ]
    if context is not None:
        messages.insert(0, {"role": "system", "content": [{"text": context}]})
    usage: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    reply = openai.chat.completions.create(model=model, messages=messages, stream=stream, extra_body=given, **usage)
    assert list(reply)
    own, official = recorded("chat")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200


@pytest.mark.parametrize("own_prompt", [None, "Write down what is sung."])
@pytest.mark.parametrize("model", models_of(RequestShape.PROMPTED_AUDIO))
def test_a_completion_request_with_a_prompt_equals_that_of_the_openai_sdk(
    model: str,
    own_prompt: str | None,
    our_client: DashScopeHttp,
    options_for: OptionsFor,
    openai: OpenAI,
    configure: Callable[..., None],
    recorded: Recorded,
) -> None:
    configure(scripts=SCRIPTS)
    given = parameters_of(CATALOGUE[model])
    prompt = {} if own_prompt is None else {"prompt": own_prompt}
    our_client.transcribe(options_for(model, {**given, **prompt, "context": "A choir."}), URL, "wav")
    content: list[Any] = [
        {"type": "input_audio", "input_audio": {"data": URL, "format": "wav"}},
        {"type": "text", "text": own_prompt or DEFAULT_PROMPT},
    ]
    reply = openai.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": "A choir."}, {"role": "user", "content": content}],
        modalities=["text"],
        stream=True,
        stream_options={"include_usage": True},
        **given,
    )
    assert list(reply)
    own, official = recorded("chat")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", models_of(RequestShape.INPUT_AUDIO))
def test_a_call_without_an_sdk_class_equals_the_documented_curl_command(
    model: str,
    stream: bool,
    our_client: DashScopeHttp,
    options_for: OptionsFor,
    vendor: httpx.Client,
    configure: Callable[..., None],
    recorded: Recorded,
) -> None:
    """fun-asr-flash and qwen-audio-flash: the documented body with this model and file."""
    configure(scripts=SCRIPTS)
    body = copy.deepcopy(CURL)
    body["model"] = model
    body["input"]["messages"][0]["content"][0]["input_audio"]["data"] = URL
    our_client.transcribe(options_for(model, {"sample_rate": 16000}, stream=stream), URL, "wav")
    vendor.post(
        "/api/v1/services/aigc/multimodal-generation/generation",
        json=body,
        headers={"X-DashScope-SSE": "enable" if stream else "disable"},
    )
    own, official = recorded("generate")
    assert compared_parts(own) == compared_parts(official)
    assert own["status"] == 200


@pytest.mark.parametrize("model", models_of(RequestShape.INPUT_AUDIO))
def test_a_call_without_an_sdk_class_sends_parameters_and_context(
    model: str,
    our_client: DashScopeHttp,
    options_for: OptionsFor,
    configure: Callable[..., None],
    recorded: Recorded,
) -> None:
    """docs/vendor-api.md#fun-asr-flash-request: parameters besides the format, and turns before the audio."""
    configure(scripts=SCRIPTS)
    given = parameters_of(CATALOGUE[model])
    turns = [{"role": "user", "text": "DashScope"}, {"role": "assistant", "text": "I see."}]
    our_client.transcribe(options_for(model, {**given, "context": turns}), URL, "mp3")
    (own,) = recorded("generate")
    assert own["status"] == 200
    assert own["body"]["parameters"] == {"format": "mp3", **given}
    assert [message["content"][0] for message in own["body"]["input"]["messages"]] == [
        {"type": "input_text", "text": "DashScope"},
        {"type": "text", "text": "I see."},
        {"type": "input_audio", "input_audio": {"data": URL}},
    ]
