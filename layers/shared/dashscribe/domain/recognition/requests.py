"""Build the requests of submissions and synchronous calls.

Sources: docs/vendor-api.md#request-shapes, docs/vendor-api.md#qwen3-asr-flash-request,
docs/vendor-api.md#fun-asr-flash-request and docs/vendor-api.md#qwen-omni.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import (
    CHAT_PATH,
    GENERATION_PATH,
    TRANSCRIPTION_PATH,
    Endpoint,
    ModelSpec,
    RequestShape,
)
from dashscribe.domain.recognition.flash_parameters import FunAsrFlashParameters, QwenAudioFiletransParameters
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.parameters import PhraseParameters
from dashscribe.domain.recognition.qwen_parameters import OmniParameters, Qwen3FlashParameters

DEFAULT_PROMPT = (
    "Transcribe this recording word for word, in the language that is spoken in it. "
    "Answer with the transcript alone; if nobody speaks, answer with nothing."
)
"""The prompt of a Qwen-Omni model, unless the options have one."""


@dataclass(frozen=True)
class VendorRequest:
    """A POST: its path, its JSON body, and its headers besides those of every request."""

    path: str
    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)


def build_task_request(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> VendorRequest:
    """Build an asynchronous submission.

    The body always has `parameters`: without it a workspace host accepts the task and then fails it
    (docs/vendor-api.md#workspace-hosts).
    """
    given = spec.parameters.model_validate(parameters)
    source: JsonObject = (
        {"file_url": file_urls[0]} if spec.shape is RequestShape.FILE_URL else {"file_urls": list(file_urls)}
    )
    if isinstance(given, QwenAudioFiletransParameters) and given.context:
        source["context"] = given.context_messages()
    body: JsonObject = {"model": spec.name, "input": source, "parameters": given.to_request_parameters()}
    if isinstance(given, PhraseParameters) and (resources := given.request_resources()):
        body["resources"] = resources
    return VendorRequest(TRANSCRIPTION_PATH, body, {"X-DashScope-Async": "enable"})


def build_recognition_request(options: Options, file_url: str, extension: str) -> VendorRequest:
    """Build a synchronous call.

    `extension` is the file extension of the object's key. It is the audio format for the models that require one.
    Raises `LookupError` if the model is not synchronous.
    """
    spec = options.spec
    given = spec.parameters.model_validate(options.parameters)
    if isinstance(given, FunAsrFlashParameters):
        return _input_audio(options, given, file_url, extension)
    if isinstance(given, OmniParameters):
        return _prompted(options, given, file_url, extension)
    if isinstance(given, Qwen3FlashParameters):
        return (_chat if options.endpoint is Endpoint.OPENAI else _audio_message)(options, given, file_url)
    raise LookupError(f"{spec.name} is not a synchronous model")


def _audio_message(options: Options, given: Qwen3FlashParameters, file_url: str) -> VendorRequest:
    messages: list[JsonObject] = [{"role": "user", "content": [{"audio": file_url}]}]
    if given.context:
        messages.insert(0, {"role": "system", "content": [{"text": given.context}]})
    parameters = {"result_format": "message", **given.to_request_parameters()}
    if options.stream:
        parameters["incremental_output"] = True
    return VendorRequest(
        GENERATION_PATH,
        {"model": options.model, "input": {"messages": messages}, "parameters": parameters},
        {"X-DashScope-SSE": "enable"} if options.stream else {},
    )


def _input_audio(options: Options, given: FunAsrFlashParameters, file_url: str, extension: str) -> VendorRequest:
    audio = {"type": "input_audio", "input_audio": {"data": file_url}}
    messages = [*given.context_messages(), {"role": "user", "content": [audio]}]
    return VendorRequest(
        GENERATION_PATH,
        {
            "model": options.model,
            "input": {"messages": messages},
            "parameters": {"format": extension, **given.to_request_parameters()},
        },
        {"X-DashScope-SSE": "enable" if options.stream else "disable"},
    )


def _chat(options: Options, given: Qwen3FlashParameters, file_url: str) -> VendorRequest:
    audio = {"type": "input_audio", "input_audio": {"data": file_url}}
    messages: list[JsonObject] = [{"role": "user", "content": [audio]}]
    if given.context:
        messages.insert(0, {"role": "system", "content": [{"text": given.context}]})
    return VendorRequest(
        CHAT_PATH,
        {**given.to_request_parameters(), "model": options.model, "messages": messages, **_streaming(options)},
    )


def _prompted(options: Options, given: OmniParameters, file_url: str, extension: str) -> VendorRequest:
    audio = {"type": "input_audio", "input_audio": {"data": file_url, "format": extension}}
    prompt = {"type": "text", "text": given.prompt or DEFAULT_PROMPT}
    messages: list[JsonObject] = [{"role": "user", "content": [audio, prompt]}]
    if given.context:
        messages.insert(0, {"role": "system", "content": given.context})
    return VendorRequest(
        CHAT_PATH,
        {
            "modalities": ["text"],
            **given.to_request_parameters(),
            "model": options.model,
            "messages": messages,
            **_streaming(options),
        },
    )


def _streaming(options: Options) -> JsonObject:
    """`stream_options` is not allowed without a stream (docs/vendor-api.md#qwen3-asr-flash-request)."""
    return {"stream": True, "stream_options": {"include_usage": True}} if options.stream else {"stream": False}
