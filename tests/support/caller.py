"""A fake of DashScope's synchronous models, for the in-memory test world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ResponseLost, VendorError
from tests.support.crashes import Crashes

SAID = "Hello world."


@dataclass
class Caller:
    """Answers synchronous calls.

    `answers` maps an object key to the answers of its calls, in order: `ok`, `silent` (no speech), `lost` (transcribed,
    but the response is lost), `cut` (`finish_reason` is `length`), or an error code. Further calls get `ok`.
    `calls` are the keys that were transcribed and therefore paid for. `asked` are all calls.
    """

    crashes: Crashes
    api_key: Callable[[], str]
    answers: dict[str, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    asked: list[tuple[Options, str]] = field(default_factory=list)

    def transcribe(self, options: Options, file_url: str, extension: str) -> JsonObject:
        self.api_key()
        key = unquote(urlsplit(file_url).path).removeprefix("/")
        remaining = self.answers.get(key, [])
        answer = remaining.pop(0) if remaining else "ok"
        self.asked.append((options, extension))
        if answer not in ("ok", "silent", "lost", "cut"):
            raise VendorError(answer, f"the vendor says {answer}", classify(answer, "", 400), 400)
        self.crashes.around("call", lambda: self.calls.append(key))
        if answer == "lost":
            raise ResponseLost("ReadTimeout after the request was sent.")
        answered = reply("" if answer == "silent" else SAID, "length" if answer == "cut" else "stop")
        return {**answered, "request_id": f"request-call-{len(self.asked)}"}


def reply(text: str, finish_reason: str = "stop") -> JsonObject:
    """A reply as documented in docs/vendor-api.md#qwen3-asr-flash-reply."""
    message = {
        "role": "assistant",
        "content": [{"text": text}],
        "annotations": [{"type": "audio_info", "language": "en", "emotion": "neutral"}],
    }
    return {"output": {"choices": [{"finish_reason": finish_reason, "message": message}]}, "usage": {"seconds": 4}}
