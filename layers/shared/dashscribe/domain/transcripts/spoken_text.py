"""What counts as spoken text, and how its parts are joined in each script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category that show nothing: the Hangul fillers and the empty Braille pattern."""
_CJK = (
    "\u2e80-\u2fdf\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
)
_SOUTH_EAST_ASIAN = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
_BREAKABLE_BLANKS = re.compile("[^\\S\u00a0\u2007\u202f]+")
_NO_LETTERS = re.compile(r"[\W_]+")
_JOINED_TO_THE_LEFT = ("Pe", "Pf", "Pd", "Mn", "Mc", "Me")
_JOINED_TO_THE_RIGHT = ("Ps", "Pi")
_CLOSING = frozenset(".,;:!?%'’…")


def is_visible(text: str) -> bool:
    """Whether a reader sees anything of the text: blanks, marks on their own and control characters are no text."""
    return any(map(_is_visible, text))


def _is_visible(sign: str) -> bool:
    return (sign.isalnum() and sign not in _INVISIBLE) or (
        unicodedata.category(sign)[0] not in "CZM" and sign not in _INVISIBLE
    )


def with_single_blanks(text: str) -> str:
    """The text without blanks around it, and with one blank where it has several. A no-break space stays what it is,
    because no line ends there (French `«\u202foui\u202f»`)."""
    return _BREAKABLE_BLANKS.sub(" ", text).strip()


def only_letters(text: str) -> str:
    """The letters and digits of a text, to compare two texts regardless of blanks and punctuation."""
    return _NO_LETTERS.sub("", text)


def join_sentences(texts: Iterable[str]) -> str:
    """Join sentences: no blank between Chinese or Japanese ones, a blank between others unless they have one."""
    return _join(texts, _pattern(_CJK), is_symmetric=False)


def join_words(texts: Iterable[str]) -> str:
    """Join words: a blank between them, unless they have one or their script has none."""
    return _join(texts, _pattern(_CJK + _SOUTH_EAST_ASIAN), is_symmetric=True)


@cache
def _pattern(scripts: str) -> re.Pattern[str]:
    """It takes 2 ms, so it is compiled with the first text and not when a function starts."""
    return re.compile(f"[{scripts}]")


def _join(texts: Iterable[str], no_blank: re.Pattern[str], *, is_symmetric: bool) -> str:
    parts: list[str] = []
    for text in texts:
        if parts and text and _needs_blank(parts[-1], text, no_blank, is_symmetric):
            parts.append(" ")
        if text:
            parts.append(text)
    return "".join(parts)


def _needs_blank(before: str, after: str, no_blank: re.Pattern[str], is_symmetric: bool) -> bool:
    last, first = before[-1], after[0]
    if last.isspace() or first.isspace() or first in _CLOSING:
        return False
    if unicodedata.category(first) in _JOINED_TO_THE_LEFT or unicodedata.category(last) in _JOINED_TO_THE_RIGHT:
        return False
    if no_blank.match(last) or (is_symmetric and no_blank.match(first)):
        return False
    return not (no_blank.match(_last_letter(before)) and no_blank.match(first))


def _last_letter(text: str) -> str:
    return next((sign for sign in reversed(text) if sign.isalnum()), "")
