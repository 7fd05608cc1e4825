"""Read the duration of a recording from its header, with tinytag."""

from __future__ import annotations

import io

from tinytag import TinyTag, TinyTagException


def audio_length(media: bytes) -> float | None:
    """Return the duration in seconds; None if the header does not have it.

    That is so for containers that tinytag does not support (video, amr), and for files that were written to a pipe,
    whose header is incomplete.
    """
    try:
        tag = TinyTag.get(file_obj=io.BytesIO(media), tags=False)
    except (TinyTagException, ValueError, LookupError, ArithmeticError):
        return None  # the vendor decides whether it can decode the file
    if not tag.duration:
        return None
    if media.startswith(b"RIFF") and tag.is_lossless and tag.bitrate:
        # A WAV that was written to a pipe has the largest possible size in its header (37 hours at 16 kHz).
        return min(tag.duration, len(media) / (tag.bitrate * 125))
    return tag.duration
