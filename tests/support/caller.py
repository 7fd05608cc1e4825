"""A fake of DashScope's synchronous models, for the in-memory test world."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ResponseLost, VendorError
from tests.support.crashes import Crashes

SAID = "Hello world."


@dataclass
class Caller:
    """Answers synchronous calls.

    `answers` maps an object key to the answers of its calls, in order: `ok`, `silent` (no speech), `lost` (transcribed,
    but the response is lost), `cut` (`finish_reason` is `length`), or an error code, also with `: ` and its message.
    Further calls get `ok`.
    `calls` are the keys that were transcribed and therefore paid for. `asked` are all calls, and `urls` their URLs.
    """

    crashes: Crashes
    api_key: Callable[[], str]
    answers: dict[str, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    asked: list[tuple[Options, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def transcribe(self, options: Options, file_url: str, extension: str) -> JsonObject:
        self.api_key()
        self.urls.append(file_url)
        key = key_of(file_url)
        remaining = self.answers.get(key, [])
        answer = remaining.pop(0) if remaining else "ok"
        self.asked.append((options, extension))
        if answer not in ("ok", "silent", "lost", "cut"):
            code, _, reason = answer.partition(": ")
            raise VendorError(code, reason or f"the vendor says {code}", classify(code, reason, 400), 400)
        self.crashes.around("call", lambda: self.calls.append(key))
        if answer == "lost":
            raise ResponseLost("ReadTimeout after the request was sent.")
        answered = reply("" if answer == "silent" else SAID, "length" if answer == "cut" else "stop")
        return {**answered, "request_id": f"request-call-{len(self.asked)}"}


def key_of(file_url: str) -> str:
    """The key in a presigned URL, or in a data URL: the content of an object of the test world is its key."""
    if file_url.startswith("data:"):
        return base64.b64decode(file_url.partition(",")[2]).decode()
    return unquote(urlsplit(file_url).path).removeprefix("/")


def reply(text: str, finish_reason: str = "stop") -> JsonObject:
    """A reply as documented in docs/vendor-api.md#qwen3-asr-flash-reply."""
    message = {
        "role": "assistant",
        "content": [{"text": text}],
        "annotations": [{"type": "audio_info", "language": "en", "emotion": "neutral"}],
    }
    return {"output": {"choices": [{"finish_reason": finish_reason, "message": message}]}, "usage": {"seconds": 4}}
