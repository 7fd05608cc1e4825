"""The simulator tells voices apart by their pitch."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from local.simulator.speakers import Diarization, measure_pitch, number_speakers

SAMPLE_RATE = 16_000


def voice(hertz: float, *, noise: float = 0.0) -> bytes:
    """Half a second of a tone with overtones, as of a voice."""
    chance = random.Random(7)  # noqa: S311  # noise, not a secret
    samples = array("h")
    for n in range(SAMPLE_RATE // 2):
        value = sum(math.sin(2 * math.pi * hertz * k * n / SAMPLE_RATE) / k for k in range(1, 6))
        samples.append(int(6000 * (value + noise * chance.uniform(-1, 1))))
    return samples.tobytes()


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("hertz", [85, 110, 165, 220, 300])
def test_the_pitch_of_a_voice_is_measured(hertz: int, noise: float) -> None:
    assert measure_pitch(voice(hertz, noise=noise)) == pytest.approx(hertz, rel=0.06)


@pytest.mark.parametrize("pcm", [b"", bytes(2), bytes(SAMPLE_RATE)])
def test_silence_has_no_pitch(pcm: bytes) -> None:
    assert measure_pitch(pcm) is None


@pytest.mark.parametrize(
    ("pitches", "speaker_count", "speakers"),
    [
        ([102, 170, 108, 166], None, [0, 1, 0, 1]),
        ([170, 102, 165, 300], None, [0, 1, 0, 2]),
        ([100, 110, 120, 130], None, [0, 0, 0, 0]),
        ([100, 170, 300], 2, [0, 0, 1]),
        ([100, 118], 2, [0, 1]),
        ([100, 101], 2, [0, 0]),
        ([None, 100, None, 170, None], None, [0, 0, 0, 1, 1]),
        ([], None, []),
    ],
)
def test_speakers_are_numbered_in_the_order_of_their_first_sentence(
    pitches: list[float | None], speaker_count: int | None, speakers: list[int]
) -> None:
    assert number_speakers(pitches, Diarization(speaker_count)) == speakers
