"""Cuts a sentence into atoms: the stretches of text that a line or a cue never breaks inside."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from dashscribe.domain.transcripts.line_breaks import Break, opportunities, quality
from dashscribe.domain.transcripts.script_rules import ScriptRules, cells
from dashscribe.domain.transcripts.word_times import TimedText


# A tuple, because hundreds of thousands are made of 12 hours, and a frozen dataclass takes three times as long to make.
class Atom(NamedTuple):
    """Text that stays on one line, when it is spoken, and how good a break after it is."""

    begin_ms: int
    end_ms: int
    text: str
    """Without the blank that follows it."""
    blank: str
    cells: int
    voice: int
    after: Break
    ends: bool
    """Whether the vendor's sentence ends here."""


def atoms_of(words: list[TimedText], from_vendor: bool, voice: int, rules: ScriptRules, language: str) -> list[Atom]:
    """The atoms of one sentence. `words` concatenate to its text; their times are in order.

    An atom that begins or ends inside of a word has a share of the word's time by its width.
    """
    text = "".join(word.text for word in words)
    clock = _Clock(text, words)
    positions, phrases = opportunities(text, clock.starts if from_vendor else (), rules)
    edges = list(pairwise([0, *positions, len(text)]))
    found = []
    for number, (start, stop) in enumerate(edges):
        piece = text[start:stop]
        bare = piece.rstrip(" ")
        is_last = number + 1 == len(edges)
        after = Break.SENTENCE
        if not is_last:
            following = text[stop : edges[number + 1][1]]
            after = quality(piece, following, rules, language, stop in phrases)
        found.append(
            Atom(
                clock.begin(start),
                clock.end(start + len(bare)),
                bare,
                piece[len(bare) :] or (" " if is_last and _takes_blank(bare) else ""),
                cells(bare),
                voice,
                after,
                is_last,
            )
        )
    return [atom for atom in found if atom.text]


def _takes_blank(text: str) -> bool:
    """Whether a blank follows a sentence that ends so: not where the script has none."""
    return bool(text) and (unicodedata.east_asian_width(text[-1]) not in "WF" or "\uac00" <= text[-1] <= "\ud7a3")


class _Clock:
    """Tells when each character of a sentence is spoken."""

    def __init__(self, text: str, words: Sequence[TimedText]) -> None:
        self.words = words
        self.starts = [0, *accumulate(len(word.text) for word in words)]
        self.advances = range(len(text) + 1) if text.isascii() else [0, *accumulate(map(cells, text))]

    def begin(self, position: int) -> int:
        """When the character at `position` begins."""
        return self._at(bisect_right(self.starts, position) - 1, position)

    def end(self, position: int) -> int:
        """When the character before `position` ends."""
        return self._at(max(0, bisect_right(self.starts, position - 1) - 1), position)

    def _at(self, index: int, position: int) -> int:
        word, start = self.words[index], self.starts[index]
        stop = start + len(word.text) - word.text.endswith(" ")
        if position <= start:
            return word.begin_ms
        if position >= stop:
            return word.end_ms
        first = self.advances[start]
        share = self.advances[position] - first
        return word.begin_ms + (word.end_ms - word.begin_ms) * share // max(1, self.advances[stop] - first)
