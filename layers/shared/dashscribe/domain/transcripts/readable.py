"""What people read: the transcript as plain text and as cues for subtitles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from dashscribe.domain.transcripts.transcript import Sentence, Transcript

LINE_CELLS = 42
"""Maximum width of a subtitle line. A Chinese, Japanese or Korean character counts as two."""
LINES = 2
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
    """A text that is not split further, with the space that follows it, and the time when it is spoken."""

    begin_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class _Turn:
    label: str
    channel: int
    sentence: Sentence


def cells(text: str) -> int:
    """The width of a text on the screen."""
    return sum(map(_cells_of, text))


def _cells_of(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def plain_text(transcript: Transcript) -> str:
    """The text. With several speakers or channels, each turn is a labelled paragraph, in order of time."""
    turns = _turns(transcript)
    if not any(turn.label for turn in turns):
        return transcript.text + "\n" if transcript.text else ""
    paragraphs: list[tuple[str, list[str]]] = []
    for turn in turns:
        if not paragraphs or paragraphs[-1][0] != turn.label:
            paragraphs.append((turn.label, []))
        paragraphs[-1][1].append(turn.sentence.text)
    return "\n\n".join(_prefix(label) + _joined(texts) for label, texts in paragraphs) + "\n"


def cues(transcript: Transcript) -> list[Cue]:
    """The cues in order of time: short enough to read, not empty, and with a duration."""
    found = [cue for turn in _turns(transcript) for cue in _cues_of(turn)]
    return sorted(found, key=lambda cue: cue.begin_ms)


def _turns(transcript: Transcript) -> list[_Turn]:
    """The sentences in order of time, labelled when there is more than one speaker or channel."""
    found = [
        (channel.channel_id, sentence)
        for channel in transcript.channels
        for sentence in channel.sentences
        if sentence.text.strip()
    ]
    voices = {(channel, sentence.speaker) for channel, sentence in found}
    turns = [
        _Turn(_label(transcript, channel, sentence) if len(voices) > 1 else "", channel, sentence)
        for channel, sentence in found
    ]
    return sorted(turns, key=lambda turn: (turn.sentence.begin_ms or 0, turn.channel))


def _label(transcript: Transcript, channel: int, sentence: Sentence) -> str:
    names = []
    if len(transcript.channels) > 1:
        names.append(f"Channel {channel}")
    if sentence.speaker is not None:
        names.append(f"Speaker {sentence.speaker + 1}")
    return ", ".join(names)


def _prefix(label: str) -> str:
    return f"{label}: " if label else ""


def _joined(texts: list[str]) -> str:
    """Join the sentences of one turn, with spaces except after Chinese characters."""
    joined = ""
    for text in (text.strip() for text in texts):
        joined += text if not joined or _cells_of(joined[-1]) == 2 else f" {text}"
    return joined


def _cues_of(turn: _Turn) -> Iterator[Cue]:
    """Fill lines with pieces, and cues with lines. A new cue begins after two lines or 7 seconds."""
    lines: list[str] = []
    begin = end = 0
    for piece in _pieces(turn):
        fits = bool(lines) and cells((lines[-1] + piece.text).rstrip()) <= LINE_CELLS
        if lines and (piece.end_ms - begin > CUE_MS or (not fits and len(lines) == LINES)):
            yield _cue(begin, end, lines)
            lines, fits = [], False
        if not lines:
            begin = end = piece.begin_ms
        if fits:
            lines[-1] += piece.text
        else:
            lines.append(piece.text)
        end = max(end, piece.end_ms)
    if lines:
        yield _cue(begin, end, lines)


def _cue(begin: int, end: int, lines: list[str]) -> Cue:
    return Cue(begin, max(end, begin + SHORTEST_CUE_MS), tuple(line.strip() for line in lines))


def _pieces(turn: _Turn) -> Iterator[_Piece]:
    """Split the turn into pieces that fit a line: words with their own times, or parts that share a time."""
    prefix = _prefix(turn.label)
    for begin, end, text in _timed_texts(turn.sentence):
        begin = max(0, begin)
        yield from _shares(begin, max(begin, end), prefix + text)
        prefix = ""


def _timed_texts(sentence: Sentence) -> list[tuple[int, int, str]]:
    """(begin, end, text) of each word, in ms. The text comes from the sentence, because the texts of words may lack
    spaces (docs/vendor-api.md#word-text).

    A sentence without times has none. When the words do not cover the whole sentence
    (docs/vendor-api.md#qwen3-asr-result-file has the first two of thirteen), the sentence is returned with its own
    times.
    """
    if sentence.begin_ms is None or sentence.end_ms is None:
        return []
    whole = (sentence.begin_ms, sentence.end_ms, " ".join(sentence.text.split()))
    words = [word for word in sentence.words or [] if word.text.strip()]
    starts: list[int] = []
    position = 0
    for word in words:
        text = " ".join(word.text.split())
        start = whole[2].find(text, position)
        if start < 0 or _is_said(whole[2][position:start]):
            return [whole]
        starts.append(start)
        position = start + len(text)
    if not starts or _is_said(whole[2][position:]):
        return [whole]
    bounds = [0, *starts[1:], len(whole[2])]
    return [
        (word.begin_ms, word.end_ms, whole[2][bounds[index] : bounds[index + 1]]) for index, word in enumerate(words)
    ]


def _is_said(text: str) -> bool:
    """Whether the text has more than spaces and punctuation."""
    return any(sign.isalnum() for sign in text)


def _shares(begin: int, end: int, text: str) -> Iterator[_Piece]:
    """Split a text at its spaces, and a part without spaces (Chinese, or longer than a line) after any character. Each
    part has a share of the time in proportion to its width."""
    parts = [piece for token in re.findall(r"\S+\s*", text) for piece in _unbroken(token)]
    total = sum(map(cells, parts)) or 1
    spent = 0
    for part in parts:
        width = cells(part)
        yield _Piece(begin + (end - begin) * spent // total, begin + (end - begin) * (spent + width) // total, part)
        spent += width


def _unbroken(token: str) -> list[str]:
    breakable = any(_cells_of(sign) == 2 for sign in token) or cells(token.rstrip()) > LINE_CELLS
    return re.findall(r"\S\s*", token) if breakable else [token]
