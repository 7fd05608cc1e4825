"""Find the audio and check the other messages of a synchronous call (docs/vendor-api.md#synchronous-calls).

Only what a page of the vendor excludes is refused. `strict` also refuses what no page shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashscribe.domain.recognition.catalogue import RequestShape
from local.simulator.checks import check_conversation, invalid

_ROLES = ("system", "developer", "user", "assistant", "tool")


def split_messages(messages: Any, shape: RequestShape, *, strict: bool) -> tuple[list[Any], list[Any]]:
    """Return the messages without audio, and the content of the message with the audio: the last such message of a
    user."""
    if not isinstance(messages, list) or not messages:
        raise invalid("Required parameter messages missing or invalid.")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise invalid(f"Each message must be an object with a role; allowed are {', '.join(_ROLES)}.")
    at = len(messages) - 1
    if not strict:
        at = next((n for n in range(len(messages) - 1, -1, -1) if _has_audio(messages[n], shape)), at)
    found = messages[at]
    if found["role"] != "user" or not isinstance(found.get("content"), list):
        raise invalid("The last message must be the user's, with its content in a list.")
    return messages[:at] + messages[at + 1 :], found["content"]


def _has_audio(message: dict[str, Any], shape: RequestShape) -> bool:
    content = message.get("content")
    if message["role"] != "user" or not isinstance(content, list):
        return False
    key = "audio" if shape is RequestShape.AUDIO_MESSAGE else "input_audio"
    return any(isinstance(item, dict) and key in item for item in content)


def check_other_messages(messages: list[Any], shape: RequestShape, *, strict: bool, text_allowed: bool) -> None:
    """Check the messages without audio. With `text_allowed` a strict check accepts a text as content."""
    if not strict:
        for message in messages:
            if not isinstance(message.get("content"), str | list | None):
                raise invalid("The content of a message must be a text or a list.")
    elif shape is RequestShape.INPUT_AUDIO:
        check_conversation(messages)
    else:
        _check_system(messages, text_allowed=text_allowed)


def _check_system(messages: list[Any], *, text_allowed: bool) -> None:
    """Allow at most one system message, with one element (docs/vendor-api.md#qwen3-asr-flash-request)."""
    for message in messages:
        content = message.get("content") if message["role"] == "system" else None
        if isinstance(content, str) and text_allowed:
            continue
        if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
            raise invalid("Before the audio there may be a system message with one text only.")
        if not isinstance(content[0].get("text", ""), str):
            raise invalid("The content of the system message must be a text.")
    if len(messages) > 1:
        raise invalid("Before the audio there may be one message only.")


def get_audio_element(content: list[Any]) -> str:
    """Return the audio of DashScope's own endpoint, whose message has no other element."""
    audio = content[0].get("audio") if len(content) == 1 and isinstance(content[0], dict) else None
    if not isinstance(audio, str):
        raise invalid("The content of the user message must be one element with an audio.")
    return audio


def get_input_audio(content: list[Any]) -> str:
    """Return the audio of a message that has no other element."""
    item = content[0] if len(content) == 1 and isinstance(content[0], dict) else {}
    given = item.get("input_audio") if item.get("type") == "input_audio" else None
    if not isinstance(given, dict) or not isinstance(given.get("data"), str):
        raise invalid("The content of the user message must be one element of the type input_audio.")
    return str(given["data"])


def get_prompted_audio(content: list[Any], *, strict: bool) -> str:
    """Return the audio of a message that may also have a prompt. A strict check wants the prompt, and a format of the
    audio (docs/vendor-api.md#qwen-omni)."""
    prompts = [item for item in content if isinstance(item, dict) and item.get("type") == "text"]
    audio = [item for item in content if isinstance(item, dict) and item.get("type") == "input_audio"]
    if len(audio) != 1 or len(audio) + len(prompts) != len(content):
        raise invalid("The content must be an input_audio and a text.")
    given = audio[0].get("input_audio")
    if strict and not any(item.get("text") for item in prompts):
        raise invalid("The content must be an input_audio and a text.")
    if strict and (not isinstance(given, dict) or not given.get("format")):
        raise invalid("input_audio must have data and format.")
    return get_input_audio(audio)


def count_words(messages: Any) -> int:
    """Return the number of words in the texts of valid messages."""
    return sum(len(text.split()) for message in messages for text in _texts(message.get("content")))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for item in content if isinstance(content, list) else []:
        if isinstance(item, dict) and isinstance(item.get("text"), str):
            yield item["text"]
