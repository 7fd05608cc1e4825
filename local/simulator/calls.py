"""Parse synchronous calls, and refuse those that the vendor refuses (docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from dashscribe.domain.recognition.catalogue import Endpoint, ModelSpec, Region, RequestShape
from local.simulator.checks import (
    RequestRefusedError,
    check_conversation,
    check_endpoint,
    check_parameters,
    invalid,
    is_http_url,
    model_served,
    read_body,
    read_input,
)
from local.simulator.scenario import Behaviour

_DATA = "data:"
_BASE64 = ";base64,"


@dataclass(frozen=True)
class Call:
    """A valid call. `audio` is an HTTP URL or a data URL."""

    spec: ModelSpec
    audio: str
    language: str | None = None
    stream: bool = False
    incremental: bool = True
    include_usage: bool = False

    @property
    def sent_audio(self) -> bytes | None:
        """The audio of a data URL; None for an HTTP URL."""
        if not self.audio.startswith(_DATA):
            return None
        try:
            return base64.b64decode(self.audio.partition(_BASE64)[2], validate=True)
        except binascii.Error:
            raise invalid("The audio is not valid base64.") from None


def generation_call(headers: dict[str, str], raw: bytes, behaviour: Behaviour) -> Call:
    """Parse a call of DashScope's own endpoint. Raises `RequestRefusedError`."""
    if headers.get("x-dashscope-async") == "enable":
        raise RequestRefusedError(403, "AccessDenied", "current user api does not support asynchronous calls.")
    body = read_body(raw)
    given = read_input(body)
    spec = model_served(body["model"], behaviour)
    if spec is None:
        raise invalid("Model not exist.")
    check_endpoint(spec, Endpoint.DASHSCOPE)
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid("parameters must be an object")
    earlier, content = _split_messages(given.get("messages"))
    stream = headers.get("x-dashscope-sse") == "enable"
    if spec.shape is RequestShape.INPUT_AUDIO:
        return _input_audio_call(spec, earlier, content, parameters, stream=stream)
    return _audio_message_call(spec, earlier, content, parameters, stream=stream)


def _input_audio_call(
    spec: ModelSpec, earlier: list[Any], content: list[Any], parameters: dict[str, Any], *, stream: bool
) -> Call:
    check_conversation(earlier)
    if not parameters.get("format"):
        raise invalid('Required parameter "format" missing from request.')
    check_parameters(spec, parameters)
    return Call(spec, _check_audio(spec, _get_only_audio(content, "input_audio", "data")), stream=stream)


def _audio_message_call(
    spec: ModelSpec, earlier: list[Any], content: list[Any], parameters: dict[str, Any], *, stream: bool
) -> Call:
    _check_system(earlier)
    incremental = parameters.get("incremental_output", False)
    if parameters.get("result_format", "message") != "message" or not isinstance(incremental, bool):
        raise invalid()
    for_model = {
        name: value for name, value in parameters.items() if name not in ("incremental_output", "result_format")
    }
    check_parameters(spec, for_model)
    if len(content) != 1 or not isinstance(content[0], dict) or not isinstance(content[0].get("audio"), str):
        raise invalid("The content of the user message must be one element with an audio.")
    return Call(
        spec,
        _check_audio(spec, content[0]["audio"]),
        language=(for_model.get("asr_options") or {}).get("language"),
        stream=stream,
        incremental=incremental,
    )


def chat_call(raw: bytes, behaviour: Behaviour) -> Call:
    """Parse a call of the OpenAI-compatible endpoint. Raises `RequestRefusedError`, with the codes of DashScope."""
    if behaviour.region is Region.US:
        raise RequestRefusedError(404, "NotFound", "There is no OpenAI-compatible endpoint in this region.")
    body = read_body(raw)
    spec = model_served(body["model"], behaviour)
    if spec is None:
        raise RequestRefusedError(
            404,
            "model_not_found",
            f"The model `{body['model']}` does not exist or you do not have access to it.",
        )
    check_endpoint(spec, Endpoint.OPENAI)
    earlier, content = _split_messages(body.get("messages"))
    stream, include_usage = _check_streaming(spec, body)
    options = {name: body[name] for name in body.keys() - {"model", "messages", "stream", "stream_options"}}
    if spec.shape is RequestShape.PROMPTED_AUDIO:
        if options.pop("modalities", ["text"]) != ["text"]:
            raise invalid("The simulator has no speech output: modalities must be ['text'].")
        check_parameters(spec, options)
        _check_system(earlier)
        audio = _check_audio(spec, _get_prompted_audio(content))
        return Call(spec, audio, stream=stream, include_usage=include_usage)
    check_parameters(spec, options)
    _check_system(earlier, only_elements=True)
    return Call(
        spec,
        _check_audio(spec, _get_only_audio(content, "input_audio", "data")),
        language=(options.get("asr_options") or {}).get("language"),
        stream=stream,
        include_usage=include_usage,
    )


