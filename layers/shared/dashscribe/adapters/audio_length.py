"""How long a recording is, read from its header by tinytag."""

from __future__ import annotations

import io

from tinytag import TinyTag, TinyTagException


def audio_length(media: bytes) -> float | None:
    """Seconds of audio; None for a container that tinytag does not know (video, amr): the vendor will say then."""
    try:
        return TinyTag.get(file_obj=io.BytesIO(media), tags=False).duration
    except (TinyTagException, ValueError, LookupError, ArithmeticError):
        return None  # what cannot be read here is for the vendor to judge
