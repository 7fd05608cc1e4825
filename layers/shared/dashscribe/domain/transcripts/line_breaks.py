"""Where a line may break, and how good a break there is.

The opportunities follow Unicode Standard Annex 14 (https://www.unicode.org/reports/tr14/): after blanks, and between
the characters of the scripts that are written without blanks. Inside those scripts a break is allowed only between
words: those of the vendor where it times words, else those that BudouX finds. Kinsoku rules and grapheme clusters
always hold.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from itertools import accumulate, pairwise

from dashscribe.domain.transcripts import graphemes
from dashscribe.domain.transcripts.phrase_words import (
    enders_to_avoid,
    good_starters,
    starters_to_avoid,
    starts_to_avoid,
)
from dashscribe.domain.transcripts.script_rules import HAN, KANA, Script, ScriptRules, cells
from dashscribe.domain.transcripts.unspaced_words import WordStarts, word_starts

SENTENCE_MARKS = ".?!。？！｡．…।॥؟۔។။‽"
CLAUSE_MARKS = ",;:、，；：､،؛—–၊"
OPENING_MARKS = "([{«‹“„‘‚「『（【《〈［｛〔〖¿¡｢"
CLOSING_MARKS = ")]}»›”’」』）】》〉］｝〕〗｣\"'"
ENDING_MARKS = CLOSING_MARKS + "“‘«"
"""What may close a sentence: after a word, German closes with “ and «, which open in most languages."""
NEVER_FIRST = frozenset(
    ",.!?;:%‰°)]}»›”’、，。．！？；：％）］｝」』】》〉〕〗…‥・·ーｰ～〜"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ々〻ゝゞヽヾ゛゜"
    "｡､｣･ｧｨｩｪｫｬｭｮｯﾞﾟๆຯໆฯ।॥؟،؛۔។៕ៗ၊။"
    "ะาๅະາຽ"
)
"""Kinsoku: marks that no line begins with (JIS X 4051, CLREQ; UAX 14 classes CL, CP, EX, IS, NS, CJ, PO), and the
vowels of Thai and Lao that are letters but written after their consonant."""
NEVER_LAST = frozenset(OPENING_MARKS + "$￥¥£€₩#＃＄￡" + "เแโใไເແໂໃໄ")
"""Kinsoku: marks that no line ends with (UAX 14 classes OP and PR), and the vowels of Thai and Lao that are written
before their consonant."""


_OPENING = tuple(OPENING_MARKS)
_OPENS = re.compile(r"(?:^|(?<= ))[(\[{«‹¿¡] $")
"""A mark between blanks that opens what follows (French `« oui »`, but not German `»ja«`)."""


class Break(IntEnum):
    """How good a break is, from the best to the worst."""

    SENTENCE = 0
    CLAUSE = 1
    PHRASE = 2
    WORD = 3
    WEAK = 4
    TIED = 5


_UNSPACED = re.compile(f"[{HAN}{KANA}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u303f\uff01-\uff60]")
_WORDS_ARE_CHARACTERS = 1.3
"""Vendor words that have fewer grapheme clusters than this on average are characters and tell nothing of words."""
_LONG_WORD_CELLS = 16
"""A vendor word without blanks that is wider than this is a phrase, and may break at the words inside."""


def opportunities(text: str, vendor_starts: Iterable[int], rules: ScriptRules) -> tuple[list[int], frozenset[int]]:
    """The positions at which `text` may break, and those of them that are phrase bounds too.

    `vendor_starts` are the positions at which the vendor's words begin; none where it gives no words.
    """
    found = {at + 1 for at, sign in enumerate(text) if sign in " \u200b" and 0 < at + 1 < len(text)}
    phrases: frozenset[int] = frozenset()
    if not rules.spaced:
        clusters = graphemes.boundaries(text)
        starts = [at for at in vendor_starts if 0 < at < len(text)]
        if not _tell_words(text, starts, clusters):
            words = word_starts(text, rules.script)
            found.update(at for at in words.possible if _touches_unspaced(text, at))
            phrases = words.sure
        elif rules.script is Script.SOUTH_EAST_ASIAN:
            found.update(_vendor_bounds(text, starts, lambda: word_starts(text, rules.script)))
            phrases = frozenset(starts)
        else:
            words = word_starts(text, rules.script)
            found.update(_vendor_bounds(text, starts, lambda: words))
            phrases = frozenset(words.possible)
    positions = _permitted(text, found)
    return _with_long_pieces_split(text, positions, rules), phrases


def _vendor_bounds(text: str, starts: list[int], words: Callable[[], WordStarts]) -> Iterator[int]:
    """Bounds of vendor words, of which at least one side is written without blanks. A long one is divided at words."""
    yield from (at for at in starts if _touches_unspaced(text, at))
    for start, stop in pairwise([0, *starts, len(text)]):
        if cells(text[start:stop]) > _LONG_WORD_CELLS:
            yield from (at for at in words().possible if start < at < stop and _touches_unspaced(text, at))


def _tell_words(text: str, starts: list[int], clusters: list[int]) -> bool:
    """Whether the vendor's bounds are those of words: not of single characters, nor of whole clauses."""
    inner = 1 + sum(_touches_unspaced(text, at) for at in starts)
    unspaced = sum(bool(_UNSPACED.match(text[at])) for at in (0, *clusters))
    return inner > 1 and _WORDS_ARE_CHARACTERS <= unspaced / inner <= _LONG_WORD_CELLS


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
        and not (text[at - 1] == " " and text[at - 2 : at - 1] in _OPENING and _OPENS.search(text, max(0, at - 3), at))
        and not (_is_latin(text[at - 1]) and _is_latin(text[at]))
    )


