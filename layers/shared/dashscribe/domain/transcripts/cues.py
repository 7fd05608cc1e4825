"""Makes the cues of a transcript: what is shown, on which lines, from when to when."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dashscribe.domain.transcripts.atoms import Atom, atoms_of
from dashscribe.domain.transcripts.cue_times import Span, shown
from dashscribe.domain.transcripts.graphemes import is_mark
from dashscribe.domain.transcripts.interleaving import interleaved
from dashscribe.domain.transcripts.phrase_words import guessed_language, language_of
from dashscribe.domain.transcripts.script_rules import (
    GAP_MS,
    SILENCE_MS,
    SYNC_MS,
    Script,
    ScriptRules,
    SubtitleOptions,
    cells,
    script_of,
)
from dashscribe.domain.transcripts.segmentation import DASH, Shape, Stretch, segmented
from dashscribe.domain.transcripts.transcript import Transcript
from dashscribe.domain.transcripts.voices import UNKNOWN, short, voice_names, voice_of
from dashscribe.domain.transcripts.word_times import TimedSentence, timed_sentences, timed_words

NO_BREAK_SPACE = "\u00a0"
RIGHT_TO_LEFT_MARK = "\u200f"
MANY_ATOMS = 2_000
"""A stretch of so many atoms ends with its sentence, so that hours without a silence need little memory."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle: its lines as shown, labels included, from `begin_ms` to `end_ms` of the recording."""

    begin_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speakers: tuple[str, ...] = ()
    """Who says each line, by the name people read; "" or nothing where there is one voice only."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The cues in the order of time, and how many of them could not keep a rule."""

    cues: tuple[Cue, ...]
    warnings: dict[str, int]
    """`subtitle_warnings` of `job.json`: counts by rule; a rule that all cues keep is absent."""
    language: str | None
    """The language of most sentences, as an ISO 639 code; None where it is not known."""


