"""Divides a stretch of speech into cues and lines, at the least cost.

The stretch is a list of atoms without a long silence inside. Dynamic programming finds the cheapest way to divide it:
the best division of the atoms before each position is kept, and extended by each cue that may end at the next one.
A cue holds at most two lines of the script's width and seven seconds, so the work grows with the number of atoms.

A cue has one voice; or it has two voices, one line each, where short turns follow each other or overlap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from dashscribe.domain.transcripts.atoms import Atom
from dashscribe.domain.transcripts.line_breaks import Break
from dashscribe.domain.transcripts.script_rules import EXTENSION_MS, GAP_MS, ScriptRules, SubtitleOptions

# Costs. A cue costs 10, and the others are relative to it: what costs 20 is avoided at the price of two more cues.
CUE = 10.0
CUE_BREAK = dict(zip(Break, (0.0, 6.0, 17.0, 23.0, 62.0, 160.0), strict=True))
LINE_BREAK = dict(zip(Break, (0.0, 1.0, 3.0, 10.0, 36.0, 90.0), strict=True))
SENTENCES_TOGETHER = 7.0
"""Two whole sentences in one cue."""
TORN_SENTENCE = 70.0
"""The end of a sentence, or a whole one, before the first part of the next."""
TAIL_FIRST = 6.0
"""The last part of a sentence before a whole one."""
PASSED_COMMA = 16.0
"""The cue ends inside a phrase, though its second half has a comma."""
LENGTH_DIFFERENCE = 6.0
"""Two lines of which one is longer by a whole line's width; less in proportion."""
LABEL_ALONE = 8.0
"""A label that has a line of its own."""
UNBALANCED = 26.0
"""A line shorter than half of the other, or an upper line longer by a fifth, and no punctuation between them."""
TOP_HEAVY_PHRASE = 18.0
"""An upper line twice as long, where the lower one begins with a conjunction or a preposition; less in proportion."""
LONE_WORD = 24.0
"""One short word alone on a line or in a cue, torn from its sentence."""
TWO_VOICES = 13.0
TORN_TURN = 24.0
"""A cue with two voices that ends inside of a sentence."""
TOO_SHORT, TOO_SHORT_A_SECOND = 24.0, 30.0
TOO_FAST, TOO_FAST_A_TIME = 7.0, 45.0
PAUSE_INSIDE_A_SECOND = 14.0
PHRASE_PAUSE_MS = 400
PAUSE_A_SECOND = 12.0
"""A pause makes a cue's end there cheaper."""
OVERLAP, OVERLAP_A_SECOND = 12.0, 20.0
NEAR_THE_MIDDLE = 8
"""A line break is looked for among so many atoms before and after the middle of the cue's text."""
IMPOSSIBLE = 1e6
"""What exceeds a limit is taken only where nothing else is possible, and reported."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A cue as a range of atoms, `begin` to `end`, and the positions at which its further lines begin."""

    begin: int
    end: int
    line_starts: tuple[int, ...]


@dataclass(slots=True)
class Stretch:
    """Atoms without a long silence between them, and what is around them."""

    atoms: Sequence[Atom]
    rules: ScriptRules
    voice_before: int | None
    next_begin_ms: int | None
    """When the next cue may begin: at the speech after the stretch; at the recording's end, where that is known."""
    label_cells: Sequence[int]
    """The width of each voice's label with its colon and blank, by voice; 0 without labels."""
    options: SubtitleOptions
    ends: list[int] = field(init=False)
    """Where an atom ends, in cells from the first atom's begin, without the blank after it. An atom that is wider than
    a line counts as a whole line."""
    begins: list[int] = field(init=False)

    def __post_init__(self) -> None:
        widths = [min(atom.cells, self.rules.line_cells) for atom in self.atoms]
        advances = (width + len(atom.blank) for width, atom in zip(widths, self.atoms, strict=True))
        self.begins = [0, *accumulate(advances)]
        self.ends = [begin + width for begin, width in zip(self.begins, widths, strict=False)]


