"""Finds the words of a text that is written without blanks, where the vendor does not tell them.

BudouX (https://github.com/google/budoux) has models for Chinese, Japanese and Thai. For Lao, Khmer and Burmese, which
have none, words are found by the commonest function words of the language, and syllables by its spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

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
    model = _budoux(name)
    if model is None:
        return WordStarts(graphemes.boundaries(text)[SYLLABLE_CLUSTERS - 1 :: SYLLABLE_CLUSTERS], frozenset())
    bounds = model.bounds(text)
    if name != "ja":
        inside = positions_in_words(text, name[:2])
        bounds = [bound for bound in bounds if bound[0] not in inside]
    return WordStarts([at for at, _ in bounds], frozenset(at for at, score in bounds if score > DOUBTFUL))


class _Model:
    """The features of a BudouX model. `budoux.Parser` tells the bounds without their scores."""

    NAMES = "UW1 UW2 UW3 UW4 UW5 UW6 BW1 BW2 BW3 TW1 TW2 TW3 TW4".split()

    def __init__(self, features: dict[str, dict[str, int]]) -> None:
        self._scorers = [features.get(name, {}).get for name in self.NAMES]
        self._base = -sum(sum(weights.values()) for weights in features.values()) * 0.5

    def bounds(self, text: str) -> list[tuple[int, float]]:
        """Where BudouX parts the text, with the score of each position."""
        uw1, uw2, uw3, uw4, uw5, uw6, bw1, bw2, bw3, tw1, tw2, tw3, tw4 = self._scorers
        found = []
        padded = f"\0\0{text}\0\0"  # no feature contains U+0000
        for at in range(1, len(text)):
            one, two, three, four, five, six = (padded[at - 1], *padded[at : at + 5])
            score = self._base + uw1(one, 0) + uw2(two, 0) + uw3(three, 0) + uw4(four, 0) + uw5(five, 0) + uw6(six, 0)
            score += bw1(two + three, 0) + bw2(three + four, 0) + bw3(four + five, 0)
            score += tw1(one + two + three, 0) + tw2(two + three + four, 0)
            score += tw3(three + four + five, 0) + tw4(four + five + six, 0)
            if score > 0:
                found.append((at, score))
        return found


@lru_cache(maxsize=4)
def _budoux(name: str) -> _Model | None:
    """A model of BudouX; None where the package is not installed. It is imported late: only some scripts need it."""
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
    return _Model(load[name]().model)


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
