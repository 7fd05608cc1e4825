"""Finds the words of a text that is written without blanks, where the vendor does not tell them.

BudouX (https://github.com/google/budoux) has models for Chinese, Japanese and Thai. For Lao, Khmer and Burmese, which
have none, words are found by the commonest function words of the language, and syllables by its spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashscribe.domain.transcripts import graphemes
from dashscribe.domain.transcripts.common_words import positions_in_words
from dashscribe.domain.transcripts.script_rules import Script

DOUBTFUL = 600
"""BudouX scores each position, and a positive score is a bound. Of the bounds with a lower score than this, about one
in four is inside a word."""
SYLLABLE_CLUSTERS = 3
"""Where nothing tells the words, a bound may come after so many grapheme clusters."""


@dataclass(frozen=True, slots=True)
class WordStarts:
    """Positions in a text at which a word or a phrase begins, without 0 and the end. `sure` is a part of `possible`."""

    possible: list[int]
    sure: frozenset[int]


def word_starts(text: str, script: Script) -> WordStarts:
    """The words of a text, as far as they can be told. A text of another script has bounds between its clusters."""
    if script is Script.SOUTH_EAST_ASIAN and not _THAI.search(text):
        return _by_spelling(text)
    name = {Script.JAPANESE: "ja", Script.SOUTH_EAST_ASIAN: "th"}.get(script) or _chinese(text)
    parsers = _budoux(name)
    if parsers is None:
        return WordStarts(graphemes.boundaries(text)[SYLLABLE_CLUSTERS - 1 :: SYLLABLE_CLUSTERS], frozenset())
    possible, sure = (_bounds(parser.parse(text)) for parser in parsers)
    if name != "ja":
        inside = positions_in_words(text, name[:2])
        possible = [at for at in possible if at not in inside]
        sure = [at for at in sure if at not in inside]
    return WordStarts(possible, frozenset(sure))


def _bounds(phrases: list[str]) -> list[int]:
    found, at = [], 0
    for phrase in phrases[:-1]:
        at += len(phrase)
        found.append(at)
    return found


@lru_cache(maxsize=4)
def _budoux(name: str) -> tuple[Any, Any] | None:
    """Two BudouX parsers, of all bounds and of those without doubt; None where the package is not installed.

    It is imported late, because only some scripts need it. The base score of a parser is minus half the sum of its
    weights, so a weight of a feature that does not exist lowers each score by half of that weight.
    """
    try:
        import budoux
    except ImportError:
        return None
    load = {
        "th": budoux.load_default_thai_parser,
        "ja": budoux.load_default_japanese_parser,
        "zh-hans": budoux.load_default_simplified_chinese_parser,
        "zh-hant": budoux.load_default_traditional_chinese_parser,
    }
    parser = load[name]()
    return parser, budoux.Parser({**parser.model, "doubt": {"": 2 * DOUBTFUL}})


_TRADITIONAL = re.compile(
    "[們個這來時說會對為國學樣還過後麼點樂觀關門話語請謝讓認識書電車長東馬頭類裡邊與從應當經發現實際網聽覺總結]"
)
_SIMPLIFIED = re.compile(
    "[们个这来时说会对为国学样还过后么点乐观关门话语请谢让认识书电车长东马头类里边与从应当经发现实际网听觉总结]"
)


def _chinese(text: str) -> str:
    """The Chinese that a text is written in, by which of the commonest characters that differ it has more of."""
    only_traditional = set(_TRADITIONAL.findall(text)) - set(_SIMPLIFIED.findall(text))
    only_simplified = set(_SIMPLIFIED.findall(text)) - set(_TRADITIONAL.findall(text))
    return "zh-hant" if len(only_traditional) > len(only_simplified) else "zh-hans"


_THAI = re.compile("[\u0e00-\u0e7f]")
_SYLLABLE = re.compile(
    "[\u0ec0-\u0ec4][\u0e81-\u0eae\u0edc\u0edd]|[\u0e81-\u0eae\u0edc\u0edd](?=[\u0eb0-\u0ebd\u0ec8-\u0ecd])"
    "|[\u1780-\u17b3](?=(?:\u17d2[\u1780-\u17b3])*[\u17b6-\u17c8])"
    "|(?<![\u1039\u1021])[\u1000-\u102a\u103f\u104c-\u104f](?![\u103a\u1039])(?!\u1037\u103a)"
)
"""Lao, Khmer: a consonant with a vowel of its own; one without ends the syllable before. Lao writes some vowels first.
Burmese: a consonant that is not silenced, after anything but the prefix \u1021."""
_BEGINS = re.compile(
    "ແລະ|ທີ່|ໃນ|ຂອງ|ຈະ|ເປັນ|ມີ|ໂດຍ|ຈາກ|ໃຫ້|ກັບ|ການ|ຄວາມ|ບໍ່|ແຕ່|ຫຼື|ເພື່ອ|ວ່າ|ພວກເຮົາ|ຂ້ອຍ|ເຂົາ|ມັນ|ນັກ|ກ່ຽວກັບ|ຕ້ອງ|ຄວນ|ຢູ່|ເຖິງ|ຖ້າ|ເມື່ອ|ເພາະ|ໃຊ້|ປະມານ|ປະເທດ"
    "|និង|ដែល|នៅ|ក្នុង|នៃ|បាន|ត្រូវ|មាន|ដោយ|ទៅ|មក|ឱ្យ|សម្រាប់|ប៉ុន្តែ|ហើយ|ដើម្បី|យើង|ខ្ញុំ|គាត់|ពួក|អ្នក|មិន|នឹង|អំពី|ជាមួយ|នេះ|នោះ"
)
"""Lao and Khmer: conjunctions, prepositions, pronouns and auxiliaries. A word ends before each, and mostly one begins
after it."""
_ENDS = re.compile("(?:ကို|မှာ|တွေ|နဲ့|ရဲ့|သည်|တယ်|မယ်|သို့|ဖြင့်|နှင့်|ပြီး|လို့|တော့|ဟာ|တို့|အတွက်|ကြောင့်|ခြင်း|အဖြစ်)")
"""Burmese: particles, after which a word ends."""


def _by_spelling(text: str) -> WordStarts:
    syllables = sorted({match.start() for match in _SYLLABLE.finditer(text)} - {0})
    begun = {match.start() for match in _BEGINS.finditer(text)}
    after = {match.end() for match in _BEGINS.finditer(text)}
    ended = {match.end() for match in _ENDS.finditer(text)}
    sure = begun | ended & set(syllables)
    return WordStarts(sorted(sure.union(syllables, after) - {0, len(text)}), frozenset(sure))
