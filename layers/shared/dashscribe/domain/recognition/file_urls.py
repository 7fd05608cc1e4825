"""Which file a `file_url` in the vendor's reply names. The vendor repeats our presigned URL, whole or in part."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qs, unquote, urlsplit

from dashscribe.domain.recognition.media import Media


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

    The mark is a digest of the signature, because the signature itself is a secret.
    """
    try:
        query = parse_qs(urlsplit(file_url).query)
    except ValueError:
        return None
    signature = query.get("X-Amz-Signature", query.get("Signature"))
    return hashlib.sha256(signature[0].encode()).hexdigest()[:16] if signature else None


def may_be_url_of_media(file_url: str, media: Media) -> bool:
    """The same for a URL that may lack its query, and with it the version. It may then name another version too."""
    host, path, version = parse_file_url(file_url)
    in_host = host.startswith(f"{media.bucket}.")
    return path == (media.key if in_host else f"{media.bucket}/{media.key}") and version in (media.version_id, None)


def comparable_path(media: Media) -> tuple[str, str]:
    """The bucket and the key as a URL shows them that was decoded and cut. Other files may have the same.

    A decoded URL of the key `a?b.wav` ends at the question mark, like a URL of the key `a`.
    """
    return media.bucket, re.split("[?#]", unquote(media.key), maxsplit=1)[0]
