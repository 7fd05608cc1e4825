"""Parse synchronous calls, and refuse those that the vendor refuses (docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashscribe.domain.recognition.catalogue import Endpoint, ModelSpec, Region, RequestShape
from local.simulator.checks import (
    RequestRefusedError,
    check_endpoint,
    check_parameters,
    invalid,
    is_file_url,
    model_served,
    read_body,
    read_input,
    read_parameters,
)
from local.simulator.messages import (
    check_other_messages,
    count_words,
    get_audio_element,
    get_input_audio,
    get_prompted_audio,
    split_messages,
)
from local.simulator.scenario import Behaviour

_DATA = "data:"
_BASE64 = ";base64,"
_STREAMING = ("stream", "incremental_output", "result_format")


@dataclass(frozen=True)
class Call:
    """A valid call. `audio` is an HTTP URL, a data URL, or an `oss://` URL of an uploaded file."""

    spec: ModelSpec
    audio: str
    language: str | None = None
    stream: bool = False
    incremental: bool = True
    include_usage: bool = False
    prompt_words: int = 0

    @property
    def sent_audio(self) -> bytes | None:
        """The audio of a data URL; None for another URL."""
        if not self.audio.startswith(_DATA):
            return None
        try:
            return base64.b64decode(self.audio.partition(_BASE64)[2], validate=True)
        except binascii.Error:
            raise invalid("The audio is not valid base64.") from None


def generation_call(headers: Mapping[str, str], raw: bytes, behaviour: Behaviour) -> Call:
    """Parse a call of DashScope's own endpoint. Raises `RequestRefusedError`."""
    if headers.get("x-dashscope-async") == "enable":
        raise RequestRefusedError(403, "AccessDenied", "current user api does not support asynchronous calls.")
    body = read_body(raw)
    given = read_input(body)
    spec = model_served(body["model"], behaviour)
    if spec is None:
        raise invalid("Model not exist.")
    check_endpoint(spec, Endpoint.DASHSCOPE)
    parameters = read_parameters(body)
    strict = behaviour.strict
    others, content = split_messages(given.get("messages"), spec.shape, strict=strict)
    check_other_messages(others, spec.shape, strict=strict, text_allowed=False)
    stream = headers.get("x-dashscope-sse") == "enable"
    # The SDK also sends `stream` among the parameters. The header decides (docs/vendor-api.md#headers).
    for_model = {name: value for name, value in parameters.items() if name not in _STREAMING}
    if spec.shape is RequestShape.INPUT_AUDIO:
        if not parameters.get("format"):
            raise invalid('Required parameter "format" missing from request.')
        check_parameters(spec, for_model, strict=strict)
        return Call(spec, _check_audio(spec, get_input_audio(content), headers), stream=stream)
    for name in ("stream", "incremental_output"):
        if not isinstance(parameters.get(name, False), bool):
            raise invalid(f"{name} must be true or false")
    if parameters.get("result_format", "message") not in ("message", *([] if strict else ["text"])):
        raise invalid("result_format must be message")
    check_parameters(spec, for_model, strict=strict)
    return Call(
        spec,
        _check_audio(spec, get_audio_element(content), headers),
        language=(for_model.get("asr_options") or {}).get("language"),
        stream=stream,
        incremental=parameters.get("incremental_output", False),
    )


def chat_call(headers: Mapping[str, str], raw: bytes, behaviour: Behaviour) -> Call:
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
    strict, is_prompted = behaviour.strict, spec.shape is RequestShape.PROMPTED_AUDIO
    # qwen3-asr-flash has another shape on this endpoint than on DashScope's own.
    shape = spec.shape if is_prompted else RequestShape.INPUT_AUDIO
    others, content = split_messages(body.get("messages"), shape, strict=strict)
    check_other_messages(others, spec.shape, strict=strict, text_allowed=is_prompted)
    stream, include_usage = _check_streaming(spec, body)
    options = {name: body[name] for name in body.keys() - {"model", "messages", "stream", "stream_options"}}
    if is_prompted and options.pop("modalities", ["text"]) != ["text"] and strict:
        raise invalid("The simulator has no speech output: modalities must be ['text'].")
    check_parameters(spec, options, strict=strict)
    audio = get_prompted_audio(content, strict=strict) if is_prompted else get_input_audio(content)
    return Call(
        spec,
        _check_audio(spec, audio, headers),
        language=(options.get("asr_options") or {}).get("language"),
        stream=stream,
        include_usage=include_usage,
        prompt_words=count_words(body["messages"]) if is_prompted else 0,
    )


def _check_streaming(spec: ModelSpec, body: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether the call streams, and whether its stream includes the usage."""
    stream, stream_options = body.get("stream") or False, body.get("stream_options")
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


def _check_audio(spec: ModelSpec, audio: str, headers: Mapping[str, str]) -> str:
    if audio.startswith(_DATA):
        _, comma, encoded = audio.partition(_BASE64)
        if not comma:
            raise invalid("The audio must be a data URL in base64.")
        if not encoded:
            raise invalid("The audio is empty")
        check_size(spec, len(encoded))
    elif not is_file_url(audio, headers):
        raise RequestRefusedError(400, "InvalidURL", "The provided URL does not appear to be valid.")
    return audio


def check_size(spec: ModelSpec, size: int) -> None:
    """Refuse audio above the size limit. The size of a data URL is its encoded length
    (docs/vendor-api.md#file-limits)."""
    if spec.max_size_bytes is not None and size > spec.max_size_bytes:
        raise RequestRefusedError(400, "BadRequest.TooLarge", "The file size exceeds the limit of 10 MB.")
