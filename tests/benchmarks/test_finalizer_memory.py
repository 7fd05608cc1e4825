"""Prints the peak memory and the time of finalizing long transcripts; nothing is asserted about them. `make bench`.

The memory is that of the whole function (interpreter, boto3's clients, Powertools) from the download to the uploads
(tests/support/finalizer_process.py). tests/integration/test_long_transcript.py asserts the limit. The largest result
that we accept decides the finalizer's MemorySize in template.yaml.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dashscribe.adapters.result_download import MAX_RESULT_BYTES
from tests.support.finalizer_process import result_json, run_finalizer

LARGEST_HOURS = 53.5
LATIN, CHINESE, EMOJI = ("word",), ("天气", "我们"), ("天气", "😀")
"""Python stores a text with 1, 2 or 4 bytes per character. The widest character decides."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's peak memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("hours", "channels", "words"),
    [
        (1 / 60, 1, LATIN),
        (1, 1, LATIN),
        (12, 1, LATIN),
        (12, 1, CHINESE),
        (12, 1, EMOJI),
        (12, 2, LATIN),
        (12, 2, EMOJI),
        (LARGEST_HOURS, 1, LATIN),
        (LARGEST_HOURS, 1, EMOJI),
    ],
)
def test_memory_and_time_of_finalizing(hours: float, channels: int, words: tuple[str, ...]) -> None:
    result = result_json(hours, channels, words)
    assert len(result) <= MAX_RESULT_BYTES
    run = run_finalizer(result)
    growth = (run.peak_mb - run.base_mb) * 2**20 / len(result)
    print(
        f"\n{hours:.3g} h, {channels} channel(s), {' '.join(words)}: JSON {len(result) / 1e6:.1f} MB,"
        f" peak {run.peak_mb:.0f} MB ({run.base_mb:.0f} MB + {growth:.1f} x the JSON), {run.seconds:.1f} s,"
        f" {run.cpu_seconds:.1f} s of CPU"
    )
    assert len(run.digests) == 7
