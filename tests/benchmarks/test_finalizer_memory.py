"""Peak memory and time of finalizing long transcripts; printed, never judged. `make bench`.

The memory is the whole function's (interpreter, boto3's clients, Powertools), of the handler's real path from the
download to the uploads (tests/support/finalizer_process.py). tests/integration/test_long_transcript.py holds the limit.
template.yaml's MemorySize of the finalizer follows from the largest result that we accept.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dashscribe.adapters.result_download import MAX_RESULT_BYTES
from tests.support.finalizer_process import result_json, run_finalizer

LARGEST_HOURS = 53.5
LATIN, CHINESE, EMOJI = ("word",), ("天气", "我们"), ("天气", "😀")
"""Python keeps a text at 1, 2 or 4 bytes a character, by the widest that is in it."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's peak memory is read from Linux' /proc")
@pytest.mark.parametrize(
    ("hours", "channels", "words"),
    [
        (1 / 60, 1, LATIN),
        (1, 1, LATIN),
        (12, 1, LATIN),
        (12, 1, CHINESE),
        (12, 1, EMOJI),
        (12, 2, LATIN),
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
        f" peak {run.peak_mb:.0f} MB ({run.base_mb:.0f} MB + {growth:.1f} x the JSON), {run.seconds:.1f} s"
    )
    assert len(run.digests) == 6
