"""Puts the speech of all channels into one order, in which overlapping turns alternate at the ends of clauses.

The words of a channel keep their order. A short turn that is said during a long one comes after the clause in which
it begins, so that both can be shown in one cue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from dashscribe.domain.transcripts.atoms import Atom
from dashscribe.domain.transcripts.line_breaks import Break
from dashscribe.domain.transcripts.word_times import TimedSentence

PAUSE_MS = 300
"""A pause that parts a sentence as a comma does."""
TAIL_MS = 1_000
"""A sentence that overlaps the next speaker by less than this is not divided."""
Clause = tuple[TimedSentence, list[Atom]]
Cut = Callable[[TimedSentence], tuple[list[Atom], int]]
"""Gives the atoms of a sentence, and how many cells a clause of it may have beside another turn."""


def interleaved(sentences: Iterable[TimedSentence], cut: Cut) -> Iterator[tuple[TimedSentence, list[Atom]]]:
    """The sentences, or clauses where they overlap, with their atoms. `sentences` are in the order of their begins."""
    group: list[TimedSentence] = []
    group_end = 0
    for sentence in sentences:
        if group and sentence.begin_ms >= group_end:
            yield from _ordered(group, cut)
            group = []
            group_end = 0
        group.append(sentence)
        group_end = max(group_end, sentence.end_ms)
    yield from _ordered(group, cut)


def _ordered(group: Sequence[TimedSentence], cut: Cut) -> Iterator[tuple[TimedSentence, list[Atom]]]:
    if len({sentence.channel_id for sentence in group}) < 2:
        for sentence in group:
            yield sentence, cut(sentence)[0]
        return
    by_channel: dict[int, list[TimedSentence]] = {}
    for sentence in group:
        by_channel.setdefault(sentence.channel_id, []).append(sentence)
    # Atoms are made when they are needed: a group may be the whole recording.
    rest = {channel: _clauses_of(sentences, cut) for channel, sentences in by_channel.items()}
    heads = {channel: next(found) for channel, found in rest.items()}
    last: TimedSentence | None = None
    while heads:
        channel = _next_channel(heads, last)
        last, atoms = heads.pop(channel)
        yield last, atoms
        following = next(rest[channel], None)
        if following is not None:
            heads[channel] = following


def _clauses_of(sentences: Iterable[TimedSentence], cut: Cut) -> Iterator[Clause]:
    for sentence in sentences:
        atoms, width = cut(sentence)
        yield from ((sentence, clause) for clause in clauses(atoms, width))


def _next_channel(heads: dict[int, Clause], last: TimedSentence | None) -> int:
    """The channel whose next clause begins first. A sentence that is about to end is not interrupted."""
    first = min(heads, key=lambda channel: (heads[channel][1][0].begin_ms, channel))
    begin = heads[first][1][0].begin_ms
    if last is not None and last.channel_id in heads and heads[last.channel_id][0] is last:
        return last.channel_id if last.end_ms - begin <= TAIL_MS else first
    return first


def clauses(atoms: Sequence[Atom], width: int) -> Iterator[list[Atom]]:
    """The atoms in parts of at most `width` cells where possible: at punctuation, at pauses, else at good breaks."""
    part: list[Atom] = []
    for number, atom in enumerate(atoms):
        if part and _width([*part, atom]) > width:
            at = _best_cut(part)
            yield part[:at]
            part = part[at:]
        part.append(atom)
        following = atoms[number + 1] if number + 1 < len(atoms) else None
        pauses = following is not None and following.begin_ms - atom.end_ms >= PAUSE_MS
        if following is None or atom.after <= Break.CLAUSE or pauses:
            yield part
            part = []


def _best_cut(part: Sequence[Atom]) -> int:
    """Where to cut: at the best break of the second half, and there as late as possible."""
    return min(range(max(1, len(part) // 2), len(part) + 1), key=lambda at: (part[at - 1].after, -at))


def _width(part: Sequence[Atom]) -> int:
    return sum(atom.cells + len(atom.blank) for atom in part)
