"""Where a line may break, and how good a break there is.

The opportunities follow Unicode Standard Annex 14 (https://www.unicode.org/reports/tr14/): after blanks, and between
the characters of the scripts that are written without blanks. Inside those scripts a break is allowed only between
words: those of the vendor where it times words, else those that BudouX finds. Kinsoku rules and grapheme clusters
always hold.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

from dashscribe.domain.transcripts import graphemes
from dashscribe.domain.transcripts.phrase_words import (
    enders_to_avoid,
    good_starters,
    starters_to_avoid,
    starts_to_avoid,
)
from dashscribe.domain.transcripts.script_rules import HAN, KANA, Script, ScriptRules, cells

SENTENCE_MARKS = ".?!。？！｡．…।॥؟۔។။‽"
CLAUSE_MARKS = ",;:、，；：､،؛—–၊"
OPENING_MARKS = "([{«“‘「『（【《〈［｛〔〖¿¡｢"
CLOSING_MARKS = ")]}»”’」』）】》〉］｝〕〗｣\"'"
NEVER_FIRST = frozenset(
    ",.!?;:%‰°)]}»”’、，。．！？；：％）］｝」』】》〉〕〗…‥・·ーｰ～〜"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ々〻ゝゞヽヾ゛゜"
    "｡､｣･ｧｨｩｪｫｬｭｮｯﾞﾟๆຯໆฯ।॥؟،؛۔។៕ៗ၊။"
)
"""Kinsoku: marks that no line begins with (JIS X 4051, CLREQ; UAX 14 classes CL, CP, EX, IS, NS, CJ, PO)."""
NEVER_LAST = frozenset(OPENING_MARKS + "$￥¥£€₩#＃＄￡")
"""Kinsoku: marks that no line ends with (UAX 14 classes OP and PR)."""


class Break(IntEnum):
    """How good a break is, from the best to the worst."""

    SENTENCE = 0
    CLAUSE = 1
    PHRASE = 2
    WORD = 3
    WEAK = 4
    TIED = 5


_UNSPACED = re.compile(f"[{HAN}{KANA}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u303f\uff01-\uff60]")
_SOUTH_EAST_ASIAN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f]")
_THAI = re.compile("[\u0e00-\u0e7f]")
_WORDS_ARE_SYLLABLES = 1.3
"""Vendor words that have fewer characters than this on average are characters and tell nothing of words."""
SYLLABLE_CLUSTERS = 3
"""Where nothing tells the words, a break may come after so many clusters."""
_LONG_WORD_CELLS = 16
"""A vendor word without blanks that is wider than this is a phrase, and may break at the words inside."""


def opportunities(text: str, word_starts: Iterable[int], rules: ScriptRules) -> tuple[list[int], frozenset[int]]:
    """The positions at which `text` may break, and those of them that are phrase bounds too.

    `word_starts` are the positions at which the vendor's words begin; none where it gives no words.
    """
    found = {at + 1 for at, sign in enumerate(text) if sign in " \u200b" and 0 < at + 1 < len(text)}
    phrases: set[int] = set()
    if not rules.spaced:
        starts = [at for at in word_starts if 0 < at < len(text)]
        known = rules.script is Script.SOUTH_EAST_ASIAN and _tell_words(text, starts)
        phrases = set(starts if known else _phrase_starts(text, rules.script))
        found |= _between_words(text, starts, phrases)
    positions = _permitted(text, found)
    return _with_long_pieces_split(text, positions, rules), frozenset(phrases)


def _between_words(text: str, starts: list[int], phrases: set[int]) -> set[int]:
    """Bounds of vendor words, of which at least one side is written without blanks."""
    if not _tell_words(text, starts):
        return {at for at in phrases if _touches_unspaced(text, at)}
    found = {at for at in starts if _touches_unspaced(text, at)}
    edges = [0, *starts, len(text)]
    for start, stop in pairwise(edges):
        if cells(text[start:stop]) > _LONG_WORD_CELLS:
            found |= {at for at in phrases if start < at < stop and _touches_unspaced(text, at)}
    return found


def _tell_words(text: str, starts: list[int]) -> bool:
    """Whether the vendor's bounds are those of words: not of single characters, nor of whole clauses."""
    inner = 1 + sum(_touches_unspaced(text, at) for at in starts)
    unspaced = len(_UNSPACED.findall(text))
    return inner > 1 and _WORDS_ARE_SYLLABLES <= unspaced / inner <= _LONG_WORD_CELLS


def _touches_unspaced(text: str, at: int) -> bool:
    return bool(_UNSPACED.match(text[at - 1]) or _UNSPACED.match(text[at]))


def _permitted(text: str, found: Iterable[int]) -> list[int]:
    """What kinsoku, grapheme clusters and Latin words allow."""
    whole = set(graphemes.boundaries(text))
    return sorted(
        at
        for at in found
        if at in whole
        and text[at] != " "
        and text[at] not in NEVER_FIRST
        and text[at - 1] not in NEVER_LAST
        and not (_is_latin(text[at - 1]) and _is_latin(text[at]))
    )


def _is_latin(sign: str) -> bool:
    """Part of a word, number or address that is written without blanks inside."""
    return sign.isascii() and not sign.isspace() and sign not in CLAUSE_MARKS + ")]}?!"


def _with_long_pieces_split(text: str, positions: list[int], rules: ScriptRules) -> list[int]:
    """Adds breaks to a piece that is wider than a line: at / . - _ ? &, else between clusters, in equal parts."""
    edges, found = [0, *positions, len(text)], list(positions)
    for start, stop in pairwise(edges):
        piece = text[start:stop].rstrip()
        if cells(piece) > rules.line_cells:
            found += [start + at for at in _parts_of(piece, rules.line_cells)]
    return sorted(found)