def segmented(stretch: Stretch) -> list[Shape]:
    """The cheapest division of a stretch into cues. Every atom is in exactly one."""
    return _Divider(stretch).divide() if stretch.atoms else []


class _Divider:
    """The tables of one run of the dynamic programming."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch, self.rules, self.options = stretch, stretch.rules, stretch.options
        self.atoms = atoms = stretch.atoms
        self.count = len(atoms)
        self.line = stretch.rules.line_cells
        self.begins, self.ends = stretch.begins, stretch.ends
        self.begin_ms = [atom.begin_ms for atom in atoms]
        self.end_ms = [atom.end_ms for atom in atoms]
        self.line_cost = [0.0, *(LINE_BREAK[atom.after] for atom in atoms)]
        self.quality = [Break.SENTENCE, *(atom.after for atom in atoms)]
        self.ends_sentence = [quality == Break.SENTENCE for quality in self.quality]
        self.is_in_clause = [quality > Break.CLAUSE for quality in self.quality]
        self.labels = self._labels()
        self.run = self._run_starts()
        self.sentence_ends = [0, *accumulate(int(atom.after == Break.SENTENCE) for atom in atoms)]
        self.pauses = self._pauses()
        self.comma = self._last_comma()
        self.boundary = [self._boundary(at) for at in range(self.count + 1)]
        self.best = [0.0] + [float("inf")] * self.count
        self.choice: list[tuple[int, tuple[int, ...]]] = [(0, ())] * (self.count + 1)
        """For each position, where the best cue that ends there begins, and where its further lines begin."""

    def _labels(self) -> list[int]:
        """The width of the label that a cue beginning at each atom needs: none where the voice goes on."""
        voices = [self.stretch.voice_before, *(atom.voice for atom in self.atoms)]
        return [
            self.stretch.label_cells[atom.voice] if atom.voice != voices[at] else 0
            for at, atom in enumerate(self.atoms)
        ]

    def _run_starts(self) -> list[int]:
        """For each atom, where the run of atoms of its voice begins."""
        starts: list[int] = []
        for at, atom in enumerate(self.atoms):
            starts.append(starts[-1] if at and self.atoms[at - 1].voice == atom.voice else at)
        return starts

    def _last_comma(self) -> list[int]:
        """For each position, the last position at or before it that has punctuation before it."""
        found = [0]
        for at in range(1, self.count + 1):
            found.append(at if self.quality[at] <= Break.CLAUSE else found[-1])
        return found

    def _pauses(self) -> list[int]:
        """The silence after the sentences before each atom, in ms, as far as it is longer than between phrases."""
        silences = [0] * (self.count + 1)
        for at in range(1, self.count):
            if self.quality[at] == Break.SENTENCE:
                silences[at] = max(0, self.begin_ms[at] - self.end_ms[at - 1] - PHRASE_PAUSE_MS)
        return list(accumulate(silences))

    def _boundary(self, at: int) -> float:
        """The cost of a cue's end before the atom `at`."""
        if at in (0, self.count):
            return 0.0
        before, after = self.atoms[at - 1], self.atoms[at]
        gap = after.begin_ms - before.end_ms
        if before.voice != after.voice:
            return OVERLAP + OVERLAP_A_SECOND * -gap / 1000 if gap < 0 else 0.0
        cost = CUE_BREAK[before.after]
        return max(0.0, cost - PAUSE_A_SECOND * gap / 1000) if gap > 150 else cost

    def divide(self) -> list[Shape]:
        for end in range(1, self.count + 1):
            self._extend_to(end)
        found: list[Shape] = []
        at = self.count
        while at:
            begin, line_starts = self.choice[at]  # each position is reached, at worst by one atom a cue
            found.append(Shape(begin, at, line_starts))
            at = begin
        return found[::-1]

    def _extend_to(self, end: int) -> None:
        """Finds the best cue that ends before the atom `end`."""
        run = self.run[end - 1]
        right = self.ends[end - 1]
        closing = self.boundary[end]
        best = float("inf")
        widest = self.line * self.options.lines
        earliest = self.end_ms[end - 1] - self.options.maximum_ms
        first = max(run, bisect_left(self.begins, right - widest, run, end))
        first = max(first, bisect_left(self.begin_ms, earliest, run, end))
        until, room = self._time_of(end)
        minimum, speed = self.options.minimum_ms, self.rules.cells_per_second
        begin_ms, begins, labels, reached = self.begin_ms, self.begins, self.labels, self.best
        closing += CUE
        for begin in range(min(first, end - 1), end):
            base = reached[begin] + closing
            if base >= best:
                continue
            at, width = begin_ms[begin], right - begins[begin] + labels[begin]
            if room - at < minimum or width * 1000 > (until - at) * speed:
                base += self._cost_of_time(at, until, room, width)
            if base < best:
                base += self._cost_of_text(begin, end)
            if base >= best:
                continue
            cost, starts = self._lines(begin, end, best - base)
            if base + cost < best:
                best = base + cost
                self.best[end], self.choice[end] = best, (begin, starts)
        if run and self.options.lines > 1:
            self._join_voices(run, end, best)

    def _time_of(self, end: int) -> tuple[int, int]:
        """Until when a cue that ends before the atom `end` may be shown, and until when there is room for it."""
        end_ms = self.end_ms[end - 1]
        following = self.begin_ms[end] if end < self.count else self.stretch.next_begin_ms
        room = end_ms + EXTENSION_MS if following is None else following - GAP_MS
        return min(end_ms + EXTENSION_MS, room), room

    def _cost_of_time(self, begin_ms: int, until_ms: int, room_ms: int, width: int) -> float:
        """Too little time to read, or to notice the cue at all."""
        shown = until_ms - begin_ms
        missing = self.options.minimum_ms - (room_ms - begin_ms)
        cost = TOO_SHORT + TOO_SHORT_A_SECOND * missing / 1000 if missing > 0 else 0.0
        speed = width * 1000 / (shown if shown > 1 else 1) / self.rules.cells_per_second
        if speed >= 3:
            cost += TOO_FAST + TOO_FAST_A_TIME * 2.0
        elif speed > 1:
            cost += TOO_FAST + TOO_FAST_A_TIME * (speed - 1)
        return cost

    def _cost_of_text(self, begin: int, end: int) -> float:
        """Sentences that are torn or share the cue, and a word that is alone."""
        is_whole = self.ends_sentence[begin] and self.ends_sentence[end]
        inside = self.sentence_ends[end - 1] - self.sentence_ends[begin]
        if inside:
            cost = SENTENCES_TOGETHER * inside
            if not self.ends_sentence[end]:
                cost += TORN_SENTENCE
            if not self.ends_sentence[begin]:
                cost += TAIL_FIRST
            return cost + PAUSE_INSIDE_A_SECOND * (self.pauses[end - 1] - self.pauses[begin]) / 1000
        cost = 0.0 if is_whole or not self._is_lone(begin, end) else LONE_WORD
        if self.is_in_clause[end]:
            comma = self.comma[end - 1]
            if comma > begin and self.begins[comma] * 2 > self.begins[begin] + self.ends[end - 1]:
                cost += PASSED_COMMA
        return cost

    def _is_lone(self, begin: int, end: int) -> bool:
        is_one = end - begin == 1
        if self.rules.spaced:
            return is_one and self.ends[begin] - self.begins[begin] < 15
        width = self.ends[end - 1] - self.begins[begin]
        return width <= 4 or (is_one and width <= 8)

    def _lines(self, begin: int, end: int, limit: float) -> tuple[float, tuple[int, ...]]:
        """The best way to put atoms of one voice on lines: its cost, and where the further lines begin.

        The cost is infinite where it would be `limit` or more.
        """
        label = self.labels[begin]
        width = label + self.ends[end - 1] - self.begins[begin]
        if width <= self.line:
            return 0.0, ()
        return self._broken(begin, end, label, self.options.lines, limit)

    def _broken(self, begin: int, end: int, label: int, lines: int, limit: float) -> tuple[float, tuple[int, ...]]:
        if lines == 1:
            excess = label + self.ends[end - 1] - self.begins[begin] - self.line
            return IMPOSSIBLE + 100.0 * excess, ()
        origin, right = self.begins[begin] - label, self.ends[end - 1]
        lowest = bisect_left(self.begins, right - self.line * (lines - 1), begin, end)
        highest = bisect_right(self.ends, origin + self.line, begin, end) + 1
        if lines == 2:
            middle = bisect_left(self.begins, (origin + right) // 2, begin, end)
            lowest, highest = max(lowest, middle - NEAR_THE_MIDDLE), min(highest, middle + NEAR_THE_MIDDLE)
        choices = range(max(lowest, begin if label else begin + 1), min(highest, end))
        if not choices:
            return IMPOSSIBLE * 2, (min(max(lowest, begin + 1), end - 1),) if end - begin > 1 else ()
        best = limit
        no_more: tuple[int, ...] = ()
        starts = no_more
        for at in choices:
            upper, lower = self.ends[at - 1] - origin if at > begin else label, right - self.begins[at]
            cost = (self.line_cost[at] if at > begin else LABEL_ALONE) + LENGTH_DIFFERENCE * abs(
                upper - lower
            ) / self.line
            if cost >= best:
                continue
            more = no_more
            if lines > 2 and lower > self.line:
                rest, more = self._broken(at, end, 0, lines - 1, best - cost)
                cost += rest
            cost += self._imbalance(begin, at, end, upper, lower)
            if cost < best:
                best, starts = cost, (at, *more)
        return (best, starts) if starts else (float("inf"), ())

    def _imbalance(self, begin: int, at: int, end: int, upper: int, lower: int) -> float:
        """The cost of two lines that are unequal where no punctuation is between them, or of a lone word on one."""
        longer, shorter = (upper, lower) if upper > lower else (lower, upper)
        cost = 0.0
        if self.quality[at] > Break.CLAUSE:
            if shorter * 2 < longer:
                cost += UNBALANCED
            if upper > lower * 1.2:
                phrase = TOP_HEAVY_PHRASE * (upper / max(1, lower) - 1)
                cost += UNBALANCED if self.quality[at] > Break.PHRASE else min(phrase, UNBALANCED)
        lone = self.line // 4 if self.rules.spaced else 5
        if (
            longer * 2 > self.line
            and shorter <= lone
            and (
                (upper == shorter and at - begin <= 1) or (lower == shorter and end - at <= 1) or not self.rules.spaced
            )
        ):
            cost += LONE_WORD
        return cost

    def _join_voices(self, run: int, end: int, best: float) -> None:
        """Tries cues whose first line is the voice before, and whose second is this one up to `end`."""
        second = self.ends[end - 1] - self.begins[run] + self.stretch.label_cells[self.atoms[run].voice] + len(DASH)
        if second > self.line:
            return
        closing = self.boundary[end] + CUE + TWO_VOICES
        closing += TORN_TURN if self.quality[end] > Break.SENTENCE else 0.0
        earliest = max(self.end_ms[end - 1], self.end_ms[run - 1]) - self.options.maximum_ms
        until, room = self._time_of(end)
        lower_cost = self._cost_of_text(run, end)
        for begin in range(run - 1, self.run[run - 1] - 1, -1):
            first = self.ends[run - 1] - self.begins[begin]
            first += self.labels[begin] + len(DASH) if self.labels[begin] else 0
            if first > self.line or self.begin_ms[begin] < earliest:
                break
            cost = self.best[begin] + closing
            if cost + lower_cost >= best:
                continue
            cost += self._cost_of_time(self.begin_ms[begin], until, room, first + second + 1)
            if cost + lower_cost >= best:
                continue
            cost += lower_cost + self._cost_of_text(begin, run)
            if cost < best:
                best = cost
                self.best[end], self.choice[end] = best, (begin, (run,))


DASH = "- "
"""What the lines of a cue with two voices begin with."""
