"""Apply `special_word_filter` to a result document (docs/vendor-api.md#sensitive-word-filter).

The vendor's own list of sensitive words (`system_reserved_filter`) is not public, so the simulator has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_WORD_CHARACTER = "[A-Za-z0-9]"


def read_word_filter(given: object) -> tuple[list[str], list[str]]:
    """Return the words to replace by asterisks and the words to remove. `given` is a JSON text or an object; what
    cannot be read names no words."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return [], []
    return _word_list(given, "filter_with_signed"), _word_list(given, "filter_with_empty")


def _word_list(filters: object, name: str) -> list[str]:
    part = filters.get(name) if isinstance(filters, dict) else None
    words = part.get("word_list") if isinstance(part, dict) else None
    return [word for word in words if isinstance(word, str) and word] if isinstance(words, list) else []


def filter_words(sentences: list[dict[str, Any]], replaced: Iterable[str], removed: Iterable[str]) -> None:
    """Change the texts of the sentences and of their words, and drop the words and sentences of which nothing
    remains."""
    masks, gaps = _pattern(replaced), _pattern(removed)
    for sentence in sentences:
        if masks is not None:
            _edit(sentence, masks, lambda character: character if character.isspace() else "*")
        if gaps is not None:
            _edit(sentence, gaps, lambda _: "")
            sentence["words"] = _without_empty(sentence["words"])
            sentence["text"] = _join(sentence["words"])
    sentences[:] = [sentence for sentence in sentences if sentence["words"]]
    for number, sentence in enumerate(sentences, 1):
        sentence["sentence_id"] = number


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Match whole words. Scripts without blanks between words have no word boundaries."""
    parts = [
        (f"(?<!{_WORD_CHARACTER})" if re.match(_WORD_CHARACTER, word) else "")
        + re.escape(word)
        + (f"(?!{_WORD_CHARACTER})" if re.match(_WORD_CHARACTER, word[-1]) else "")
        for word in sorted(words, key=len, reverse=True)
    ]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _edit(sentence: dict[str, Any], pattern: re.Pattern[str], change: Any) -> None:
    """Replace each character of each match, in the word that it belongs to."""
    words = sentence["words"]
    places = [
        (word, field, at) for word in words for field in ("text", "punctuation") for at in range(len(word[field]))
    ]
    characters = {id(word): {field: list(word[field]) for field in ("text", "punctuation")} for word in words}
    whole = _join(words)
    for match in pattern.finditer(whole):
        for word, field, at in places[match.start() : match.end()]:
            characters[id(word)][field][at] = change(word[field][at])
    for word in words:
        word |= {field: "".join(kept) for field, kept in characters[id(word)].items()}
    sentence["text"] = _join(words)


def _without_empty(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the words without text. Their punctuation goes to the word before them."""
    kept: list[dict[str, Any]] = []
    for word in words:
        if word["text"].strip():
            kept.append(word)
        elif kept:
            kept[-1]["punctuation"] = kept[-1]["punctuation"].rstrip() + word["punctuation"]
    if kept:
        kept[0]["text"] = kept[0]["text"].lstrip()
    return kept


def _join(words: list[dict[str, Any]]) -> str:
    return "".join(word["text"] + word["punctuation"] for word in words)
