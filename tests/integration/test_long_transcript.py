"""Finalizing a long transcript needs less memory than a fixed limit, so that an increase is noticed.

The function may have 256 MB for twelve hours. Its memory before the event is 68 MB, and the rest grows with the length.
So these limits, for shorter recordings, are in proportion. The benchmarks measure twelve hours.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.finalizer_process import result_json, run_finalizer

FILES = {
    "result.json",
    "transcript.json",
    "transcript.txt",
    "transcript.srt",
    "transcript.vtt",
    "transcript.html",
    "job.json",
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's peak memory is read from Linux' /proc")
@pytest.mark.parametrize(
    ("hours", "channels", "words", "limit_mb"),
    [(6, 2, ("word",), 162), (4, 1, ("天气", "😀"), 115)],
    ids=["six hours of two channels", "four hours of Chinese with emoji"],
)
def test_a_transcript_with_every_word_timed_needs_limited_memory(
    hours: int, channels: int, words: tuple[str, ...], limit_mb: int
) -> None:
    """Measured: 151 MB and 105 MB. Python stores a text by its widest character."""
    run = run_finalizer(result_json(hours, channels, words))
    assert set(run.digests) == FILES
    assert run.peak_mb < limit_mb
