"""The transcript as turns of paragraphs: what `transcript.txt` and `transcript.md` have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dashscribe.domain.transcripts.line_breaks import CLAUSE_MARKS, ENDING_MARKS, SENTENCE_MARKS
from dashscribe.domain.transcripts.script_rules import HAN, KANA
from dashscribe.domain.transcripts.spoken_text import with_single_blanks
from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript
from dashscribe.domain.transcripts.voices import Voice, voice_names, voice_of

PAUSE_MS = 1_200
"""A paragraph may end where the speech pauses this long,"""
SENTENCES = 3
"""after so many sentences,"""
WORDS, IDEOGRAPHS = 80, 180
"""or at the end of the sentence that reaches this length,"""
MOST_WORDS, MOST_IDEOGRAPHS = 150, 350
"""and it is never longer than this."""


@dataclass(slots=True)
class Paragraph:
    """Text without line breaks. `begin_ms` is None where the model gives no times."""

    begin_ms: int | None
    text: str = ""


@dataclass(slots=True)
class Turn:
    """What one voice says until another speaks. `name` is "" where there is one voice only."""

    begin_ms: int | None
    name: str
    paragraphs: list[Paragraph] = field(default_factory=list)


def turns(transcript: Transcript, names: Mapping[str, str] | None = None) -> list[Turn]:
    """The turns in the order of time. A channel with a text and no sentences is one turn, at the end.

    `names` are the speakers' names by number, as in `SubtitleOptions.speakers`.
    """
    labels = voice_names(transcript, names or {})
    found: list[Turn] = []
    voice_before: Voice | None = None
    spoken: list[Sentence] = []
    for voice, sentence in _spoken(transcript):
        if voice != voice_before and spoken and voice_before is not None:
            found.append(_turn(spoken, labels[voice_before]))
            spoken = []
        spoken.append(sentence)
        voice_before = voice
    if spoken and voice_before is not None:
        found.append(_turn(spoken, labels[voice_before]))
    return found


def _spoken(transcript: Transcript) -> list[tuple[Voice, Sentence]]:
    """All sentences by their begin. A sentence without a time stays behind the one before it."""
    found: list[tuple[float, Voice, Sentence]] = []
    for channel in transcript.channels:
        at = 0.0 if any(s.begin_ms is not None for s in channel.sentences) else float("inf")
        for sentence in _sentences(channel):
            if sentence.text.strip():
                at = sentence.begin_ms if sentence.begin_ms is not None else at
                found.append((at, voice_of(channel.channel_id, sentence), sentence))
    return [(voice, sentence) for _, voice, sentence in sorted(found, key=lambda part: part[0])]


def _sentences(channel: Channel) -> list[Sentence]:
    """The sentences of a channel. Text that follows the last of them is one more, of the same voice, without times."""
    if not channel.sentences:
        return [Sentence(sentence_id=1, begin_ms=None, end_ms=None, text=line) for line in channel.text.splitlines()]
    rest = _rest(channel)
    if not rest:
        return channel.sentences
    untimed = {"text": rest, "begin_ms": None, "end_ms": None, "words": None}
    return [*channel.sentences, channel.sentences[-1].model_copy(update=untimed)]


def _rest(channel: Channel) -> str:
    """What the text of a channel has after its sentences; blanks do not count."""
    position = 0
    for sentence in channel.sentences:
        for part in sentence.text.split():
            found = channel.text.find(part, position)
            if found < 0 or channel.text[position:found].strip():
                return ""
            position = found + len(part)
    return channel.text[position:].strip()


def _turn(sentences: Sequence[Sentence], name: str) -> Turn:
    turn = Turn(sentences[0].begin_ms, name)
    count, end_before = 0, None
    for sentence in sentences:
        for number, text in enumerate(parts(with_single_blanks(sentence.text))):
            begin = sentence.begin_ms if number == 0 else None
            paused = begin is not None and end_before is not None and begin - end_before >= PAUSE_MS
            last = turn.paragraphs[-1] if turn.paragraphs else None
            if last is None or _is_full(last.text, text, count, paused):
                last, count = Paragraph(sentence.begin_ms), 0
                turn.paragraphs.append(last)
            last.text = joined(last.text, text)
            count += text.rstrip(ENDING_MARKS)[-1:] in SENTENCE_MARKS or number == 0
        end_before = sentence.end_ms if sentence.end_ms is not None else end_before
    return turn


def _is_full(paragraph: str, following: str, sentences: int, paused: bool) -> bool:
    if not paragraph:
        return False
    if length(paragraph) + length(following) > MOST_WORDS:
        return True
    ends = paragraph.rstrip(ENDING_MARKS)[-1:] in SENTENCE_MARKS
    return ends and (length(paragraph) >= WORDS or (paused and sentences >= SENTENCES))


_IDEOGRAPH = re.compile(f"[{HAN}{KANA}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def length(text: str) -> float:
    """How long a text is, in words. Characters of scripts without blanks count as shares of the limits."""
    unspaced = len(_IDEOGRAPH.findall(text))
    if not unspaced:
        return text.count(" ") + 1
    words = sum(1 for word in _IDEOGRAPH.sub(" ", text).split() if any(map(str.isalnum, word)))
    return words + unspaced * MOST_WORDS / MOST_IDEOGRAPHS


_ENDS = re.compile(
    f"[{re.escape(SENTENCE_MARKS)}]+[{re.escape(ENDING_MARKS)}]*(?: |(?<=[。！？｡])(?=.)|(?<=[。！？｡][」』”’）])(?=.))"
)
_CLAUSE_ENDS = re.compile(f"[{re.escape(CLAUSE_MARKS)}][{re.escape(ENDING_MARKS)}]*")


def parts(text: str) -> Iterator[str]:
    """The sentences of a text; one that is too long for a paragraph, in parts that end at commas, else at blanks."""
    for sentence in _cut_after(_ENDS, text):
        if length(sentence) <= MOST_WORDS:
            yield sentence
        else:
            yield from _fitting(sentence)


def _cut_after(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    start = 0
    for match in pattern.finditer(text):
        if match.end() < len(text):
            yield text[start : match.end()].strip()
            start = match.end()
    if text[start:].strip():
        yield text[start:].strip()


def _fitting(sentence: str) -> Iterator[str]:
    """Parts that fill about a paragraph each."""
    part = ""
    for clause in _cut_after(_CLAUSE_ENDS, sentence):
        for piece in _pieces(clause):
            if part and length(part) + length(piece) > WORDS:
                yield part
                part = ""
            part = joined(part, piece)
    yield part


def _pieces(clause: str) -> Iterator[str]:
    """A clause, in pieces where it is longer than a paragraph: at blanks, else anywhere."""
    if length(clause) <= WORDS:
        yield clause
        return
    words = clause.split(" ")
    for first in range(0, len(words), WORDS // 2):
        piece = " ".join(words[first : first + WORDS // 2])
        if length(piece) <= WORDS:
            yield piece
        else:
            yield from (piece[at : at + IDEOGRAPHS] for at in range(0, len(piece), IDEOGRAPHS))


def joined(before: str, after: str) -> str:
    """Two sentences in a row: with a blank between them, but for scripts that have none."""
    if not before:
        return after
    wide = unicodedata.east_asian_width(before[-1]) in "WF"
    return before + after if wide and not _is_hangul(before[-1]) else f"{before} {after}"


def _is_hangul(sign: str) -> bool:
    return "\uac00" <= sign <= "\ud7a3"


def clock(ms: int) -> str:
    """A time of the recording as people read it: 00:12:31."""
    seconds = max(0, ms) // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
