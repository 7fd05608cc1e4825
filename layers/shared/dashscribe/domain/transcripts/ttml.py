"""Writes cues as TTML: an IMSC 1.1 document of the text profile (https://www.w3.org/TR/ttml-imsc1.1/)."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence

from dashscribe.domain.transcripts.cues import Cue

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" \
xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling" \
ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text" ttp:timeBase="media" xml:lang="{language}">
<head>
<metadata>
<ttm:title>{title}</ttm:title>
{metadata}</metadata>
<styling>
<style xml:id="subtitle" tts:color="white" tts:fontFamily="proportionalSansSerif" tts:fontSize="80%" \
tts:lineHeight="125%" tts:textAlign="center"/>
<style xml:id="line" tts:backgroundColor="#000000cc"/>
</styling>
<layout>
<region xml:id="bottom" tts:origin="10% 70%" tts:extent="80% 25%" tts:displayAlign="after" tts:overflow="visible"/>
</layout>
</head>
<body style="subtitle" region="bottom">
<div>
"""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def ttml(cues: Sequence[Cue], language: str | None = None, *, title: str = "", note: str = "") -> str:
    """The document; without cues a valid one too. `note` becomes its description."""
    names = dict.fromkeys(name for cue in cues for name in cue.speakers if name)
    agents = {name: f"voice{number}" for number, name in enumerate(names, start=1)}
    metadata = f"<ttm:desc>{_escaped(note)}</ttm:desc>\n" if note else ""
    metadata += "".join(
        f'<ttm:agent xml:id="{agent}" type="character"><ttm:name type="full">{_escaped(name)}</ttm:name></ttm:agent>\n'
        for name, agent in agents.items()
    )
    head = _HEAD.format(language=_escaped(language or ""), title=_escaped(title), metadata=metadata)
    body = "".join(_paragraph(number, cue, agents) for number, cue in enumerate(cues, start=1))
    return f"{head}{body}</div>\n</body>\n</tt>\n"


def _paragraph(number: int, cue: Cue, agents: Mapping[str, str]) -> str:
    speakers = cue.speakers or ("",) * len(cue.lines)
    lines = "<br/>".join(_line(line, agents.get(name)) for line, name in zip(cue.lines, speakers, strict=True))
    direction = ' tts:direction="rtl"' if _is_right_to_left(cue.text) else ""
    return f'<p xml:id="cue{number}" begin="{_time(cue.begin_ms)}" end="{_time(cue.end_ms)}"{direction}>{lines}</p>\n'


def _line(line: str, agent: str | None) -> str:
    voice = f' ttm:agent="{agent}"' if agent else ""
    return f'<span style="line"{voice}>{_escaped(line)}</span>'


def _escaped(text: str) -> str:
    return html.escape(_NOT_XML.sub("", text))


def _is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in text if sign.isalpha())


def _time(ms: int) -> str:
    seconds, ms = divmod(max(0, ms), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
