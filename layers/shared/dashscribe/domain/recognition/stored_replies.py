"""What of a reply of the vendor may be stored: everything but secrets."""

from __future__ import annotations

from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.task_replies import is_url_of_media
from dashscribe.redaction import find_urls, is_signed_url, redact_document, redact_signatures


def remove_secrets(reply: JsonObject, media: Media) -> JsonObject:
    """Change the reply in place, and return it: no text in it contains a signature, a token or the API key.

    A presigned URL of this media, which the vendor may repeat in any field, becomes the media's `s3://` address. Other
    signed URLs lose their query. The rest of the reply is unchanged.
    """

    def clean(text: str) -> str:
        if "://" in text and "=" in text:
            for url in find_urls(text):
                if is_url_of_media(url, media) and is_signed_url(url):
                    text = text.replace(url, media.s3_uri)
        return redact_signatures(text)

    cleaned: JsonObject = redact_document(reply, clean)
    return cleaned
