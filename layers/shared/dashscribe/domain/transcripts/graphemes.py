"""Grapheme clusters: what a reader takes for one character, and which is never torn.

This follows Unicode Standard Annex 29 (https://www.unicode.org/reports/tr29/), extended grapheme clusters, with the
categories of the standard library instead of the annex's own tables. Where the two differ, a cluster here is longer.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_JOINER = "\u200d"
_SPACING = "\u0e33\u0eb3"  # Thai and Lao am: letters by category, marks in the annex
_VIRAMAS = frozenset("\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u17d2")
_PLAIN = re.compile("[\u0000-\u02ff\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\u3001-\u3029\uff01-\uff60]*")
"""Text in which each character is a cluster of its own."""


def boundaries(text: str) -> list[int]:
    """The positions in `text` at which a cluster begins, without 0 and the end."""
    if _PLAIN.fullmatch(text) and "\r\n" not in text:
        return list(range(1, len(text)))
    found = []
    flags = 0  # whether an odd number of regional indicators stands before this position
    linked = False  # whether a virama stands before this position, perhaps with other marks after it
    for at in range(1, len(text)):
        before, sign = text[at - 1], text[at]
        flags = (flags + 1) % 2 if _is_regional(before) else 0
        linked = before in _VIRAMAS or (linked and _extends(before))
        if not (linked and unicodedata.category(sign) == "Lo") and not _is_joined(before, sign, flags):
            found.append(at)
    return found


@lru_cache(maxsize=8192)
def _is_joined(before: str, sign: str, flags: int) -> bool:
    if before == "\r" and sign == "\n":
        return True
    if _is_control(before) or _is_control(sign):
        return False
    if _extends(sign) or before == _JOINER or _is_prepended(before):
        return True
    if _is_regional(sign):
        return flags == 1
    return _is_one_syllable(before, sign)


def _extends(sign: str) -> bool:
    return (
        sign == _JOINER
        or sign == "\u200c"
        or is_mark(sign)
        or "\U0001f3fb" <= sign <= "\U0001f3ff"
        or "\U000e0020" <= sign <= "\U000e007f"
        or sign in "\uff9e\uff9f"
    )


def is_mark(sign: str) -> bool:
    """Whether a character is a combining mark."""
    return sign in _SPACING or unicodedata.category(sign) in ("Mn", "Me", "Mc")


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Zl", "Zp")


def _is_regional(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"


def _is_prepended(sign: str) -> bool:
    return "\u0600" <= sign <= "\u0605" or sign in "\u06dd\u070f\u08e2\u0d4e\U000110bd\U000110cd"


def _is_one_syllable(before: str, sign: str) -> bool:
    """Hangul written in letters (jamo): L × (L, V, LV, LVT), (LV, V) × (V, T), (LVT, T) × T."""
    first, second = _hangul_type(before), _hangul_type(sign)
    return (first, second) in _SYLLABLE


_SYLLABLE = frozenset(
    [("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"), ("LV", "V"), ("LV", "T"), ("V", "V"), ("V", "T")]
    + [("LVT", "T"), ("T", "T")]
)


def _hangul_type(sign: str) -> str:
    if "\u1100" <= sign <= "\u115f" or "\ua960" <= sign <= "\ua97c":
        return "L"
    if "\u1160" <= sign <= "\u11a7" or "\ud7b0" <= sign <= "\ud7c6":
        return "V"
    if "\u11a8" <= sign <= "\u11ff" or "\ud7cb" <= sign <= "\ud7fb":
        return "T"
    if "\uac00" <= sign <= "\ud7a3":
        return "LV" if (ord(sign) - 0xAC00) % 28 == 0 else "LVT"
    return ""
