"""What of a reply of the vendor may be stored: everything but secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.file_urls import is_url_of_media
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.received_results import DownloadedResult, replace_texts
from dashscribe.redaction import REDACTED, find_urls, is_signed_url, redact_document, redact_signatures


def remove_secrets(reply: JsonObject, media: Media) -> JsonObject:
    """Change the reply in place, and return it: no text in it contains a signature, a token or the API key.

    A presigned URL of this media, which the vendor may repeat in any field, becomes the media's `s3://` address. Other
    signed URLs lose their query. The rest of the reply is unchanged. So are the bytes of a `DownloadedResult`, unless
    a value has the name of a secret, or a part of the bytes that is not in the object has a secret (the first of two
    equal names): then the whole document is written anew.
    """
    replaced: dict[str, str] = {}
    has_named_secret = False

    def clean(text: str) -> str:
        cleaned = text
        if "://" in text and "=" in text and "\n" not in text:  # a line break may be inside the URL
            for url in find_urls(text):
                if is_url_of_media(url, media) and is_signed_url(url):
                    cleaned = cleaned.replace(url, media.s3_uri)
        cleaned = redact_signatures(cleaned)
        if cleaned != text:
            replaced[text] = cleaned
        return cleaned

    def remove_named(_: object) -> str:
        nonlocal has_named_secret
        has_named_secret = True
        return REDACTED

    redact_document(reply, clean, remove_named)
    if isinstance(reply, DownloadedResult):
        if has_named_secret:
            reply.received = _written_anew(reply)
        reply.received = replace_texts(reply.received, replaced, media.s3_uri)
        if _has_secret(reply.received):
            reply.received = replace_texts(_written_anew(reply), {}, media.s3_uri)
    return reply


BYTES_BEFORE, BYTES_AFTER = 200, 1000
_MAY_HAVE_SECRET = re.compile(
    rb"signature|token|credential|secret|bearer|authorization|api.?key|sk-|\\u00[2-7]", re.IGNORECASE
)


def _has_secret(received: bytes | bytearray) -> bool:
    """Whether the bytes have a secret that the parsed document does not have, such as one of two equal names.

    Only the surroundings of suspicious words are searched: a search of 12 hours of speech takes 6 s.
    """
    parts = (bytes(received[begin:end]).decode("utf-8", "replace") for begin, end in _find_suspicious(received))
    return any(redact_signatures(text) != text for text in parts)


def _find_suspicious(received: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The spans around suspicious words, from `BYTES_BEFORE` to `BYTES_AFTER` each. Spans that overlap are one."""
    begin = end = 0
    for found in _MAY_HAVE_SECRET.finditer(received):
        if found.start() - BYTES_BEFORE > end:
            yield begin, end
            begin = found.start() - BYTES_BEFORE
        end = found.end() + BYTES_AFTER
    yield begin, end


def _written_anew(reply: JsonObject) -> bytes:
    return json.dumps(reply, ensure_ascii=False).encode("utf-8", "backslashreplace")