def subtitles(transcript: Transcript, options: SubtitleOptions | None = None) -> Subtitles:
    """The cues of all channels. A channel without any time gives none: when to show it would be a guess."""
    return _Maker(transcript, options or SubtitleOptions()).subtitles()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A cue before its times are final."""

    span: Span
    lines: tuple[str, ...]
    speakers: tuple[str, ...]
    rules: ScriptRules


class _Maker:
    """What one transcript needs: its voices, their labels, and its scripts."""

    def __init__(self, transcript: Transcript, options: SubtitleOptions) -> None:
        self.transcript, self.options = transcript, options
        names = voice_names(transcript, options.speakers)
        self.voices = list(names)
        self.names = [names[voice] for voice in self.voices]
        self.labels = [_label(name, options) for name in self.names]
        self.label_cells = [cells(label) for label in self.labels]
        self.rules = {script: options.rules(script) for script in Script}
        self.main_script = script_of("".join(channel.text[:20_000] for channel in transcript.channels))
        self.main_language = guessed_language("\n".join(channel.text[:20_000] for channel in transcript.channels))

    def subtitles(self) -> Subtitles:
        sentences, untimed = self._sentences()
        drafts = [draft for stretch in self._stretches(sentences) for draft in self._drafts(stretch)]
        times = shown([draft.span for draft in drafts], self.options, self.transcript.duration_ms)
        warnings = _warnings(drafts, times, self.options)
        if untimed:
            warnings["sentences_without_times"] = untimed
        cues = tuple(
            Cue(begin, end, draft.lines, draft.speakers) for draft, (begin, end) in zip(drafts, times, strict=True)
        )
        return Subtitles(cues, warnings, self._language())

    def _sentences(self) -> tuple[list[TimedSentence], int]:
        """All sentences by begin, and how many have no time. Sentences of one channel keep their order."""
        found: list[TimedSentence] = []
        untimed = 0
        for channel in self.transcript.channels:
            timed = timed_sentences(channel.channel_id, channel.sentences, self.transcript.duration_ms)
            found += timed
            untimed += 0 if timed else sum(bool(sentence.text.strip()) for sentence in channel.sentences)
        return sorted(found, key=lambda timed: (timed.begin_ms, timed.channel_id)), untimed

    def _stretches(self, sentences: Sequence[TimedSentence]) -> Iterator[Stretch]:
        """The atoms of all sentences, divided at long silences, where the rules change, and where they are many."""
        atoms: list[Atom] = []
        rules, voice, end = self.rules[self.main_script], None, 0
        for sentence, part in interleaved(sentences, self._cut):
            its_rules = self._rules(sentence)
            for atom in part:
                is_full = len(atoms) >= MANY_ATOMS and atoms[-1].ends
                if atoms and (is_full or atom.begin_ms - end >= SILENCE_MS or its_rules is not rules):
                    yield self._stretch(atoms, rules, voice, atom.begin_ms)
                    voice, atoms = atoms[-1].voice, []
                rules = its_rules
                atoms.append(atom)
                end = max(end, atom.end_ms) if len(atoms) > 1 else atom.end_ms
        if atoms:
            duration = self.transcript.duration_ms
            yield self._stretch(atoms, rules, voice, None if duration is None else max(duration, end) + GAP_MS)

    def _stretch(self, atoms: list[Atom], rules: ScriptRules, voice: int | None, next_begin: int | None) -> Stretch:
        return Stretch(atoms, rules, voice, next_begin, self.label_cells, self.options)

    def _rules(self, sentence: TimedSentence) -> ScriptRules:
        return self.rules[script_of(sentence.text, sentence.sentence.language, self.main_script)]

    def _cut(self, sentence: TimedSentence) -> tuple[list[Atom], int]:
        rules = self._rules(sentence)
        language = language_of(sentence.text, rules.script, sentence.sentence.language or self.main_language)
        voice = self.voices.index(voice_of(sentence.channel_id, sentence.sentence))
        words, from_vendor = timed_words(sentence)
        beside = rules.line_cells - len(DASH) - self.label_cells[voice]
        return atoms_of(words, from_vendor, voice, rules, language), max(beside, rules.line_cells // 3)

    def _drafts(self, stretch: Stretch) -> Iterator[_Draft]:
        voice = stretch.voice_before
        for shape in segmented(stretch):
            yield self._draft(stretch, shape, voice)
            voice = stretch.atoms[shape.end - 1].voice

    def _draft(self, stretch: Stretch, shape: Shape, voice: int | None) -> _Draft:
        atoms, rules = stretch.atoms, stretch.rules
        bounds = [shape.begin, *shape.line_starts, shape.end]
        together = atoms[shape.begin].voice != atoms[shape.end - 1].voice
        lines, speakers = [], []
        for start, stop in pairwise(bounds):
            its_voice = atoms[min(start, shape.end - 1)].voice
            label = self.labels[its_voice] if its_voice != voice else ""
            dash = DASH if together and (label or not self.options.labels) and label != DASH else ""
            said = "".join(atom.text + atom.blank for atom in atoms[start:stop]).rstrip()
            lines.append(_directed((dash + label + said).rstrip(), rules))
            speakers.append(self.names[its_voice])
            voice = its_voice
        width = sum(map(cells, lines)) + len(lines) - 1
        end = max(atom.end_ms for atom in atoms[shape.begin : shape.end])
        span = Span(atoms[shape.begin].begin_ms, end, -int(-width * 1000 // rules.cells_per_second))
        return _Draft(span, tuple(lines), tuple(speakers), rules)

    def _language(self) -> str | None:
        told = Counter(
            sentence.language
            for channel in self.transcript.channels
            for sentence in channel.sentences
            if sentence.language and sentence.text.strip()
        )
        if told:
            return told.most_common(1)[0][0]
        guess = _LANGUAGES.get(self.main_script)
        return guess if self.main_script is not Script.ALPHABETIC else self.main_language


_LANGUAGES = {
    Script.HEBREW: "he", Script.CHINESE: "zh", Script.JAPANESE: "ja", Script.KOREAN: "ko",
}  # fmt: skip
"""The scripts that tell the language."""


def _label(name: str, options: SubtitleOptions) -> str:
    """What stands before the words of a voice when it begins. A voice without a name has a dash."""
    if not name or not options.labels:
        return ""
    return DASH if name == UNKNOWN else f"{short(name)}: "


def _directed(line: str, rules: ScriptRules) -> str:
    """The line, with a right-to-left mark where a player would take it for left-to-right.

    A mark without its letter, which only a vendor's text can begin with, gets a blank to stand on.
    """
    if line and is_mark(line[0]):
        line = NO_BREAK_SPACE + line
    if not rules.right_to_left:
        return line
    for sign in line:
        direction = unicodedata.bidirectional(sign)
        if direction in ("R", "AL"):
            return line
        if direction == "L":
            break
    return RIGHT_TO_LEFT_MARK + line


def _warnings(drafts: Sequence[_Draft], times: Sequence[tuple[int, int]], options: SubtitleOptions) -> dict[str, int]:
    """How many cues exceed each limit, because the speech does."""
    counts: Counter[str] = Counter()
    for draft, (begin, end) in zip(drafts, times, strict=True):
        counts["reading_speed"] += end - begin < min(draft.span.reading_ms, options.maximum_ms)
        counts["minimum_duration"] += end - begin < options.minimum_ms
        counts["line_width"] += any(cells(line) > draft.rules.line_cells for line in draft.lines)
        counts["out_of_sync"] += abs(begin - draft.span.begin_ms) > SYNC_MS
    return {rule: count for rule, count in sorted(counts.items()) if count}
