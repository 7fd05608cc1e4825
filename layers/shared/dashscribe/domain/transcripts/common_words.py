"""Finds the common words of a Chinese or Thai text, so that no line breaks inside of one.

BudouX looks at a few characters around a position and tears some words that it has not seen. A list of the commonest
words prevents that. A text is divided into the words that are the most probable together, where a word's frequency
follows from its rank in the list (Zipf's law).
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from importlib import resources
from itertools import pairwise

from dashscribe.domain.transcripts.script_rules import HAN

LISTS = "dashscribe.domain.transcripts.word_lists"
_RUNS = {"zh": re.compile(f"[{HAN}]{{2,}}"), "th": re.compile("[\u0e01-\u0e4e]{2,}")}
_ENCLITICS = frozenset("们完掉着了过吗呢吧啊呀嘛")
"""Chinese endings, which belong to the word before them: plural, completed or continued action, question."""
_COST_OF_A_WORD = 2.5
"""Fewer words are more probable than many. This is the logarithm of the sum of 1/rank over all words."""


def positions_in_words(text: str, language: str) -> set[int]:
    """The positions inside of the common words of a text. `language` is "zh" for both kinds of Chinese, or "th"."""
    costs, longest, unknown = _costs(language)
    if language == "zh":
        text = text.translate(_simplified())
    found: set[int] = set()
    for run in _RUNS[language].finditer(text):
        for start, stop in pairwise(_words(run[0], costs, longest, unknown)):
            is_enclitic = start > 0 and run[0][start:stop] in _ENCLITICS
            found.update(range(run.start() + start + (0 if is_enclitic else 1), run.start() + stop))
    return found


def _words(run: str, costs: dict[str, float], longest: int, unknown: float) -> list[int]:
    """The bounds of the cheapest sequence of words, with 0 and the end."""
    best, before = [0.0], [0]
    for stop in range(1, len(run) + 1):
        least, place = best[stop - 1] + costs.get(run[stop - 1], unknown), stop - 1
        for start in range(max(0, stop - longest), stop - 1):
            cost = costs.get(run[start:stop])
            if cost is not None and best[start] + cost < least:
                least, place = best[start] + cost, start
        best.append(least)
        before.append(place)
    bounds = [len(run)]
    while bounds[-1]:
        bounds.append(before[bounds[-1]])
    return bounds[::-1]


@lru_cache(maxsize=2)
def _costs(language: str) -> tuple[dict[str, float], int, float]:
    """The cost of each word, the length of the longest, and the cost of a character that is in no word."""
    words = _lines(f"{language}.txt")
    costs = {word: math.log(rank) + _COST_OF_A_WORD for rank, word in enumerate(words, start=1)}
    return costs, max(map(len, words)), math.log(len(words)) + _COST_OF_A_WORD


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    """The simplified form of each traditional character, by its code point."""
    traditional, simplified = _lines("zh_traditional.txt")
    return dict(zip(map(ord, traditional), simplified, strict=True))


def _lines(name: str) -> list[str]:
    text = resources.files(LISTS).joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]