_JOINT = re.compile("schafts?|ungs|heits|keits|täts|ions|tums|-")
"""Where a German compound has a joint."""


def _parts_of(piece: str, limit: int) -> list[int]:
    """Where to cut a piece into parts of at most `limit` cells, which are about equally wide."""
    clusters = [0, *graphemes.boundaries(piece), len(piece)]
    widths = [0, *accumulate(cells(piece[start:stop]) for start, stop in pairwise(clusters))]
    joints = {match.end() for match in _JOINT.finditer(piece)}
    found: list[int] = []
    start, total = 0, widths[-1]
    while total - widths[start] > limit:
        target = widths[start] + (total - widths[start]) / -(-(total - widths[start]) // limit)
        stop = max(start + 1, bisect_right(widths, widths[start] + limit) - 1)
        choices = range(start + 1, min(stop, len(clusters) - 2) + 1)
        if not choices:
            break
        start = min(choices, key=lambda at: (_class(piece, clusters[at], joints), abs(widths[at] - target)))
        found.append(clusters[start])
    return found


def _class(piece: str, at: int, joints: set[int]) -> int:
    """How good a cut inside of a word is: after / . - _ ? &, then at the joint of a compound, then elsewhere."""
    if piece[at] in NEVER_FIRST or piece[at - 1] in NEVER_LAST:
        return 3
    if piece[at - 1] in "/.-_?&=–—‐" and piece[at].isalnum():
        return 0
    return 1 if at in joints else 2


@lru_cache(maxsize=8)
def _budoux(name: str) -> Any:
    """A BudouX parser, or None where the package is not installed. Imported late: only some scripts need it."""
    try:
        import budoux
    except ImportError:
        return None
    load = {
        "th": budoux.load_default_thai_parser,
        "ja": budoux.load_default_japanese_parser,
        "zh": budoux.load_default_simplified_chinese_parser,
    }
    return load[name]()


def _phrase_starts(text: str, script: Script) -> list[int]:
    """Where the phrases begin that BudouX finds; where it knows no such text, every few clusters."""
    name = {Script.JAPANESE: "ja", Script.CHINESE: "zh"}.get(script, "th")
    parser = _budoux(name)
    unknown = name == "th" and _SOUTH_EAST_ASIAN.search(text) and not _THAI.search(text)
    if parser is None or unknown:
        return graphemes.boundaries(text)[SYLLABLE_CLUSTERS - 1 :: SYLLABLE_CLUSTERS]
    found, at = [], 0
    for phrase in parser.parse(text):
        at += len(phrase)
        found.append(at)
    return found[:-1]


_TRIMMED = OPENING_MARKS + CLOSING_MARKS + SENTENCE_MARKS + CLAUSE_MARKS
_NUMBER = re.compile(r"^[\W_]*\d[\d.,:/]*$")
_INITIAL = re.compile(r"^(?:[^\W\d_]\.)+$")
_TITLES = frozenset(
    "mr. mrs. ms. dr. prof. st. mt. sr. sra. hr. fr. frau herr m. mme. no. nr. fig. vs. т. г. ул. д-р".split()
)
_UNITS = frozenset(
    "% ‰ ° °c °f km m cm mm nm kg g mg t l ml km/h mph kw kwh w v a hz khz mhz ghz kb mb gb tb s ms min h am pm"
    " a.m. p.m. percent euro euros eur usd dollars pounds pence million billion thousand millionen prozent ₽ € $ £"
    " करोड़ लाख 원 명 개 년 월 일 시 분 сек мин млн тыс руб".split()
)


def quality(before: str, after: str, rules: ScriptRules, language: str, is_phrase: bool) -> Break:
    """How good the break between two neighbouring pieces of a sentence is. `before` may end in a blank."""
    left, right = before.rstrip(), after.strip()
    core = left.rstrip(CLOSING_MARKS)
    last, first = left.split(" ")[-1], right.split(" ")[0]
    if core and core[-1] in SENTENCE_MARKS:
        if last.lower() in _TITLES or (_INITIAL.match(last.strip(OPENING_MARKS + CLOSING_MARKS)) and rules.spaced):
            return Break.TIED
        if core[-1] != "." or not first[:1].islower():
            return Break.SENTENCE
    if core and core[-1] in CLAUSE_MARKS:
        return Break.CLAUSE
    if _is_tied(before, last, first, rules):
        return Break.TIED
    return _between(before, last, first, rules, language, is_phrase)


def _is_tied(before: str, last: str, first: str, rules: ScriptRules) -> bool:
    """Whether the break is inside of a word, or parts a number from its unit."""
    if rules.spaced and not before.endswith((" ", "\u200b")):
        return True
    unit = first.rstrip(SENTENCE_MARKS + CLAUSE_MARKS).lower()
    if _NUMBER.match(last):
        return unit in _UNITS or bool(_NUMBER.match(first) and len(unit) == 3) or (not rules.spaced and unit.isalnum())
    return False


def _between(before: str, last: str, first: str, rules: ScriptRules, language: str, is_phrase: bool) -> Break:
    last, first = last.strip(_TRIMMED).lower(), first.strip(_TRIMMED).lower()
    avoided = starts_to_avoid(language)
    if last in enders_to_avoid(language) or first in starters_to_avoid(language) or first.startswith(avoided):
        return Break.WEAK
    if not rules.spaced:
        if before.endswith(" "):
            return Break.CLAUSE
        return Break.WORD if is_phrase else Break.WEAK
    return Break.PHRASE if first in good_starters(language) else Break.WORD
