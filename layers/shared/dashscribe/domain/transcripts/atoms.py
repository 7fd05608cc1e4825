"""Cuts a sentence into atoms: the stretches of text that a line or a cue never breaks inside."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from dashscribe.domain.transcripts.line_breaks import Break, opportunities, quality
from dashscribe.domain.transcripts.script_rules import ScriptRules, cells
from dashscribe.domain.transcripts.word_times import TimedText


@dataclass(frozen=True, slots=True)
class Atom:
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
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word.text)
    positions, phrases = opportunities(text, starts if from_vendor else (), rules)
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
                _time_at(words, starts, start, is_end=False),
                _time_at(words, starts, start + len(bare), is_end=True),
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


def _time_at(words: list[TimedText], starts: list[int], position: int, *, is_end: bool) -> int:
    """When the character at `position` begins; with `is_end`, when the one before it ends."""
    index = max(0, bisect_right(starts, position - 1 if is_end else position) - 1)
    word = words[index]
    offset = position - starts[index]
    bare = word.text.rstrip(" ")
    if offset <= 0:
        return word.begin_ms
    if offset >= len(bare):
        return word.end_ms
    return word.begin_ms + (word.end_ms - word.begin_ms) * cells(bare[:offset]) // max(1, cells(bare))
