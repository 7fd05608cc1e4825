"""Read values of the vendor's JSON so that an odd value costs only itself.

An odd value is one of another type, out of any sensible range, or not storable. It counts as absent, and its JSON
pointer is collected for the warning `RESULT_PARTLY_UNDERSTOOD`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator

JsonPath = tuple[Any, ...]
"""The location of a value: `()` for the document, else `(path of the container, key or index)`.

A path is built for each value that is read, and a pointer is written for few of them, so building must be cheap.
"""
MAX_POINTERS = 10
"""How many odd values a warning names. It is part of an event and of a record."""
MAX_TIME_MS = 7 * 24 * 3600 * 1000
"""A week. No model accepts more than 12 hours (docs/vendor-api.md#file-limits), so a later time is an error."""
MAX_ID = 2**31
MAX_NUMBER_CHARACTERS = 30
"""A longer text is not read as a number."""
_CLOCK_TIME = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?", re.ASCII)
"""A time such as `00:01:02.500`."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class OddValues:
    """The values of one document that were not understood.

    `may_hide_text` is true if one of them is where the document has its text.
    """

    pointers: list[str] = field(default_factory=list)
    may_hide_text: bool = False

    def add(self, path: JsonPath, *, may_hide_text: bool = False) -> None:
        """Record a value once, up to `MAX_POINTERS` values."""
        self.may_hide_text |= may_hide_text
        if len(self.pointers) < MAX_POINTERS and (pointer := json_pointer(path)) not in self.pointers:
            self.pointers.append(pointer)


def json_pointer(path: JsonPath) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    parts: list[str] = []
    while path:
        path, key = path
        parts.append(str(key).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in reversed(parts))


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot encode, by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def read_text(value: object, path: JsonPath, odd: OddValues, *, is_speech: bool = False) -> str:
    """Return a text; empty if it is absent or odd. `is_speech` is true for text of the transcript."""
    if type(value) is str:
        if value.isascii():
            return value
        encodable = replace_surrogates(value)
        if encodable != value:
            odd.add(path)
        return encodable
    if value is not None:
        odd.add(path, may_hide_text=is_speech)
    return ""


def to_number(value: object) -> float | None:
    """Return a JSON number, or the number that a text has; None for anything else, also for infinity and NaN."""
    if isinstance(value, str) and len(value) <= MAX_NUMBER_CHARACTERS:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def to_whole_number(value: object, maximum: int) -> int | None:
    """Return the nearest whole number from 0 to `maximum`; None for any other value."""
    number = to_number(value)
    return None if number is None or not 0 <= number <= maximum else round(number)


def read_time(value: object, path: JsonPath, odd: OddValues) -> int | None:
    """Return a time or duration in whole milliseconds; None if it is absent or odd."""
    if type(value) is int and 0 <= value <= MAX_TIME_MS:
        return value
    if isinstance(value, str) and (clock := _CLOCK_TIME.fullmatch(value.strip())):
        hours, minutes, seconds, fraction = clock.groups()
        whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
        value = whole * 1000 + round(float(f"0.{fraction or 0}") * 1000)
    return _read_whole_number(value, path, odd, MAX_TIME_MS)


def read_id(value: object, path: JsonPath, odd: OddValues) -> int | None:
    """Return a number that identifies something; None if it is absent or odd."""
    return _read_whole_number(value, path, odd, MAX_ID)


def _read_whole_number(value: object, path: JsonPath, odd: OddValues, maximum: int) -> int | None:
    number = to_whole_number(value, maximum)
    if number is None and value is not None:
        odd.add(path)
    return number


def entries_of(value: dict[str, Any]) -> list[Any] | None:
    """The entries of a list that was written as an object with the indices as keys; None for any other object."""
    if not value or not all(key.isdecimal() and key.isascii() and len(key) < 10 for key in value):
        return None
    return [value[key] for key in sorted(value, key=int)]


def read_objects(
    value: object, path: JsonPath, odd: OddValues, *, is_speech: bool = False
) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
    """Yield the objects of a list with their paths. Other entries are odd.

    Speech may also be in a single object, in an object with the indices as keys, and in a list of texts.
    """
    if isinstance(value, dict) and is_speech:
        odd.add(path)
        entries = entries_of(value)
        if entries is None:
            yield path, value
            return
        value = entries
    if isinstance(value, list):
        are_texts = is_speech and all(isinstance(entry, str) for entry in value)
        for index, entry in enumerate(value):
            if isinstance(entry, dict):
                yield (path, index), entry
                continue
            odd.add((path, index), may_hide_text=is_speech and not are_texts)
            if are_texts:
                yield (path, index), {"text": entry}
    elif value is not None:
        odd.add(path, may_hide_text=is_speech)


# Annotated types for replies that pydantic reads. Their odd values are not reported, because no reply about a task is
# part of a result.


def _text_or_none(value: object) -> object:
    return replace_surrogates(value) if isinstance(value, str) else None


def _id_or_none(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text_or_none(value)


def _object_or_none(value: object) -> object:
    return value if isinstance(value, dict) else None


def _object_or_empty(value: object) -> object:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> object:
    """The objects of a list; a single object counts as a list of one.

    Anything else makes the reply unreadable, and the task is queried again: as an empty list it would say that every
    file is missing, and each of them would be submitted and paid for again.
    """
    if value is None:
        return []
    if not isinstance(value, list | dict):
        raise ValueError("must be a list")
    found = value if isinstance(value, list) else entries_of(value) or [value]
    return [entry for entry in found if isinstance(entry, dict)]


IsTextOrNone = BeforeValidator(_text_or_none)
IsObjectOrNone = BeforeValidator(_object_or_none)
IsObjectOrEmpty = BeforeValidator(_object_or_empty)
OnlyObjects = BeforeValidator(_objects)
TextOrNone = Annotated[str | None, IsTextOrNone]
IdOrNone = Annotated[str | None, BeforeValidator(_id_or_none)]
