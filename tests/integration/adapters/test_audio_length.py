"""Read the duration of real recordings: every container, complete and corrupt files."""

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
# file extension: container, codec, sample rate in Hz
WITH_DURATION = {
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
WITHOUT_DURATION = {
    "aac": ("adts", "aac", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "mkv": ("matroska", "aac", 44_100),
    "avi": ("avi", "mp2", 44_100),
    "flv": ("flv", "aac", 44_100),
    "mpeg": ("mpeg", "mp2", 44_100),
}


class Pipe:
    """A target without seeking, so that the writer cannot complete its header."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


def encode(container: str, codec: str, rate: int, target: object, options: dict[str, str] | None = None) -> None:
    """Write silence of `SECONDS` in this format. Skips the test if this build of PyAV cannot write the format."""
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
            stream.bit_rate = 48_000  # the default of 128,000 is too high for one channel
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


@pytest.mark.parametrize("extension", WITH_DURATION)
def test_the_duration_of_a_recording_is_read_from_its_header(extension: str) -> None:
    assert audio_length(recorded(*WITH_DURATION[extension])) == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("extension", WITHOUT_DURATION)
def test_a_container_without_a_duration_in_its_header_has_an_unknown_duration(extension: str) -> None:
    assert audio_length(recorded(*WITHOUT_DURATION[extension])) is None


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 2**31 + 36])
def test_a_wav_with_an_incomplete_header_has_the_duration_of_its_bytes(claimed: int) -> None:
    """ffmpeg, sox and arecord write such headers to a pipe."""
    whole = recorded(*WITH_DURATION["wav"])
    at = whole.index(b"data") + 4
    endless = whole[:at] + struct.pack("<I", claimed) + whole[at + 4 :]
    assert audio_length(endless) == pytest.approx(SECONDS, abs=0.01)


def test_an_aiff_with_an_incomplete_header_has_the_duration_of_its_bytes() -> None:
    whole = recorded(*WITH_DURATION["aiff"])
    at = whole.index(b"COMM") + 10
    endless = whole[:at] + struct.pack(">I", 0x7FFFFFFF) + whole[at + 4 :]
    assert audio_length(endless) == pytest.approx(SECONDS, abs=0.1)


def test_a_wav_that_ffmpeg_wrote_to_a_pipe_has_the_duration_of_its_bytes() -> None:
    assert audio_length(piped(*WITH_DURATION["wav"])) == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize(
    "media",
    [
        lambda: piped(*WITH_DURATION["flac"]),
        lambda: piped(*WITH_DURATION["mp4"], options={"movflags": "frag_keyframe+empty_moov"}),
        lambda: b"",
        lambda: b"RIFF",
        lambda: b"not a recording at all" * 100,
        lambda: bytes(10_000),
        lambda: b"\xff" * 10_000,
    ],
    ids=["piped flac", "piped mp4", "empty", "four bytes", "text", "zeros", "ones"],
)
def test_a_missing_duration_is_unknown_and_not_zero(media: Callable[[], bytes]) -> None:
    assert audio_length(media()) is None


def test_tags_and_pictures_do_not_count_as_audio() -> None:
    sound = recorded(*WITH_DURATION["mp3"])
    for seven_bits in ((0, 6, 26, 0), (1, 1, 1, 1), (0, 0, 127, 127)):
        size = sum(part * 128**place for place, part in enumerate(reversed(seven_bits)))
        picture = b"ID3\x03\x00\x00" + bytes(seven_bits) + bytes(size)
        assert audio_length(picture + sound) == pytest.approx(SECONDS, abs=0.1)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["wav", "mp3", "m4a", "ogg", "flac", "wma"]),
    st.integers(0, 4_000),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 1, 127, 128, 255])), max_size=5),
)
def test_a_corrupt_recording_raises_no_error(extension: str, length: int, changes: list[tuple[int, int]]) -> None:
    media = bytearray(recorded(*WITH_DURATION[extension])[:length])
    for at, value in changes:
        if at < len(media):
            media[at] = value
    seconds = audio_length(bytes(media))
    assert seconds is None or 0 < seconds < float("inf")


def mp3_frame(kilobits_per_second: int) -> bytes:
    """One frame of 26 ms at 44.1 kHz."""
    index = {32: 1, 256: 13}[kilobits_per_second]
    return bytes([0xFF, 0xFB, index << 4, 0xC4]) + bytes(144 * kilobits_per_second * 1000 // 44_100 - 4)


def test_an_mp3_with_variable_bit_rate_and_no_header_has_an_unknown_duration() -> None:
    """Its first frames are quiet, so an estimate from them is eight times too long."""
    frames = int(240 * 44_100 / 1152)
    assert audio_length(mp3_frame(32) * 20 + mp3_frame(256) * (frames - 20)) is None


def test_a_part_of_an_mp3_has_the_duration_of_its_bytes() -> None:
    """Its header still has the length of the whole recording."""
    whole = recorded(*WITH_DURATION["mp3"])
    tenth = whole[: len(whole) // 10]
    assert b"Info" in tenth or b"Xing" in tenth
    assert audio_length(tenth) == pytest.approx(SECONDS / 10, abs=0.1)


@pytest.mark.parametrize("tag", [b"Xing", b"Info", b"VBRI"])
def test_an_mp3_with_a_header_of_its_length_has_the_duration_of_its_frames(tag: bytes) -> None:
    first = bytearray(mp3_frame(256))
    first[36 : 36 + len(tag)] = tag
    frames = int(SECONDS * 44_100 / 1152)
    assert audio_length(bytes(first) + mp3_frame(256) * frames) == pytest.approx(SECONDS, abs=0.1)


def test_an_ogg_page_on_which_no_packet_ends_has_no_position() -> None:
    """Its position is -1."""
    sound = recorded(*WITH_DURATION["ogg"])
    second = sound.find(b"OggS", 4)
    page = sound[second : sound.find(b"OggS", second + 4)]
    without_position = page[:6] + b"\xff" * 8 + page[14:]
    assert audio_length(sound[:second] + without_position + sound[second:]) == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize(("extension", "rate"), [("ogg", 44_100), ("opus", 48_000)])
def test_a_recording_of_a_live_ogg_stream_has_its_own_duration(extension: str, rate: int) -> None:
    """Its positions continue those of the stream, which has run for a week."""
    sound = bytearray(recorded(*WITH_DURATION[extension]))
    at = sound.find(b"OggS")
    while at >= 0:
        position = int.from_bytes(sound[at + 6 : at + 14], "little", signed=True)
        if position > 0:
            sound[at + 6 : at + 14] = (position + 7 * 86_400 * rate).to_bytes(8, "little")
        at = sound.find(b"OggS", at + 4)
    seconds = audio_length(bytes(sound))
    assert seconds is not None
    assert 0 < seconds <= SECONDS + 0.1
