"""Cues as SubRip and WebVTT. `domain.transcripts.readable` makes the cues."""

from __future__ import annotations

import html
from collections.abc import Sequence

from dashscribe.domain.transcripts.readable import Cue


def srt(cues: Sequence[Cue]) -> str:
    """SubRip, numbered from 1. The format cannot escape markup, so the text is not changed."""
    return "\n".join(
        f"{number}\n{_time(cue.begin_ms, ',')} --> {_time(cue.end_ms, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues, start=1)
    )


def vtt(cues: Sequence[Cue]) -> str:
    """WebVTT, a valid file also without cues. `&`, `<` and `-->` are escaped."""
    blocks = [
        f"{_time(cue.begin_ms, '.')} --> {_time(cue.end_ms, '.')}\n{html.escape(cue.text, quote=False)}\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _time(ms: int, mark: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{ms:03}"
