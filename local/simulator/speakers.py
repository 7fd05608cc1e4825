"""Tell the speakers of a channel apart by the pitch of their voices (docs/simulator.md#speakers).

The pitch of a sentence is the median of the fundamental frequencies of its voiced frames, so a few noisy frames do not
change it. Two voices of about the same pitch count as one speaker.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_SAMPLE_RATE = 16_000
_DECIMATION = 4
"""Pitch needs no more than 4 kHz, and a quarter of the samples takes a sixteenth of the time."""
_RATE = _SAMPLE_RATE // _DECIMATION
_LOWEST_HZ, _HIGHEST_HZ = 70, 400
_SHORTEST_LAG, _LONGEST_LAG = _RATE // _HIGHEST_HZ, _RATE // _LOWEST_HZ
_FRAME = 2 * _LONGEST_LAG
_MAX_FRAMES = 120
"""More frames of one sentence do not change its median."""
_MIN_PERIODICITY = 0.5
"""The correlation of a frame with itself one period later, above which the frame is voiced."""
_MIN_LEVEL = 100
"""The mean amplitude of a 16-bit sample below which a frame is silent."""
_MIN_RATIO = 1.25
"""Sentences of one voice differ less in pitch; voices of men and women differ more."""
_MIN_RATIO_OF_EXPECTED = 1.1
"""The same if the request names the number of speakers."""


@dataclass(frozen=True)
class Diarization:
    """A request's diarization. `speaker_count` is a hint: fewer speakers are found if fewer voices differ."""

    speaker_count: int | None = None


def measure_pitch(pcm: bytes) -> float | None:
    """Return the pitch in Hz of 16-bit samples at 16 kHz; None if no frame is voiced."""
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    usable = len(samples) // _DECIMATION * _DECIMATION
    low = [sum(samples[at : at + _DECIMATION]) / _DECIMATION for at in range(0, usable, _DECIMATION)]
    length = _FRAME + _LONGEST_LAG
    step = max(_FRAME, (len(low) - length) // _MAX_FRAMES)
    found = (_frame_pitch(low[start : start + length]) for start in range(0, len(low) - length + 1, step))
    voiced = [pitch for pitch in found if pitch is not None]
    return median(voiced) if voiced else None


def _frame_pitch(frame: list[float]) -> float | None:
    now = frame[:_FRAME]
    if sum(map(abs, now)) < _MIN_LEVEL * _FRAME:
        return None
    energy = sum(value * value for value in now)
    strengths = {lag: _correlate(now, energy, frame[lag : lag + _FRAME]) for lag in range(_SHORTEST_LAG, _LONGEST_LAG)}
    strongest = max(strengths.values())
    if strongest < _MIN_PERIODICITY:
        return None
    # Multiples of the period correlate as well as the period itself, so the shortest strong lag is the period.
    peaks = (
        lag
        for lag in range(_SHORTEST_LAG + 1, _LONGEST_LAG - 1)
        if strengths[lag] > 0.9 * strongest and strengths[lag - 1] <= strengths[lag] >= strengths[lag + 1]
    )
    lag = next(peaks, None)
    return None if lag is None else _RATE / lag


def _correlate(now: list[float], energy: float, later: list[float]) -> float:
    later_energy = sum(value * value for value in later)
    if not energy or not later_energy:
        return 0.0
    return sum(a * b for a, b in zip(now, later, strict=True)) / math.sqrt(energy * later_energy)


def number_speakers(pitches: list[float | None], diarization: Diarization) -> list[int]:
    """Return the speaker of each sentence from its pitch. Speakers are numbered from 0 in the order of their first
    sentence.

    Pitches are separated where neighbours in their order differ the most. A sentence without a pitch has the speaker
    of the sentence before it.
    """
    known = sorted({pitch for pitch in pitches if pitch is not None})
    expected = diarization.speaker_count
    least = _MIN_RATIO if expected is None else _MIN_RATIO_OF_EXPECTED
    gaps = sorted(((high / low, high) for low, high in pairwise(known) if high / low >= least), reverse=True)
    borders = sorted(high for _, high in (gaps if expected is None else gaps[: expected - 1]))
    numbers: dict[int, int] = {}
    speakers: list[int] = []
    for pitch in pitches:
        if pitch is None:
            speakers.append(speakers[-1] if speakers else 0)
            continue
        voice = sum(pitch >= border for border in borders)
        speakers.append(numbers.setdefault(voice, len(numbers)))
    return speakers
