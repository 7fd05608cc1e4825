"""Writes cues as SubRip (SRT) and WebVTT.

SubRip has no standard and no escapes. Players take `<b>` and `{\\an8}` for markup, and some take a time for the next
cue, also where it was said. So an invisible word joiner stands after such a `<` and inside such a time. No invisible
character saves what is between braces: libass and pysubs2 hide it, so a pair of braces is written with full-width
braces. WebVTT (https://www.w3.org/TR/webvtt1/) has escapes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from dashscribe.domain.transcripts.cues import Cue

_WORD_JOINER = "\u2060"
_TAG = re.compile(r"<(?=\s*/?\s*[A-Za-z/!?])")
_TIME = re.compile(r"(?<=\d:)(?=\d{1,2}:\d{1,2}[.,]\d)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_ONLY_DIGITS = re.compile(r"\d+\s*")


def srt(cues: Sequence[Cue]) -> str:
    """SubRip, numbered from 1; the empty string without cues."""
    return "\n".join(
        f"{number}\n{_time(cue.begin_ms, ',')} --> {_time(cue.end_ms, ',')}\n{_srt_text(cue)}\n"
        for number, cue in enumerate(cues, start=1)
    )


def _srt_text(cue: Cue) -> str:
    text = "\n".join(cue.lines)
    text = _TAG.sub("<" + _WORD_JOINER, text)
    text = _TIME.sub(_WORD_JOINER, text)
    text = _BRACES.sub("｛\\1｝", text)
    text = text.replace("-->", f"--{_WORD_JOINER}>")
    last = text.rpartition("\n")[2]
    return text + _WORD_JOINER if _ONLY_DIGITS.fullmatch(last) else text


def vtt(cues: Sequence[Cue], language: str | None = None, *, note: str = "") -> str:
    """WebVTT; without cues a valid file too. `language` is an ISO 639 code for the header, `note` a comment.

    Each cue has its number as identifier. Where there are several voices, each line has a voice tag.
    """
    header = f"WEBVTT\nKind: captions\nLanguage: {language}\n" if language else "WEBVTT\n"
    blocks = [
        f"{number}\n{_time(cue.begin_ms, '.')} --> {_time(cue.end_ms, '.')}\n{_vtt_text(cue)}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join([header, *([f"NOTE {note}\n"] if note else []), *blocks])


def _vtt_text(cue: Cue) -> str:
    lines = [html.escape(line, quote=False) for line in cue.lines]
    if len(set(cue.speakers)) <= 1:
        text = "\n".join(lines)
        return _voiced(cue.speakers[0], text) if cue.speakers else text
    pairs = zip(cue.speakers, lines, strict=True)
    return "\n".join(f"{_voiced(name, line)}</v>" if name else line for name, line in pairs)


def _voiced(name: str, text: str) -> str:
    return f"<v {html.escape(name, quote=False)}>{text}" if name else text


def _time(ms: int, mark: str) -> str:
    seconds, ms = divmod(max(0, ms), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{ms:03}"
