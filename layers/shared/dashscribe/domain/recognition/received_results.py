"""The vendor's result files as received, and without their secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from dashscribe.domain.json_object import JsonObject

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FILE_URL = re.compile(rb'("file_url"\s*:\s*)(' + _STRING + rb")", re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)
_TEXT_OR_BRACKET = re.compile(_STRING.decode() + r"|[\[\]{}]", re.DOTALL)
MAX_LEVELS = 100
"""A deeper container of a document that is too deep for Python's parser counts as null."""
MAX_REPLACED_IN_PLACE = 20


class DownloadedResult(dict[str, Any]):
    """The JSON object of a result file, with the bytes that it was parsed from.

    `is_damaged`: the bytes are not quite JSON, and a part of them was left out.
    """

    def __init__(self, document: JsonObject, received: bytes | bytearray, *, is_damaged: bool = False) -> None:
        super().__init__(document)
        self.received = received
        self.is_damaged = is_damaged


def parse_result(received: bytes | bytearray) -> DownloadedResult:
    """Parse a result file. Raises `ValueError` for bytes that are not a JSON object, or not all of one.

    Damage inside the object costs only itself: an invalid byte, a control character in a text, too many levels, or
    something after the end.
    """
    document, is_damaged = _parse(received)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return DownloadedResult(document, received, is_damaged=is_damaged)


def _parse(received: bytes | bytearray) -> tuple[object, bool]:
    """The document, and whether it is damaged."""
    try:
        # Equal words become one string, and no second copy of the document is made as text. `json.loads` needs twice
        # the memory. It reads the rest: lone surrogates, other encodings than UTF-8, many levels.
        return from_json(received), False
    except ValueError:
        pass
    try:
        return json.loads(received), False
    except (ValueError, RecursionError):
        pass
    try:
        # A number of more than 4,300 digits is valid JSON, but not a Python int.
        return json.loads(received, parse_int=float), False
    except (ValueError, RecursionError):
        return _parse_damaged(received), True


def _parse_damaged(received: bytes | bytearray) -> object:
    text = received.decode(json.detect_encoding(received), "replace").lstrip("\ufeff\0 \t\r\n")
    decoder = json.JSONDecoder(strict=False, parse_int=float)
    try:
        document, end = decoder.raw_decode(text)
    except RecursionError:
        text = _without_deep_levels(text)
        document, end = decoder.raw_decode(text)
    if '"transcripts"' in text[end:]:
        raise ValueError("more than one document")
    return document


def _without_deep_levels(text: str) -> str:
    parts: list[str] = []
    depth = kept = 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == MAX_LEVELS + 1:
                parts += (text[kept : found.start()], "null")
        elif found[0] in "]}":
            if depth == MAX_LEVELS + 1:
                kept = found.end()
            depth -= 1
    if depth > 0:
        raise ValueError("the end is missing")
    return "".join([*parts, text[kept:]])


def has_transcripts(document: JsonObject) -> bool:
    """Whether a result file has the shape of one (docs/vendor-api.md#result-file)."""
    transcripts = document.get("transcripts")
    return isinstance(transcripts, list) or (isinstance(transcripts, dict) and bool(transcripts))


def as_received(document: JsonObject) -> bytes:
    """The bytes of a result file."""
    return bytes(document.received) if isinstance(document, DownloadedResult) else json.dumps(document).encode()


def replace_texts(received: bytes | bytearray, replaced: Mapping[str, str], address: str) -> bytearray:
    """Return a JSON document with `address` in place of each `file_url`, and with other texts in place of `replaced`.

    All other bytes stay. A document that is not UTF-8 becomes UTF-8. A `bytearray` is changed in place, because a
    second copy of a long result takes too much memory. Each such change moves the rest of the document, so a document
    with many texts to replace is copied.
    """
    encoding = json.detect_encoding(received)
    if encoding not in ("utf-8", "utf-8-sig"):
        received = received.decode(encoding, "replace").encode()
    document = received if isinstance(received, bytearray) else bytearray(received)
    spans = {found.span(2): _quote(address) for found in _FILE_URL.finditer(document)}
    if replaced:
        shortest = min(map(len, replaced))
        for found in _TEXT.finditer(document):
            if found.end() - found.start() > shortest:
                text = _read_text(found[0])
                if text is not None and text in replaced:
                    spans.setdefault(found.span(), _quote(replaced[text]))
    if len(spans) > MAX_REPLACED_IN_PLACE:
        return _copy_with(document, spans)
    for (begin, end), replacement in sorted(spans.items(), reverse=True):
        document[begin:end] = replacement
    return document


def _copy_with(document: bytearray, spans: Mapping[tuple[int, int], bytes]) -> bytearray:
    copy, rest, position = bytearray(), memoryview(document), 0  # slices of the document would be copies
    for (begin, end), replacement in sorted(spans.items()):
        copy += rest[position:begin]
        copy += replacement
        position = end
    copy += rest[position:]
    return copy


def _read_text(token: bytes) -> str | None:
    """The text of a JSON string; None for one that is not valid."""
    try:
        return str(json.loads(token.decode("utf-8", "surrogatepass"), strict=False))
    except ValueError:
        return None


def _quote(text: str) -> bytes:
    # A lone surrogate cannot be encoded. Its Python escape is also its JSON escape.
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")
