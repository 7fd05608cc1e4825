"""What people read: the transcript as plain text and as cues for subtitles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from dashscribe.domain.transcripts.transcript import Sentence, Transcript

LINE_CELLS = 42
"""Characters to a subtitle line; a Chinese, Japanese or Korean character counts as two."""
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
    """Some text that is not cut any more, with the blank that follows it, and when it is spoken."""

    begin_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class _Turn:
    label: str
    channel: int
    sentence: Sentence


def cells(text: str) -> int:
    """How wide a text is on the screen."""
    return sum(map(_cells_of, text))


def _cells_of(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def plain_text(transcript: Transcript) -> str:
    """The text; with several speakers or channels, one labelled paragraph a turn, in the order of time."""
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
    """Subtitles in the order of time: short enough to be read, never empty, never shown for no time."""
    found = [cue for turn in _turns(transcript) for cue in _cues_of(turn)]
    return sorted(found, key=lambda cue: cue.begin_ms)


def _turns(transcript: Transcript) -> list[_Turn]:
    """The sentences in the order of time, labelled where there is more than one voice."""
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
    """Sentences of one turn: blanks between Latin ones, none between Chinese ones."""
    joined = ""
    for text in (text.strip() for text in texts):
        joined += text if not joined or _cells_of(joined[-1]) == 2 else f" {text}"
    return joined


def _cues_of(turn: _Turn) -> Iterator[Cue]:
    """Fill lines, and cues with lines; a new cue begins where two lines or 7 seconds are full."""
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
    """The turn in pieces that fit a line: words with their own times, or shares of what has a time as a whole."""
    prefix = _prefix(turn.label)
    for begin, end, text in _timed_texts(turn.sentence):
        begin = max(0, begin)
        yield from _shares(begin, max(begin, end), prefix + text)
        prefix = ""


def _timed_texts(sentence: Sentence) -> list[tuple[int, int, str]]:
    """The sentence cut before each of its words. Its own text has the blanks, which word texts may lack
    (docs/vendor-api.md#word-text).

    Nothing for a sentence without times: when to show it would be an invention. Words that leave some of what was said
    out (docs/vendor-api.md#qwen3-asr-result-file's are the first two of thirteen) tell nothing of the rest: then the
    sentence has its own times only.
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
    """Whether there is more in it than blanks and punctuation."""
    return any(sign.isalnum() for sign in text)


def _shares(begin: int, end: int, text: str) -> Iterator[_Piece]:
    """Cut a text at its blanks, and inside a part that has none (Chinese, or longer than a line) after any character;
    each part gets a share of the time by its width."""
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