def _check_streaming(spec: ModelSpec, body: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether the call streams, and whether its stream includes the usage."""
    stream, stream_options = body.get("stream", False), body.get("stream_options")
    if not isinstance(stream, bool) or not isinstance(stream_options, dict | None):
        raise invalid()
    if stream_options is not None and not stream:
        raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    if spec.must_stream and not stream:
        raise invalid("This model only support stream mode, please enable the stream parameter to access the model.")
    return stream, bool((stream_options or {}).get("include_usage"))


def audio_urls(body: Any) -> list[str]:
    """Return the file URLs of a call, which may be invalid."""
    if not isinstance(body, dict):
        return []
    holder = body.get("input") if isinstance(body.get("input"), dict) else body
    messages = holder.get("messages") if isinstance(holder, dict) else None
    items = [
        item
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for item in message["content"]
        if isinstance(item, dict)
    ]
    nested = [item["input_audio"].get("data") for item in items if isinstance(item.get("input_audio"), dict)]
    return [url for url in [*(item.get("audio") for item in items), *nested] if isinstance(url, str)]


def _split_messages(messages: Any) -> tuple[list[Any], list[Any]]:
    """Return the messages before the last one, and the content of the last one, which has the audio."""
    if not isinstance(messages, list) or not messages:
        raise invalid("Required parameter messages missing or invalid.")
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user" or not isinstance(last.get("content"), list):
        raise invalid("The last message must be the user's, with its content in a list.")
    return messages[:-1], last["content"]


def _check_system(messages: list[Any], *, only_elements: bool = False) -> None:
    """Allow at most one system message, with one text element (docs/vendor-api.md#qwen3-asr-flash-request).

    For Qwen-Omni the content may also be a string.
    """
    for message in messages:
        content = message.get("content") if isinstance(message, dict) and message.get("role") == "system" else None
        if isinstance(content, str) and not only_elements:
            continue
        if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
            raise invalid("Before the audio there may be a system message with one text only.")
        if not isinstance(content[0].get("text"), str):
            raise invalid("The content of the system message must be a text.")
    if len(messages) > 1:
        raise invalid("Before the audio there may be one message only.")


def _get_only_audio(content: list[Any], kind: str, key: str) -> str:
    """Return the audio of a message that has no other element."""
    item = content[0] if len(content) == 1 and isinstance(content[0], dict) else {}
    given = item.get(kind) if item.get("type") == kind else None
    if not isinstance(given, dict) or not isinstance(given.get(key), str):
        raise invalid(f"The content of the user message must be one element of the type {kind}.")
    return str(given[key])


def _get_prompted_audio(content: list[Any]) -> str:
    """Return the audio of a message that also has a prompt. The audio must have a format
    (docs/vendor-api.md#qwen-omni)."""
    prompts = [item for item in content if isinstance(item, dict) and item.get("type") == "text" and item.get("text")]
    audio = [item for item in content if isinstance(item, dict) and item.get("type") == "input_audio"]
    if not prompts or len(audio) + len(prompts) != len(content):
        raise invalid("The content must be an input_audio and a text.")
    given = audio[0].get("input_audio") if len(audio) == 1 else None
    if not isinstance(given, dict) or not given.get("format"):
        raise invalid("input_audio must have data and format.")
    return _get_only_audio(audio, "input_audio", "data")


def _check_audio(spec: ModelSpec, audio: str) -> str:
    if audio.startswith(_DATA):
        _, comma, encoded = audio.partition(_BASE64)
        if not comma:
            raise invalid("The audio must be a data URL in base64.")
        if not encoded:
            raise invalid("The audio is empty")
        check_size(spec, len(encoded))
    elif not is_http_url(audio):
        raise RequestRefusedError(400, "InvalidURL", "The provided URL does not appear to be valid.")
    return audio


def check_size(spec: ModelSpec, size: int) -> None:
    """Refuse audio above the size limit. The size of a data URL is its encoded length
    (docs/vendor-api.md#file-limits)."""
    if spec.max_size_bytes is not None and size > spec.max_size_bytes:
        raise RequestRefusedError(400, "BadRequest.TooLarge", "The file size exceeds the limit of 10 MB.")
