"""What a reply says is used and billed: seconds and tokens (docs/vendor-api.md#usage)."""

from __future__ import annotations

from typing import Any

_AUDIO_TOKENS_PER_SECOND = 25


def duration_ms(document: dict[str, Any]) -> int:
    """Return the duration of the recording in milliseconds."""
    milliseconds: int = document["properties"]["original_duration_in_milliseconds"]
    return milliseconds


def started_seconds(milliseconds: int) -> int:
    """Return the seconds that Fun-ASR reports as `usage.duration`: a second that has started counts, at least one."""
    return max(1, -(-milliseconds // 1000))


def full_seconds(milliseconds: int) -> int:
    """Return the seconds that Qwen3-ASR reports as `usage.seconds`: full seconds, at least one."""
    return max(1, milliseconds // 1000)


def audio_tokens(milliseconds: int) -> int:
    """Return the tokens of the audio: 25 for a second, in proportion, and at least those of one second."""
    return max(1000, milliseconds) * _AUDIO_TOKENS_PER_SECOND // 1000


def speech_seconds(document: dict[str, Any]) -> int:
    """Return the started seconds of speech of all channels. A scripted result may have any shape."""
    channels = document.get("transcripts")
    if not isinstance(channels, list):
        return 0
    lengths = [channel.get("content_duration_in_milliseconds") for channel in channels if isinstance(channel, dict)]
    return sum(-(-length // 1000) for length in lengths if isinstance(length, int))
