"""Decode the escapes of a text, at every depth, and tell where each decoded character was in the original text.

Escapes are those of percent-encoding, JSON, HTML, quoted-printable and Python's `repr`, and a line that was broken in
the middle of a word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

Span = tuple[int, int]

MAX_DECODINGS = 6
"""How many mixed encodings are decoded, one after the other. Repeated percent-encoding counts as one."""


class _Run(NamedTuple):
    """Decoded characters: their place and number, and where they were before, `width` characters each."""

    place: int
    characters: int
    start: int
    width: int


_ESCAPE_FORMS = r"""(?P<percent>(?:%(?!25)[0-7][0-9A-Fa-f])+)
      | (?P<percent_signs>(?:%25(?![0-9A-Fa-f]))+)
      | (?P<repeated_percent>%(?:25)+[0-7][0-9A-Fa-f])
      | %u00(?P<percent_unicode>[0-7][0-9A-Fa-f])
      | (?<!\\)(?: (?P<escaped>(?:\\["'/ntr])+)
                 | (?P<unicode>(?:\\u[0-9A-Fa-f]{4})+)
                 | \\(?P<octal>[01][0-7]{2})
                 | \\++(?:(?P<repeated_unicode>u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})|(?P<repeated_escaped>["'/ntr])) )
      | (?P<ampersands>(?:&amp;)+)
      | &(?P<entity>quot|apos|lt|gt|equals|amp|colon|sol|quest|num|percnt|plus|lowbar|hyphen|period|commat|Tab|NewLine);
      | &\#0*(?P<decimal>[0-9]{1,3})(?![0-9]);?
      | &\#[xX]0*(?P<hexadecimal>[0-9A-Fa-f]{1,2})(?![0-9A-Fa-f]);?
"""
"""Runs of equal escapes are one match, because a loop over single escapes is slow."""
_RARE_FORMS = r"""
      | (?P<broken>(?<=[A-Za-z0-9%+/=_&?.~-])[A-Za-z0-9%+/_&?.~-]=?[ \t]*\r?\n[ \t]*(?=[A-Za-z0-9%+/=_&.~-]{0,99}[0-9]))
      | (?P<padded>(?:[\x21-\x7e]\0)+)
"""
"""Two parts of a word on two lines, and a text in UTF-16 that was read as another encoding. A search for these forms
looks at every character, so it is made only in a text with a line break or a NUL."""
_ESCAPED = str.maketrans("ntr", "\n\t\r")
_ENTITIES = {
    "quot": '"', "apos": "'", "lt": "<", "gt": ">", "equals": "=", "amp": "&", "colon": ":", "sol": "/", "quest": "?",
    "num": "#", "percnt": "%", "plus": "+", "lowbar": "_", "hyphen": "-", "period": ".", "commat": "@", "Tab": "\t",
    "NewLine": "\n",
}  # fmt: skip
_SIGNS = "%\\&\n\0"
"""Each escape contains one of these."""


@cache
def _compile_escapes(with_rare_forms: bool) -> re.Pattern[str]:
    return re.compile(_ESCAPE_FORMS + _RARE_FORMS if with_rare_forms else _ESCAPE_FORMS, re.VERBOSE)


class DecodedText:
    """A text, decoded some number of times. It knows where each of its characters was in the original text."""

    def __init__(self, text: str, outer: DecodedText | None = None) -> None:
        self.text = text
        self._outer = outer
        self._runs: list[_Run] = []
        self._places: list[int] = []

    def decode(self) -> DecodedText | None:
        """The text with its escapes decoded once. None if it has no escapes."""
        if not any(sign in self.text for sign in _SIGNS):
            return None
        inner = DecodedText("", self)
        parts: list[str] = []
        end = length = 0
        for escapes in _compile_escapes("\n" in self.text or "\0" in self.text).finditer(self.text):
            start = escapes.start()
            characters = _decode_escapes(escapes)
            parts += (self.text[end:start], characters)
            length += start - end
            end = escapes.end()
            inner._runs.append(_Run(length, len(characters), start, (end - start) // len(characters)))
            inner._places.append(length)
            length += len(characters)
        if not parts:
            return None
        inner.text = "".join(parts) + self.text[end:]
        return inner

    def original_start(self, index: int) -> int:
        return self.original_span(index, index + 1)[0]

    def original_span(self, start: int, end: int) -> Span:
        """The span of the original text that these characters were decoded from. It never cuts an escape."""
        if self._outer is None:
            return start, end
        return self._outer.original_span(self._locate(start)[0], self._locate(end - 1)[1])

    def _locate(self, index: int) -> Span:
        """The span of the outer text that this character was decoded from."""
        at = bisect_right(self._places, index) - 1
        if at < 0:
            return index, index + 1
        run = self._runs[at]
        offset = index - run.place
        if offset < run.characters:
            start = run.start + offset * run.width
            return start, start + run.width
        start = run.start + run.characters * run.width + offset - run.characters
        return start, start + 1


def decode_levels(text: str) -> Iterator[DecodedText]:
    """Yield the text, then the text decoded once, twice and so on."""
    level: DecodedText | None = DecodedText(text)
    for _ in range(MAX_DECODINGS):
        if level is None:
            return
        yield level
        level = level.decode()


def _decode_escapes(escapes: re.Match[str]) -> str:
    """The characters of a run of escapes of equal width."""
    kind = escapes.lastgroup or ""
    value = escapes[kind]
    match kind:
        case "percent":
            return bytes.fromhex(value.replace("%", "")).decode("ascii")
        case "percent_signs":
            return "%" * (len(value) // 3)
        case "ampersands":
            return "&" * (len(value) // 5)
        case "unicode":
            return "".join(chr(int(value[at : at + 4], 16)) for at in range(2, len(value), 6))
        case "escaped":
            return value[1::2].translate(_ESCAPED)
        case "repeated_escaped":
            return value.translate(_ESCAPED)
        case "entity":
            return _ENTITIES[value]
        case "decimal":
            return chr(int(value))
        case "octal":
            return chr(int(value, 8))
        case "padded":
            return value[::2]
        case "broken":
            return value[0]
        case "repeated_percent":
            return chr(int(value[-2:], 16))
        case "repeated_unicode":
            return chr(int(value[1:], 16))
        case _:
            return chr(int(value, 16))
