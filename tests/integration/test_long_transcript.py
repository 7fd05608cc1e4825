"""Finalizing a long transcript needs less memory than a fixed limit, so that an increase is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.finalizer_process import result_json, run_finalizer

LIMIT_MB = 256
"""Measured: 148 MB, with emoji 164 MB, with two channels 236 MB. Python stores a text by its widest character."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's peak memory is read from Linux' /proc")
@pytest.mark.parametrize(
    ("channels", "words"), [(1, ("天气", "😀")), (2, ("word",))], ids=["chinese with emoji", "two channels"]
)
def test_twelve_hours_with_every_word_timed_are_finalized_in_256_mb(channels: int, words: tuple[str, ...]) -> None:
    run = run_finalizer(result_json(12, channels, words))
    assert set(run.digests) == {
        "result.json",
        "transcript.json",
        "transcript.txt",
        "transcript.srt",
        "transcript.vtt",
        "transcript.html",
        "job.json",
    }
    assert run.peak_mb < LIMIT_MB
