"""What people read: the transcript as plain text and as cues for subtitles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from dashscribe.domain.transcript import Sentence, Transcript

LINE_CELLS = 42
"""Characters to a subtitle line; a Chinese, Japanese or Korean character counts as two."""
CUE_CELLS = 2 * LINE_CELLS
CUE_MS = 7_000
SHORTEST_CUE_MS = 100


@dataclass(frozen=True)
class Cue:
    """One subtitle: up to two lines, shown from `begin_ms` to `end_ms`."""

    begin_ms: int
    end_ms: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class _Piece:
    begin_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class _Turn:
    channel: int
    speaker: int | None
    sentence: Sentence


def cells(text: str) -> int:
    """How wide a text is on the screen."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def plain_text(transcript: Transcript) -> str:
    """The text; with several speakers or channels, one labelled paragraph a turn, in the order of time."""
    turns = _turns(transcript)
    labels = {_label(transcript, turn) for turn in turns}
    if len(labels) <= 1:
        return transcript.text + "\n" if transcript.text else ""
    paragraphs: list[tuple[str, list[str]]] = []
    for turn in turns:
        label = _label(transcript, turn)
        if not paragraphs or paragraphs[-1][0] != label:
            paragraphs.append((label, []))
        paragraphs[-1][1].append(turn.sentence.text)
    return "\n\n".join(f"{label}: {_joined(texts)}" for label, texts in paragraphs) + "\n"


def cues(transcript: Transcript) -> list[Cue]:
    """Subtitles in the order of time: short enough to be read, never empty, never shown for no time."""
    turns = _turns(transcript)
    labelled = len({_label(transcript, turn) for turn in turns}) > 1
    found: list[Cue] = []
    for turn in turns:
        label = f"{_label(transcript, turn)}: " if labelled else ""
        for piece in _cut(turn.sentence, CUE_CELLS - cells(label)):
            lines = tuple(_wrapped(label + piece.text.strip()))
            found.append(Cue(piece.begin_ms, max(piece.end_ms, piece.begin_ms + SHORTEST_CUE_MS), lines))
            label = ""
    return found


def _turns(transcript: Transcript) -> list[_Turn]:
    turns = [
        _Turn(channel.channel_id, sentence.speaker, sentence)
        for channel in transcript.channels
        for sentence in channel.sentences
        if sentence.text.strip()
    ]
    return sorted(turns, key=lambda turn: (turn.sentence.begin_ms, turn.channel))


def _label(transcript: Transcript, turn: _Turn) -> str:
    names = []
    if len(transcript.channels) > 1:
        names.append(f"Channel {turn.channel}")
    if turn.speaker is not None:
        names.append(f"Speaker {turn.speaker + 1}")
    return ", ".join(names)


def _joined(texts: list[str]) -> str:
    """Sentences of one turn: blanks between Latin ones, none between Chinese ones."""
    joined = ""
    for text in (text.strip() for text in texts):
        wide = joined and unicodedata.east_asian_width(joined[-1]) in "WF"
        joined += text if not joined or wide else f" {text}"
    return joined


def _cut(sentence: Sentence, room: int) -> Iterator[_Piece]:
    """A sentence in pieces of at most `room` cells and 7 s, cut between words; without word times, by length."""
    for piece in (
        _cut_by_words(sentence) if sentence.words else [_Piece(sentence.begin_ms, sentence.end_ms, sentence.text)]
    ):
        yield from _cut_by_length(piece, room)
        room = CUE_CELLS


def _cut_by_words(sentence: Sentence) -> Iterator[_Piece]:
    text, begin, end = "", sentence.begin_ms, sentence.begin_ms
    for word in sentence.words or []:
        addition = word.text + word.punctuation
        if text.strip() and (cells((text + addition).strip()) > CUE_CELLS or word.end_ms - begin > CUE_MS):
            yield _Piece(begin, end, text)
            text, begin = "", word.begin_ms
        text += addition
        end = max(end, word.end_ms)
    if text.strip():
        yield _Piece(begin, max(end, begin), text)


def _cut_by_length(piece: _Piece, room: int) -> Iterator[_Piece]:
    """Share a piece's time out over its parts by their width. A piece that fits is left as it is."""
    lines = list(_parts(piece.text.strip(), max(room, LINE_CELLS)))
    total = sum(map(cells, lines)) or 1
    begin = float(piece.begin_ms)
    for line in lines:
        span = (piece.end_ms - piece.begin_ms) * cells(line) / total
        yield _Piece(round(begin), round(begin + span), line)
        begin += span


def _wrapped(text: str) -> Iterator[str]:
    yield from _parts(text, LINE_CELLS)


def _parts(text: str, width: int) -> Iterator[str]:
    """Cut at blanks, and inside text that has none (Chinese) after any character."""
    line = ""
    for token in re.findall(r"\S+\s*", text):
        for part in _characters(token, width):
            if line and cells((line + part).rstrip()) > width:
                yield line.strip()
                line = ""
            line += part
    if line.strip():
        yield line.strip()


def _characters(token: str, width: int) -> list[str]:
    wide = any(unicodedata.east_asian_width(sign) in "WF" for sign in token)
    return list(token) if wide or cells(token.rstrip()) > width else [token]
