"""Writes cues as SubRip (SRT) and WebVTT.

SubRip has no standard and no escapes. Players take `<b>` and `{\\an8}` for markup, `\\N` for a line break, `&amp;` for
`&`, and some take a time for the next cue, also where it was said. So an invisible word joiner follows such a sign. No
invisible character saves what is between braces: libass and pysubs2 hide it, so braces that form a pair are written as
full-width braces. WebVTT (https://www.w3.org/TR/webvtt1/) has escapes.

libass lays out each line from left to right unless an embedding says otherwise, so right-to-left lines are embedded.
Control characters are left out: they show nothing, and FFmpeg ends the file at U+0000.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

from dashscribe.domain.transcripts.cues import Cue

_WORD_JOINER = "\u2060"
_EMBEDDING, _END_OF_EMBEDDING = "\u202b", "\u202c"
_MARKUP = re.compile(r"<(?=\s*/?\s*[A-Za-z/!?])|\\(?=[Nnh{}])|&(?=#?\w+;)|\d:(?=\d{1,2}:\d{1,2}[.,]\d)|--(?=>)")
"""What a player takes for markup when a certain sign follows, which is then kept apart from it."""
_BRACES = re.compile(r"\{.*\}", re.DOTALL)
_FULL_WIDTH = str.maketrans("{}", "｛｝")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ONLY_DIGITS = re.compile(r"\d+\s*")


def srt(cues: Sequence[Cue]) -> str:
    """SubRip, numbered from 1; the empty string without cues."""
    return "\n".join(
        f"{number}\n{_time(cue.begin_ms, ',')} --> {_time(cue.end_ms, ',')}\n{_srt_text(cue)}\n"
        for number, cue in enumerate(cues, start=1)
    )


def _srt_text(cue: Cue) -> str:
    text = _CONTROL.sub("", cue.text)
    text = _BRACES.sub(lambda pair: pair[0].translate(_FULL_WIDTH), text)
    text = _MARKUP.sub(f"\\g<0>{_WORD_JOINER}", text)
    last = text.rpartition("\n")[2]
    text = text + _WORD_JOINER if _ONLY_DIGITS.fullmatch(last) else text
    return text if text.isascii() else "\n".join(map(_embedded, text.split("\n")))


def _embedded(line: str) -> str:
    for sign in line:
        direction = unicodedata.bidirectional(sign)
        if direction in ("R", "AL"):
            return f"{_EMBEDDING}{line}{_END_OF_EMBEDDING}"
        if direction == "L":
            break
    return line


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
    lines = [html.escape(_CONTROL.sub("", line), quote=False) for line in cue.lines]
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
