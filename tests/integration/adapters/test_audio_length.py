"""The length of real recordings, of every container, whole and broken."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.adapters.audio_length import audio_length

SECONDS = 2
# extension: container, codec, samples a second
TOLD = {
    "flac": ("flac", "flac", 16_000),
    "m4a": ("ipod", "aac", 48_000),
    "mp4": ("mp4", "aac", 48_000),
    "mov": ("mov", "aac", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "ogg": ("ogg", "vorbis", 44_100),
    "opus": ("ogg", "libopus", 48_000),
    "wav": ("wav", "pcm_s16le", 8_000),
    "aiff": ("aiff", "pcm_s16be", 8_000),
    "wma": ("asf", "wmav2", 44_100),
}
NOT_TOLD = {
    "aac": ("adts", "aac", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "mkv": ("matroska", "aac", 44_100),
    "avi": ("avi", "mp2", 44_100),
    "flv": ("flv", "aac", 44_100),
    "mpeg": ("mpeg", "mp2", 44_100),
}


class Pipe:
    """Where a recorder writes that can never go back to complete its header."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


def encode(container: str, codec: str, rate: int, target: object, options: dict[str, str] | None = None) -> None:
    """Silence of this length as a file of this kind. Skips the test where this build of PyAV cannot write it."""
    try:
        av.Codec(codec, "w")
        av.ContainerFormat(container, "w")
    except ValueError:
        pytest.skip(f"this build of PyAV cannot write {codec} into {container}")
    samples = rate * SECONDS
    with av.open(target, "w", format=container, options=options or {}) as opened:
        layout = "stereo" if codec == "vorbis" else "mono"
        stream = opened.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        assert isinstance(stream, av.AudioStream)
        if codec == "wmav2":
            stream.bit_rate = 48_000  # its own choice of 128,000 is refused for one channel
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.sample_rate, frame.pts = rate, 0
        frame.planes[0].update(bytes(2 * samples))
        opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))


@cache
def recorded(container: str, codec: str, rate: int) -> bytes:
    target = io.BytesIO()
    encode(container, codec, rate, target)
    return target.getvalue()


def piped(container: str, codec: str, rate: int, options: dict[str, str] | None = None) -> bytes:
    target = Pipe()
    encode(container, codec, rate, target, options)
    return bytes(target.written)


@pytest.mark.parametrize("extension", TOLD)
def test_the_length_of_a_recording_is_known(extension: str) -> None:
    assert audio_length(recorded(*TOLD[extension])) == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("extension", NOT_TOLD)
def test_what_the_header_does_not_tell_is_left_to_the_vendor(extension: str) -> None:
    assert audio_length(recorded(*NOT_TOLD[extension])) is None


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 2**31 + 36])
def test_a_wav_whose_header_was_never_completed_is_as_long_as_its_bytes(claimed: int) -> None:
    """What ffmpeg, sox and arecord write into a pipe."""
    whole = recorded(*TOLD["wav"])
    at = whole.index(b"data") + 4
    endless = whole[:at] + struct.pack("<I", claimed) + whole[at + 4 :]
    assert audio_length(endless) == pytest.approx(SECONDS, abs=0.1)


def test_a_wav_that_ffmpeg_wrote_into_a_pipe_is_as_long_as_its_bytes() -> None:
    assert audio_length(piped(*TOLD["wav"])) == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize(
    "media",
    [
        lambda: piped(*TOLD["flac"]),
        lambda: piped(*TOLD["mp4"], options={"movflags": "frag_keyframe+empty_moov"}),
        lambda: b"",
        lambda: b"RIFF",
        lambda: b"not a recording at all" * 100,
        lambda: bytes(10_000),
        lambda: b"\xff" * 10_000,
    ],
    ids=["piped flac", "piped mp4", "empty", "four bytes", "text", "zeros", "ones"],
)
def test_a_length_that_nobody_wrote_down_is_unknown_and_not_zero(media: Callable[[], bytes]) -> None:
    assert audio_length(media()) is None


def test_tags_and_pictures_do_not_count_as_sound() -> None:
    sound = recorded(*TOLD["mp3"])
    picture = b"ID3\x03\x00\x00\x00\x06\x1a\x00" + bytes(101_632)
    assert audio_length(picture + sound) == pytest.approx(SECONDS, abs=0.1)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["wav", "mp3", "m4a", "ogg", "flac", "wma"]),
    st.integers(0, 4_000),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 1, 127, 128, 255])), max_size=5),
)
def test_a_broken_recording_is_unknown_or_has_a_length_and_never_breaks_us(
    extension: str, length: int, changes: list[tuple[int, int]]
) -> None:
    media = bytearray(recorded(*TOLD[extension])[:length])
    for at, value in changes:
        if at < len(media):
            media[at] = value
    seconds = audio_length(bytes(media))
    assert seconds is None or 0 < seconds < float("inf")
