"""Decode RFC 2047 encoded words, as S3 returns metadata values that are not ASCII."""

from __future__ import annotations

import base64
import binascii
import quopri
import re

_WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")
_WORDS = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*")
BYTE_ORDER_MARK = "\ufeff"
"""Editors on Windows write it at the beginning of a file."""


def decode_encoded_words(value: str) -> str:
    """Return the text of a value with its encoded words decoded. A word that cannot be decoded stays.

    The words of one text may be cut anywhere: inside a character, or inside a group of base64 digits. So adjacent words
    of one charset are decoded together.
    """
    return _WORDS.sub(lambda found: _decode_words(found[0]), value)


def _decode_words(words: str) -> str:
    groups: list[tuple[str, bytes]] = []
    digits = ""
    found = _WORD.findall(words)
    try:
        for index, (charset, encoding, content) in enumerate(found):
            is_last = index + 1 == len(found) or found[index + 1][:2] != (charset, encoding)
            if encoding in "qQ":
                decoded = quopri.decodestring(content.replace("_", " ").encode())
            else:
                digits += content
                if len(digits) % 4 and not is_last:
                    continue
                decoded, digits = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True), ""
            if groups and groups[-1][0] == charset.lower():
                groups[-1] = (charset.lower(), groups[-1][1] + decoded)
            else:
                groups.append((charset.lower(), decoded))
        return "".join(content.decode(charset) for charset, content in groups)
    except (LookupError, ValueError, binascii.Error):
        return words
