"""Repairs the times of sentences and words, so that what follows can rely on them.

The vendor's times may be missing, zero, equal, out of order, or beyond the recording. Here the order of the words is
the vendor's and is never changed; only times are. After the repair, each item begins no earlier than the one before
it ends, and ends no earlier than it begins. All times are ms from the start of the recording.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from dashscribe.domain.transcripts.script_rules import cells
from dashscribe.domain.transcripts.spoken_text import with_single_blanks
from dashscribe.domain.transcripts.transcript import Sentence, Word

Times = tuple[int | None, int | None]
"""Begin and end as the vendor gives them."""

TOLERANCE_MS = 500
"""A word may lie this far outside of its sentence. Farther away, its time is wrong."""
FASTEST_MS_A_CELL = 10
"""Nobody speaks faster. Items that would are given their share of the time around them."""
SLOWEST_MS_A_CELL = 200
"""Slow speech. A sentence without word times that would be slower is silent at its end."""
LONGEST_WORD_MS, LONGEST_WORD_MS_A_CELL = 1_000, 300
"""A word does not last longer than the first plus the second for each cell. The rest is silence."""
SEARCH = 24
"""A word is looked for up to this many characters after its expected place in the text of the sentence."""


class TimedText(NamedTuple):
    """A stretch of text, with the blank that follows it, and when it is spoken."""

    begin_ms: int
    end_ms: int
    text: str


def repaired(times: Sequence[Times], widths: Sequence[int], begin: int, end: int) -> list[tuple[int, int]]:
    """Times in order from `begin` to `end`: a pair for each of `times`.

    The longest run of begins that agree with the order is kept. The items between two kept ones share the time
    between them by their widths in cells. An end that is missing or too late becomes the next item's begin.
    """
    end = max(begin, end)
    anchors = _anchors(times, widths, begin, end)
    found: list[tuple[int, int]] = []
    for (left, start), (right, stop) in pairwise([(-1, begin), *anchors, (len(times), end)]):
        told = times[left][1] if left >= 0 else None
        is_told = told is not None and start < told <= stop
        if left >= 0 and right == left + 1:  # the case of almost every word
            found.append((start, told if is_told and told is not None else stop))
            continue
        items = widths[max(left, 0) : right]
        if is_told and told is not None and stop - told >= sum(items[1:]) * FASTEST_MS_A_CELL:
            found.append((start, told))
            items, start = items[1:], told
        found += _shares(items, start, stop)
    return found


def _anchors(times: Sequence[Times], widths: Sequence[int], begin: int, end: int) -> list[tuple[int, int]]:
    """Index and begin of the items whose begin is kept: in order, and with time for the items between them."""
    told = [
        (index, min(max(at, begin), end))
        for index, (at, _) in enumerate(times)
        if at is not None and begin - TOLERANCE_MS <= at <= end + TOLERANCE_MS
    ]
    needed = [0, *accumulate(width * FASTEST_MS_A_CELL for width in widths)]
    kept: list[tuple[int, int]] = []
    for index, at in _in_order(told):
        if not kept or at - kept[-1][1] >= needed[index] - needed[kept[-1][0]]:
            kept.append((index, at))
    while kept and end - kept[-1][1] < needed[-1] - needed[kept[-1][0]]:
        kept.pop()
    return kept


def _in_order(told: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose times do not decrease."""
    if all(one[1] <= other[1] for one, other in pairwise(told)):
        return told
    tails: list[int] = []
    holders: list[int] = []
    before: list[int] = []
    for number, (_, at) in enumerate(told):
        place = bisect_right(tails, at)
        before.append(holders[place - 1] if place else -1)
        tails[place : place + 1] = [at]
        holders[place : place + 1] = [number]
    found = []
    number = holders[-1] if holders else -1
    while number >= 0:
        found.append(told[number])
        number = before[number]
    return found[::-1]


