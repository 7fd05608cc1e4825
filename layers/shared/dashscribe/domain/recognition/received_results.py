"""The vendor's result files as received, and without their secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from dashscribe.domain.recognition.parameters import JsonObject

_STRING = rb'"(?:[^"\\]|\\.)*"'
_FILE_URL = re.compile(rb'("file_url"\s*:\s*)(' + _STRING + rb")", re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)


class DownloadedResult(dict[str, Any]):
    """The JSON object of a result file, with the bytes that it was parsed from."""

    def __init__(self, document: JsonObject, received: bytes | bytearray) -> None:
        super().__init__(document)
        self.received = received


def parse_result(received: bytes | bytearray) -> DownloadedResult:
    """Parse a result file. Raises `ValueError` for bytes that are not a JSON object."""
    document = _parse(received)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return DownloadedResult(document, received)


def _parse(received: bytes | bytearray) -> Any:
    try:
        # Equal words become one string, and no second copy of the document is made as text. `json.loads` needs twice
        # the memory. It reads the rest: lone surrogates, other encodings than UTF-8, many levels.
        return from_json(received)
    except ValueError:
        pass
    try:
        return json.loads(received)
    except RecursionError as error:
        raise ValueError("too many levels") from error
    except ValueError:
        # A number of more than 4,300 digits is valid JSON, but not a Python int.
        return json.loads(received, parse_int=float)


def has_transcripts(document: JsonObject) -> bool:
    """Whether a result file has the shape of one (docs/vendor-api.md#result-file)."""
    return isinstance(document.get("transcripts"), list)


def as_received(document: JsonObject) -> bytes:
    """The bytes of a result file."""
    return bytes(document.received) if isinstance(document, DownloadedResult) else json.dumps(document).encode()


def replace_texts(received: bytes | bytearray, replaced: Mapping[str, str], address: str) -> bytearray:
    """Return a JSON document with `address` in place of each `file_url`, and with other texts in place of `replaced`.

    All other bytes stay. A document that is not UTF-8 becomes UTF-8. A `bytearray` is changed in place, because a
    second copy of a long result takes too much memory.
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
                text = json.loads(found[0].decode("utf-8", "surrogatepass"))
                if text in replaced:
                    spans.setdefault(found.span(), _quote(replaced[text]))
    for (begin, end), replacement in sorted(spans.items(), reverse=True):
        document[begin:end] = replacement
    return document


def _quote(text: str) -> bytes:
    # A lone surrogate cannot be encoded. Its Python escape is also its JSON escape.
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")
