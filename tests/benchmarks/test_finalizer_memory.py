"""Peak memory and time of making all files of a long transcript; printed, never judged. `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MS_A_WORD = 300
WORDS_A_SENTENCE = 10
_MEASURED = """
import json, resource, sys, time
from dashscribe.domain.job import Status
from dashscribe.domain.transcript import VendorResult, neutral
from dashscribe.services.finalize import _files
from local.documents import sample_job

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

base, body = peak(), open(sys.argv[1], "rb").read()
started = time.perf_counter()
reply = json.loads(body)
transcript = neutral(VendorResult.model_validate(reply), job_id="j", model="fun-asr", media="s3://b/k")
job = sample_job(Status.SUCCEEDED)
written = sum(len(file.body) for file in _files(job.result, reply, transcript, job))
print(json.dumps({"base_mb": base, "peak_mb": peak(), "seconds": time.perf_counter() - started, "written": written}))
"""


def vendor_result(hours: float) -> dict[str, Any]:
    """A result JSON with a word every 300 ms."""
    sentences = []
    for number in range(int(hours * 3_600_000 / MS_A_WORD / WORDS_A_SENTENCE)):
        first = number * WORDS_A_SENTENCE
        words = [
            {
                "begin_time": (first + n) * MS_A_WORD,
                "end_time": (first + n) * MS_A_WORD + 280,
                "text": f" word{n}",
                "punctuation": ". " if n == WORDS_A_SENTENCE - 1 else "",
            }
            for n in range(WORDS_A_SENTENCE)
        ]
        text = "".join(f"{word['text']}{word['punctuation']}" for word in words)
        sentences.append(
            {
                "begin_time": words[0]["begin_time"],
                "end_time": words[-1]["end_time"],
                "text": text,
                "sentence_id": number + 1,
                "words": words,
            }
        )
    length = int(hours * 3_600_000)
    track = {"channel_id": 0, "content_duration_in_milliseconds": length, "text": "", "sentences": sentences}
    return {"properties": {"original_duration_in_milliseconds": length}, "transcripts": [track]}


@pytest.mark.parametrize("hours", [1 / 60, 1, 12])
def test_memory_and_time_of_finalizing(hours: float, tmp_path: Path) -> None:
    document = tmp_path / "result.json"
    document.write_text(json.dumps(vendor_result(hours)))
    environment = {"POWERTOOLS_SERVICE_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "d"}
    measured = json.loads(
        subprocess.check_output([sys.executable, "-c", _MEASURED, str(document)], env=environment, text=True)
    )
    size = document.stat().st_size / 1e6
    growth = measured["peak_mb"] - measured["base_mb"]
    print(
        f"\n{hours:g} h: JSON {size:.1f} MB, peak {measured['peak_mb']:.0f} MB"
        f" ({growth / size:.1f} x the JSON above {measured['base_mb']:.0f} MB), {measured['seconds']:.1f} s"
    )
    assert measured["written"] > 0
