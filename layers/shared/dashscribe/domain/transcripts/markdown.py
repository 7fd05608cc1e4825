"""Writes `transcript.md`: title, facts, and the turns under headings, with times as links into the player."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dashscribe.domain.transcripts.transcript import Transcript
from dashscribe.domain.transcripts.turns import Turn, clock, turns

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_LIST_MARK = re.compile(r"^(\s*)([-+=:]|\d+[.)])(?=\s|$|[-=:])")


def markdown(
    transcript: Transcript,
    names: Mapping[str, str] | None = None,
    *,
    date: str | None = None,
    languages: Sequence[str] = (),
    player: str | None = "transcript.html",
) -> str:
    """The transcript as CommonMark. What is said is escaped, so that none of it is markup.

    `date` is the text of a date; `languages` are codes; `player` is the address that time links point into,
    relative to the file; None for times without links.
    """
    title = transcript.media.rstrip("/").rpartition("/")[2] or "Transcript"
    facts = [("Recording", transcript.media), ("Date", date), ("Length", _length(transcript))]
    facts += [("Model", transcript.model), ("Languages", ", ".join(languages))]
    lines = [f"# {escaped(title)}", ""]
    lines += [f"- {name}: {escaped(value)}" for name, value in facts if value]
    body = [block for turn in turns(transcript, names) for block in _blocks(turn, player)]
    return "\n".join(lines) + "\n" + "".join(f"\n{block}\n" for block in ["## Transcript", *body] if body)


def _length(transcript: Transcript) -> str | None:
    return clock(transcript.duration_ms) if transcript.duration_ms else None


def _blocks(turn: Turn, player: str | None) -> list[str]:
    if turn.name:
        return [
            "### " + " ".join(part for part in (_link(turn.begin_ms, player), escaped(turn.name)) if part),
            *(escaped(paragraph.text) for paragraph in turn.paragraphs),
        ]
    return [
        " ".join(part for part in (_link(paragraph.begin_ms, player), escaped(paragraph.text)) if part)
        for paragraph in turn.paragraphs
    ]


def _link(begin_ms: int | None, player: str | None) -> str:
    if begin_ms is None:
        return ""
    return f"[{clock(begin_ms)}]({player}#t={max(0, begin_ms) // 1000})" if player else clock(begin_ms)


def escaped(text: str) -> str:
    """The text with a backslash before each character that Markdown would read as markup."""
    safe = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _LIST_MARK.sub(lambda match: match[1] + match[2][:-1] + "\\" + match[2][-1], safe)
