"""Read the duration of a recording from its header, with tinytag."""

from __future__ import annotations

import io
import re

from tinytag import TinyTag, TinyTagException

_FIRST_FRAMES_BYTES = 8192
"""Where a header of the length is: in the first frame after the tags."""
_OGG_PAGE = re.compile(rb"OggS..(.{8})", re.DOTALL)
"""The start of a page. The group is its position: the number of samples up to its end, or -1."""
_LONGEST_OGG_PAGE_SECONDS = 10
"""A page ends at most this long after its start, so a first page that ends later belongs to a live stream."""


def audio_length(media: bytes) -> float | None:
    """Return the duration in seconds; None if the header does not have it.

    That is so for containers that tinytag does not support (video, amr), for files that were written to a pipe, whose
    header is incomplete, and for an MP3 without a header of its length: its first frames say nothing about the others.
    """
    try:
        tag = TinyTag.get(file_obj=io.BytesIO(media), tags=False)
    except (TinyTagException, ValueError, LookupError, ArithmeticError):
        return None  # the vendor decides whether it can decode the file
    if not tag.duration:
        return None
    if media.startswith((b"RIFF", b"FORM")) and tag.is_lossless and tag.bitrate:
        # A WAV or AIFF that was written to a pipe has the largest possible size in its header (37 hours at 16 kHz).
        return _length_of_bytes(media, tag.duration, tag.bitrate)
    if _is_mp3(media):
        # A part of a recording has the header of the whole one.
        if not tag.bitrate or not _has_length_header(media):
            return None
        return _length_of_bytes(media, tag.duration, tag.bitrate)
    if media.startswith(b"OggS") and tag.samplerate:
        return max(0.0, tag.duration - _ogg_start_seconds(media, tag.samplerate)) or None
    return tag.duration


def _length_of_bytes(media: bytes, told: float, kilobits_per_second: float) -> float:
    """The length that the header tells, or that of the bytes if they are fewer."""
    return min(told, len(media) / (kilobits_per_second * 125))


def _is_mp3(media: bytes) -> bool:
    """A frame of MPEG audio, or an ID3 tag before it. The layer bits of an AAC frame are zero."""
    return media.startswith(b"ID3") or (len(media) > 1 and media[0] == 0xFF and media[1] & 0xE0 == 0xE0)


def _has_length_header(media: bytes) -> bool:
    start = 0
    if media.startswith(b"ID3"):
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(media[6:10], (21, 14, 7, 0), strict=True))
    head = media[start : start + _FIRST_FRAMES_BYTES]
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _ogg_start_seconds(media: bytes, sample_rate: int) -> float:
    """When an Ogg stream starts. A recording of a live stream continues the stream's count of samples.

    `sample_rate` is the rate of the positions. For Opus that is 48,000 Hz, whatever the rate of the recording was.
    """
    for page in _OGG_PAGE.finditer(media):
        position = int.from_bytes(page[1], "little", signed=True)
        if position > 0:
            seconds = position / sample_rate
            return seconds if seconds > _LONGEST_OGG_PAGE_SECONDS else 0.0
    return 0.0
