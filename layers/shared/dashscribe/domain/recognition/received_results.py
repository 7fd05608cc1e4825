"""The vendor's result files as received, and without their secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dashscribe.domain.recognition.parameters import JsonObject

_STRING = rb'"(?:[^"\\]|\\.)*"'
_FILE_URL = re.compile(rb'("file_url"\s*:\s*)(' + _STRING + rb")", re.DOTALL)
_TEXT = re.compile(_STRING, re.DOTALL)


class DownloadedResult(dict[str, Any]):
    """The JSON object of a result file, with the bytes that it was parsed from."""

    def __init__(self, document: JsonObject, received: bytes) -> None:
        super().__init__(document)
        self.received = received


def parse_result(received: bytes) -> DownloadedResult:
    """Parse a result file. Raises `ValueError` for bytes that are not a JSON object."""
    try:
        document = json.loads(received)
    except RecursionError as error:
        raise ValueError("too many levels") from error
    except ValueError:
        # A number of more than 4,300 digits is valid JSON, but not a Python int.
        document = json.loads(received, parse_int=float)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return DownloadedResult(document, received)


def has_transcripts(document: JsonObject) -> bool:
    """Whether a result file has the shape of one (docs/vendor-api.md#result-file)."""
    return isinstance(document.get("transcripts"), list)


def as_received(document: JsonObject) -> bytes:
    """The bytes of a result file."""
    return document.received if isinstance(document, DownloadedResult) else json.dumps(document).encode()


def replace_texts(received: bytes, replaced: Mapping[str, str], address: str) -> bytes:
    """Return a JSON document with `address` in place of each `file_url`, and with other texts in place of `replaced`.

    All other bytes stay. A document that is not UTF-8 becomes UTF-8.
    """
    encoding = json.detect_encoding(received)
    if encoding not in ("utf-8", "utf-8-sig"):
        received = received.decode(encoding, "replace").encode()
    spans = {found.span(2): _quote(address) for found in _FILE_URL.finditer(received)}
    if replaced:
        shortest = min(map(len, replaced))
        for found in _TEXT.finditer(received):
            if found.end() - found.start() > shortest:
                text = json.loads(found[0].decode("utf-8", "surrogatepass"))
                if text in replaced:
                    spans.setdefault(found.span(), _quote(replaced[text]))
    parts: list[bytes | memoryview] = []
    rest, position = memoryview(received), 0  # slices of bytes would be copies
    for (begin, end), replacement in sorted(spans.items()):
        parts += (rest[position:begin], replacement)
        position = end
    return b"".join([*parts, rest[position:]])


def _quote(text: str) -> bytes:
    # A lone surrogate cannot be encoded. Its Python escape is also its JSON escape.
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")
