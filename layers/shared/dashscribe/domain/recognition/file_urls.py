"""Which file a `file_url` in the vendor's reply names. The vendor repeats our presigned URL, whole or in part."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from urllib.parse import parse_qs, unquote, urlsplit

from dashscribe.domain.recognition.media import Media

MAX_DECODINGS = 4
_SIGNATURE = re.compile(r"[?&;]X-Amz-Signature=([^&;#\s\"'<>]+)", re.IGNORECASE)


def parse_file_url(file_url: str) -> tuple[str, str, str | None]:
    """Return the host, the decoded path and the version id of a file URL, without its signature.

    Text that is not a URL gives an empty host and path, so that one invalid `file_url` does not affect the other files
    of its task.
    """
    try:
        parts = urlsplit(file_url)
    except ValueError:
        return "", "", None
    version = parse_qs(parts.query).get("versionId", [None])[0]
    return parts.netloc.lower(), unquote(parts.path).removeprefix("/"), version


def is_url_of_media(file_url: str, media: Media) -> bool:
    """Whether a `file_url` of the vendor's reply is a URL of this object version.

    The bucket is the first part of the host name, or else the first part of the path.
    """
    return may_be_url_of_media(file_url, media) and parse_file_url(file_url)[2] == media.version_id


def find_url_mark(file_url: str) -> str | None:
    """Return the URL mark, which identifies our file in the vendor's reply; None if the URL has no signature.

    The mark is a digest of the signature, because the signature itself is a secret. The vendor may repeat the URL in
    another encoding.
    """
    for _ in range(MAX_DECODINGS):
        found = _SIGNATURE.search(file_url)
        if found is not None:
            return hashlib.sha256(found[1].lower().encode()).hexdigest()[:16]
        decoded = html.unescape(unquote(file_url))
        if decoded == file_url:
            break
        file_url = decoded
    return _find_older_mark(file_url)


def _find_older_mark(file_url: str) -> str | None:
    """The mark of a URL with a signature of an older form."""
    try:
        signature = parse_qs(urlsplit(file_url).query).get("Signature")
    except ValueError:
        return None
    return hashlib.sha256(signature[0].encode()).hexdigest()[:16] if signature else None


def may_be_url_of_media(file_url: str, media: Media) -> bool:
    """The same for a URL that may lack its query, and with it the version. It may then name another version too."""
    host, path, version = parse_file_url(file_url)
    in_host = host.startswith(f"{media.bucket}.")
    return path == (media.key if in_host else f"{media.bucket}/{media.key}") and version in (media.version_id, None)


def is_url_of_other_media(file_url: str, media: Media) -> bool:
    """Whether a `file_url` certainly names another object, or another version of it, in the bucket of this media.

    A URL of another host, for example of a copy that the vendor made, says nothing.
    """
    host, path, version = parse_file_url(file_url)
    if host.startswith(f"{media.bucket}."):
        key = path
    elif path.startswith(f"{media.bucket}/"):
        key = path.removeprefix(f"{media.bucket}/")
    else:
        return False
    return _normalize(key) != _normalize(media.key) or version not in (media.version_id, None)


def comparable_path(media: Media) -> tuple[str, str]:
    """The bucket and the key as a URL shows them that was decoded and cut. Other files may have the same.

    A decoded URL of the key `a?b.wav` ends at the question mark, like a URL of the key `a`.
    """
    return media.bucket, _cut(media.key)


def _normalize(key: str) -> str:
    """The key without what a program may change when it repeats a URL: its encoding, its blanks, its query."""
    for _ in range(3):
        key = unquote(html.unescape(key))
    return unicodedata.normalize("NFKC", _cut(key).replace("+", " "))


def _cut(key: str) -> str:
    return re.split("[?#]", unquote(key))[0]