def _is_latin(sign: str) -> bool:
    """Part of a word, number or address that is written without blanks inside."""
    return sign.isascii() and not sign.isspace() and sign not in CLAUSE_MARKS + ")]}?!"


def _with_long_pieces_split(text: str, positions: list[int], rules: ScriptRules) -> list[int]:
    """Adds breaks to a piece that is wider than a line: after / . - _ ? &, else inside of a word that no line holds."""
    edges, found = [0, *positions, len(text)], list(positions)
    for start, stop in pairwise(edges):
        piece = text[start:stop].rstrip()
        if cells(piece) > rules.line_cells:
            found += [start + at for at in _parts_of(piece, rules.line_cells)]
    return sorted(found)


_TRIMMED = OPENING_MARKS + CLOSING_MARKS + SENTENCE_MARKS + CLAUSE_MARKS
WHOLE_WORD_LINES = 1.5
"""A word of up to so many lines stays whole on a line of its own, which players still show. A longer one is divided,
because players would cut it off or wrap it anywhere."""
_JOINT = re.compile(
    "schafts?|ungs|heits|keits|täts|ions|tums|-"
    "|(?:ション|ー(?![シジ]ョ))(?=[\u30a1-\u30f4])|[\u3041-\u3096](?=[\u30a1-\u30f4\u4e00-\u9fff])"
)
"""Where a German compound has a joint, where one that is written in katakana may have one (but コミュニケーション), and
where Japanese words that are written in kanji or katakana begin after hiragana."""
_NOT_IN_A_WORD = re.compile(
    f"[{HAN}\u3041-\u309f\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2190-\u2bff\U0001f000-\U0001faff]"
)
"""Characters between which a break tears no word as written with blanks: ideographs, syllables, symbols."""


def _parts_of(piece: str, limit: int) -> list[int]:
    """Where to cut a piece into parts of at most `limit` cells, which are about equally wide. A word stays whole if it
    has at most `WHOLE_WORD_LINES` times as many."""
    clusters = [0, *graphemes.boundaries(piece), len(piece)]
    widths = [0, *accumulate(cells(piece[start:stop]) for start, stop in pairwise(clusters))]
    joints = {match.end() for match in _JOINT.finditer(piece)}
    classes = [3, *(_class(piece, at, joints) for at in clusters[1:-1]), 0]
    found: list[int] = []
    start, last, total = 0, len(clusters) - 1, widths[-1]
    while total - widths[start] > limit:
        target = widths[start] + (total - widths[start]) / -(-(total - widths[start]) // limit)
        stop = max(start + 1, bisect_right(widths, widths[start] + limit) - 1)
        choices = range(start + 1, min(stop, last - 1) + 1)
        if not choices:
            break
        best = min(choices, key=lambda at: (classes[at], abs(widths[at] - target)))
        if classes[best] > 0:
            word_end = next(at for at in range(start + 1, last + 1) if classes[at] == 0)
            word = piece[clusters[start] : clusters[word_end]].strip(_TRIMMED)
            if not _NOT_IN_A_WORD.search(word) and cells(word) <= limit * WHOLE_WORD_LINES:
                best = word_end
        if best == last:
            break
        start = best
        found.append(clusters[start])
    return found


def _class(piece: str, at: int, joints: set[int]) -> int:
    """How good a cut inside of a word is: after / . - _ ? &, then at the joint of a compound, then elsewhere."""
    if piece[at] in NEVER_FIRST or piece[at - 1] in NEVER_LAST:
        return 3
    if piece[at - 1] in "/.-_?&=–—‐" and piece[at].isalnum():
        return 0
    return 1 if at in joints else 2


_NUMBER = re.compile(r"^[\W_]*\d[\d.,:/]*$")
_ORDINAL = re.compile(r"^[\W_]*\d{1,2}\.$")
"""A number with a dot, which in many languages counts (German `am 1. Januar`) and ends no sentence before a word."""
_ORDINAL_LANGUAGES = frozenset("de pl tr cs da no fi hu".split())
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
    core = left.rstrip(ENDING_MARKS)
    last, first = left.split(" ")[-1], right.split(" ")[0]
    if core and core[-1] in SENTENCE_MARKS:
        if last.lower() in _TITLES or (_INITIAL.match(last.strip(OPENING_MARKS + CLOSING_MARKS)) and rules.spaced):
            return Break.TIED
        if language in _ORDINAL_LANGUAGES and _ORDINAL.match(last) and first[:1].isalpha():
            return Break.WEAK
        if core[-1] != "." or not first[:1].islower():
            return Break.SENTENCE
    if core and core[-1] in CLAUSE_MARKS:
        return Break.CLAUSE
    if _is_tied(before, last, first, rules) or left.endswith(_OPENING):
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
