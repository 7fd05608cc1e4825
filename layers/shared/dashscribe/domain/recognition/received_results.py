"""The vendor's result files as received, and without their secrets."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dashscribe.domain.recognition.parameters import JsonObject

_STRING = rb'"(?:[^"\\]|\\.)*"'
_FILE_URL = re.compile(rb'("file_url"\s*:\s*)(' + _STRING + rb")", re.DOTALL)
_URL = re.compile(rb'"https?:(?:[^"\\]|\\.)*"', re.DOTALL | re.IGNORECASE)
_SIGNATURES = frozenset({"signature", "x-amz-signature", "x-oss-signature", "x-oss-signature-version"})


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


def without_signed_urls(received: bytes, address: str) -> bytes:
    """Return a JSON document with `address` in place of each `file_url`, and without the query of other signed URLs.

    All other bytes stay. A document that is not UTF-8 becomes UTF-8.
    """
    encoding = json.detect_encoding(received)
    if encoding not in ("utf-8", "utf-8-sig"):
        received = received.decode(encoding, "replace").encode()
    quoted_address = json.dumps(address, ensure_ascii=False).encode(errors="replace")
    spans = {found.span(2): quoted_address for found in _FILE_URL.finditer(received)}
    for found in _URL.finditer(received):
        spans.setdefault(found.span(), _without_signature(found))
    parts: list[bytes | memoryview] = []
    rest, position = memoryview(received), 0  # slices of bytes would be copies
    for (begin, end), replacement in sorted(spans.items()):
        parts += (rest[position:begin], replacement)
        position = end
    return b"".join([*parts, rest[position:]])


def _without_signature(found: re.Match[bytes]) -> bytes:
    try:
        url = json.loads(found[0])
        query = parse_qs(urlsplit(url).query)
    except ValueError:
        return found[0]
    if _SIGNATURES.isdisjoint(name.lower() for name in query):
        return found[0]
    return json.dumps(url.partition("?")[0]).encode()
