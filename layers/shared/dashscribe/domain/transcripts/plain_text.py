"""Writes `transcript.txt`: paragraphs, and turns where several voices speak."""

from __future__ import annotations

from collections.abc import Mapping

from dashscribe.domain.transcripts.transcript import Transcript
from dashscribe.domain.transcripts.turns import Turn, clock, turns


def plain_text(transcript: Transcript, names: Mapping[str, str] | None = None) -> str:
    """The text in paragraphs, one line each; the empty string where nothing is said.

    Where several voices speak, each turn has a line above it that says when and who: `[00:12:31] Speaker 2`. `names`
    are the speakers' names by number, as in `SubtitleOptions.speakers`.
    """
    blocks = [_block(turn) for turn in turns(transcript, names)]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _block(turn: Turn) -> str:
    text = "\n\n".join(paragraph.text for paragraph in turn.paragraphs)
    if not turn.name:
        return text
    return f"[{clock(turn.begin_ms)}] {turn.name}\n{text}" if turn.begin_ms is not None else f"{turn.name}\n{text}"
