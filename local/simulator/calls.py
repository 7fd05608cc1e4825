"""What a synchronous call asks for, and what the vendor refuses of it (docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from dashscribe.domain.recognition.catalogue import Endpoint, ModelSpec, Region, RequestShape
from local.simulator.checks import (
    RequestRefusedError,
    check_conversation,
    check_parameters,
    check_way_in,
    invalid,
    is_web_address,
    model_served,
    read_body,
    read_input,
)
from local.simulator.play import Behaviour

_DATA = "data:"
_BASE64 = ";base64,"


@dataclass(frozen=True)
class Call:
    """One call that the vendor would take. `audio` is a web address or a data URL."""

    spec: ModelSpec
    audio: str
    language: str | None = None
    stream: bool = False
    incremental: bool = True
    include_usage: bool = False

    @property
    def sent_audio(self) -> bytes | None:
        """The audio itself, if the call brings it along."""
        if not self.audio.startswith(_DATA):
            return None
        try:
            return base64.b64decode(self.audio.partition(_BASE64)[2], validate=True)
        except binascii.Error:
            raise invalid("The audio is not valid base64.") from None


def generation_call(headers: dict[str, str], raw: bytes, behaviour: Behaviour) -> Call:
    """A call of the native endpoint. Raises `RequestRefusedError`."""
    if headers.get("x-dashscope-async") == "enable":
        raise RequestRefusedError(403, "AccessDenied", "current user api does not support asynchronous calls.")
    body = read_body(raw)
    given = read_input(body)
    spec = model_served(body["model"], behaviour)
    if spec is None:
        raise invalid("Model not exist.")
    check_way_in(spec, Endpoint.DASHSCOPE)
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid("parameters must be an object")
    earlier, content = _messages(given.get("messages"))
    stream = headers.get("x-dashscope-sse") == "enable"
    if spec.shape is RequestShape.INPUT_AUDIO:
        check_conversation(earlier)
        if not parameters.get("format"):
            raise invalid('Required parameter "format" missing from request.')
        check_parameters(spec, parameters)
        return Call(spec, _checked_audio(spec, _only(content, "input_audio", "data")), stream=stream)
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
        _checked_audio(spec, content[0]["audio"]),
        language=(for_model.get("asr_options") or {}).get("language"),
        stream=stream,
        incremental=incremental,
    )


def chat_call(raw: bytes, behaviour: Behaviour) -> Call:
    """A call of the OpenAI-compatible endpoint. Raises `RequestRefusedError`, with the native codes."""
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
    check_way_in(spec, Endpoint.OPENAI)
    earlier, content = _messages(body.get("messages"))
    stream, wishes = body.get("stream", False), body.get("stream_options")
    if not isinstance(stream, bool) or not isinstance(wishes, dict | None):
        raise invalid()
    if wishes is not None and not stream:
        raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    if spec.must_stream and not stream:
        raise invalid("This model only support stream mode, please enable the stream parameter to access the model.")
    usual = {"model", "messages", "stream", "stream_options"}
    include_usage = bool((wishes or {}).get("include_usage"))
    if spec.shape is RequestShape.PROMPTED_AUDIO:
        if body.get("modalities", ["text"]) != ["text"]:
            raise invalid("This server does not speak: modalities must be ['text'].")
        check_parameters(spec, {name: body[name] for name in body.keys() - usual - {"modalities"}})
        _check_system(earlier)
        audio = _checked_audio(spec, _prompted_audio(content))
        return Call(spec, audio, stream=stream, include_usage=include_usage)
    options = {name: body[name] for name in body.keys() - usual}
    check_parameters(spec, options)
    _check_system(earlier, only_elements=True)
    return Call(
        spec,
        _checked_audio(spec, _only(content, "input_audio", "data")),
        language=(options.get("asr_options") or {}).get("language"),
        stream=stream,
        include_usage=include_usage,
    )


def audio_urls(body: Any) -> list[str]:
    """The files of a call, whether or not it will be taken."""
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


def _messages(messages: Any) -> tuple[list[Any], list[Any]]:
    """What comes before the audio, and the content of the last message, which brings it."""
    if not isinstance(messages, list) or not messages:
        raise invalid("Required parameter messages missing or invalid.")
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user" or not isinstance(last.get("content"), list):
        raise invalid("The last message must be the user's, with its content in a list.")
    return messages[:-1], last["content"]


def _check_system(messages: list[Any], *, only_elements: bool = False) -> None:
    """At most one message of the system: one element with a text (docs/vendor-api.md#qwen3-asr-flash-request);
    Qwen-Omni also takes a plain text."""
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


def _only(content: list[Any], kind: str, key: str) -> str:
    """The audio of a message that has nothing else."""
    item = content[0] if len(content) == 1 and isinstance(content[0], dict) else {}
    given = item.get(kind) if item.get("type") == kind else None
    if not isinstance(given, dict) or not isinstance(given.get(key), str):
        raise invalid(f"The content of the user message must be one element of the type {kind}.")
    return str(given[key])


def _prompted_audio(content: list[Any]) -> str:
    """The audio of a message that also has a prompt; its format must be told (docs/vendor-api.md#qwen-omni)."""
    prompts = [item for item in content if isinstance(item, dict) and item.get("type") == "text" and item.get("text")]
    audio = [item for item in content if isinstance(item, dict) and item.get("type") == "input_audio"]
    if not prompts or len(audio) + len(prompts) != len(content):
        raise invalid("The content must be an input_audio and a text.")
    given = audio[0].get("input_audio") if len(audio) == 1 else None
    if not isinstance(given, dict) or not given.get("format"):
        raise invalid("input_audio must have data and format.")
    return _only(audio, "input_audio", "data")


def _checked_audio(spec: ModelSpec, audio: str) -> str:
    if audio.startswith(_DATA):
        _, comma, encoded = audio.partition(_BASE64)
        if not comma:
            raise invalid("The audio must be a data URL in base64.")
        if not encoded:
            raise invalid("The audio is empty")
        check_size(spec, len(encoded))
    elif not is_web_address(audio):
        raise RequestRefusedError(400, "InvalidURL", "The provided URL does not appear to be valid.")
    return audio


def check_size(spec: ModelSpec, size: int) -> None:
    """In base64 the encoded length counts (docs/vendor-api.md#file-limits)."""
    if size > spec.max_size_bytes:
        raise RequestRefusedError(400, "BadRequest.TooLarge", "The file size exceeds the limit of 10 MB.")
