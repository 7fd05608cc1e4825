"""The context of a request: text that makes the model recognise names and terms better."""

from __future__ import annotations

from collections.abc import Iterator

MAX_CONTEXT_CHARACTERS = 65_536
"""The vendor allows 10,000 tokens (docs/vendor-api.md#qwen3-asr-filetrans-parameters). A token has about four
characters of English and about one of Chinese, so this refuses no text that the vendor takes."""
MAX_TURN_CHARACTERS = 400
MAX_TURNS = 5
"""The vendor cuts a longer context without an error (docs/vendor-api.md#fun-asr-flash-request)."""
CONTEXT_CUT = "CONTEXT_CUT"
"""The warning of a context of which a part is not sent."""
_SENTENCE_ENDS = "\n。！？；.!?;"
_LATEST_BREAK = 0.75
"""A turn ends at the end of a sentence that is in its last quarter, else at a blank. An earlier break would leave so
much room unused that less of the text fits."""


def split_text(text: str, size: int = MAX_TURN_CHARACTERS) -> list[str]:
    """Split a text into pieces of at most `size` characters, at the end of a sentence or at a blank if possible."""
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > size:
        end = _find_break(rest, size)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*pieces, rest]


def _find_break(text: str, size: int) -> int:
    earliest = int(size * _LATEST_BREAK)
    window = text[: size + 1]  # a blank behind the last character is a break too
    for ends in (_SENTENCE_ENDS, " \t\n\u3000,，、"):
        found = max((window.rfind(end, earliest, size) for end in ends), default=-1)
        if found >= 0:
            return found + 1
    blank = window.rfind(" ", 1)
    return blank if blank > 0 else size


def split_turns(given: object) -> object:
    """Return a text as turns of the user, and turns with no text that is too long.

    Anything else is returned unchanged, so that the model that validates it reports it.
    """
    turns = [{"role": "user", "text": given}] if isinstance(given, str) else given
    return list(_split_long_turns(turns)) if isinstance(turns, list) else turns


def _split_long_turns(turns: list[object]) -> Iterator[object]:
    for turn in turns:
        text = turn.get("text") if isinstance(turn, dict) else None
        if isinstance(turn, dict) and isinstance(text, str) and len(text) > MAX_TURN_CHARACTERS:
            yield from ({**turn, "text": piece} for piece in split_text(text))
        else:
            yield turn


def is_cut(given: object) -> bool:
    """Whether a context, as it was given, has more turns than are sent."""
    turns = split_turns(given)
    return isinstance(turns, list) and len(turns) > MAX_TURNS
