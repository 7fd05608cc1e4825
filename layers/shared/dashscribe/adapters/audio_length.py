"""How long a recording is, read from its header by tinytag."""

from __future__ import annotations

import io

from tinytag import TinyTag, TinyTagException


def audio_length(media: bytes) -> float | None:
    """Seconds of audio; None where no header tells, and the vendor will.

    That is a container which tinytag does not know (video, amr), or a file from a pipe, whose header nobody completed.
    """
    try:
        tag = TinyTag.get(file_obj=io.BytesIO(media), tags=False)
    except (TinyTagException, ValueError, LookupError, ArithmeticError):
        return None  # what cannot be read here is for the vendor to judge
    if not tag.duration:
        return None
    if media.startswith(b"RIFF") and tag.is_lossless and tag.bitrate:
        # A WAV from a pipe claims the largest size of all, 37 hours at 16 kHz: it cannot be longer than its bytes.
        return min(tag.duration, len(media) / (tag.bitrate * 125))
    return tag.duration
