"""The finalizer's memory has a limit: a long transcript must not come to need a larger function unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.finalizer_process import result_json, run_finalizer

LIMIT_MB = 256
"""180 MB were measured; without care (both trees of words as pydantic models, all files at once) it was 300 MB."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's peak memory is read from Linux' /proc")
def test_twelve_hours_with_every_word_timed_are_finalized_in_256_mb() -> None:
    run = run_finalizer(result_json(hours=12))
    assert set(run.digests) == {
        "result.json",
        "transcript.json",
        "transcript.txt",
        "transcript.srt",
        "transcript.vtt",
        "job.json",
    }
    assert run.peak_mb < LIMIT_MB