def _shares(widths: Sequence[int], begin: int, end: int) -> list[tuple[int, int]]:
    total = sum(max(1, width) for width in widths)
    bounds, spent = [begin], 0
    for width in widths:
        spent += max(1, width)
        bounds.append(begin + (end - begin) * spent // total)
    return list(pairwise(bounds))


@dataclass(frozen=True, slots=True)
class TimedSentence:
    """A sentence of one channel with repaired times."""

    channel_id: int
    sentence: Sentence
    text: str
    """The sentence's text with single blanks; not empty."""
    begin_ms: int
    end_ms: int


def timed_sentences(channel_id: int, sentences: Iterable[Sentence], duration_ms: int | None) -> list[TimedSentence]:
    """The sentences of a channel in the order of speech. A channel without any time gives none.

    `duration_ms` is the recording's length. It is ignored where most sentences begin after it.
    """
    spoken = [sentence for sentence in sentences if sentence.text.strip()]
    spoken = _by_speaker_merged(spoken)
    times = [_told(sentence) for sentence in spoken]
    begins = sorted(begin for begin, _ in times if begin is not None)
    if not begins:
        return []
    texts = [with_single_blanks(sentence.text) for sentence in spoken]
    widths = [cells(text) for text in texts]
    bounds = repaired(times, widths, 0, _last_moment(begins, times, widths, duration_ms))
    return [
        TimedSentence(channel_id, sentence, text, begin, end)
        for sentence, text, (begin, end) in zip(spoken, texts, bounds, strict=True)
    ]


def _told(sentence: Sentence) -> Times:
    """The times of a sentence; where they are missing, those of its words."""
    words = sentence.words or []
    begin, end = sentence.begin_ms, sentence.end_ms
    if begin is None and any(word.end_ms > 0 for word in words):
        begin = min(word.begin_ms for word in words)
    if end is None and words and words[-1].end_ms > 0:
        end = words[-1].end_ms
    return begin, end


def _last_moment(begins: list[int], times: Sequence[Times], widths: Sequence[int], duration_ms: int | None) -> int:
    """The end of the recording; where it is not known, a time by which all sentences can have been spoken."""
    if duration_ms is not None and duration_ms > begins[len(begins) // 2]:
        return duration_ms
    end = max([begins[-1], *(stop for _, stop in times if stop is not None)])
    begin, width = times[-1][0], widths[-1]
    return max(end, (begin if begin is not None else end) + width * SLOWEST_MS_A_CELL // 2)


def _by_speaker_merged(sentences: list[Sentence]) -> list[Sentence]:
    """A channel that lists one speaker after the other is put in the order of time. Any other order is kept."""
    begins = [(number, s.begin_ms) for number, s in enumerate(sentences) if s.begin_ms is not None]
    if all(one[1] <= other[1] for one, other in pairwise(begins)):
        return sentences
    latest: dict[int | None, int] = {}
    for sentence in sentences:
        begin = sentence.begin_ms
        if begin is None or begin < latest.get(sentence.speaker, begin):
            return sentences
        latest[sentence.speaker] = begin
    return sorted(sentences, key=lambda sentence: sentence.begin_ms or 0) if len(latest) > 1 else sentences


def timed_words(timed: TimedSentence) -> tuple[list[TimedText], bool]:
    """The words of a sentence, which concatenate to its text; and whether their bounds are the vendor's.

    Words are looked for in the text in their order. What lies between two words that are found belongs to the first
    of them where it is punctuation, else it becomes a word of its own with a share of the time.
    """
    words = [word for word in timed.sentence.words or [] if word.text.strip()]
    slices = _aligned(timed.text, words)
    widths = [cells(text) for text, _ in slices]
    times: list[Times] = [(None, None) if word is None else (word.begin_ms, word.end_ms) for _, word in slices]
    from_vendor = any(word is not None for _, word in slices)
    end = timed.end_ms
    if not from_vendor:
        end = min(end, timed.begin_ms + sum(widths) * SLOWEST_MS_A_CELL)
    bounds = repaired(times, widths, timed.begin_ms, end)
    return [
        TimedText(begin, min(stop, begin + LONGEST_WORD_MS + width * LONGEST_WORD_MS_A_CELL), text)
        if from_vendor
        else TimedText(begin, stop, text)
        for (text, _), width, (begin, stop) in zip(slices, widths, bounds, strict=True)
    ], from_vendor


def _aligned(text: str, words: Sequence[Word]) -> list[tuple[str, Word | None]]:
    """The text in slices, each with its word, or with None where the words leave something out."""
    found: list[tuple[int, int, Word | None]] = []
    position = 0
    searched = text.translate(_BLANKS)
    for word in words:
        core = " ".join(word.text.split())
        start = searched.find(core, position, position + len(core) + SEARCH)
        if start < 0:
            continue
        if _is_said(text[position:start]):
            found.append((_first_said(text, position), start, None))
        found.append((start, start + len(core), word))
        position = start + len(core)
    if _is_said(text[position:]):
        found.append((_first_said(text, position), len(text), None))
    if not found:
        return [(text, None)]
    starts = [0, *(_after_blanks(text, start) for start, _, _ in found[1:]), len(text)]
    return [
        (text[start:stop], word)
        for (start, stop), (_, _, word) in zip(pairwise(starts), found, strict=True)
        if stop > start
    ]


_BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")
"""No-break spaces are searched as blanks, because the words of a sentence may have others than its text."""


def _first_said(text: str, position: int) -> int:
    """The first position from `position` on with more than blanks and punctuation."""
    return next(at for at in range(position, len(text)) if text[at].isalnum())


def _after_blanks(text: str, start: int) -> int:
    """Where a slice begins: opening marks before its word belong to it, blanks and closing marks do not."""
    while start > 0 and text[start - 1] in OPENING:
        start -= 1
    while start < len(text) and text[start] == " ":
        start += 1
    return start


OPENING = frozenset("([{«‹“„‘‚「『（【《〈［｛〔〖¿¡$￥¥£€#")


def _is_said(text: str) -> bool:
    """Whether there is more in it than blanks and punctuation."""
    return any(sign.isalnum() for sign in text)
