"""Runs the finalizer in its own process, as Lambda does, so that its memory can be measured: `run_finalizer`.

The handler, boto3's clients, the download and the uploads are real. They connect to a server on loopback. Only the
records and the event bus are fakes, because they hold little.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
MS_PER_WORD = 300
WORDS_PER_SENTENCE = 10


def result_json(hours: float, channels: int = 1, words: Sequence[str] = ("word",)) -> bytes:
    """A result of DashScope with a word every 300 ms on each channel."""
    length = int(hours * 3_600_000)
    tracks = [
        {
            "channel_id": channel,
            "content_duration_in_milliseconds": length,
            "text": "",
            "sentences": [_sentence(number, words) for number in range(length // MS_PER_WORD // WORDS_PER_SENTENCE)],
        }
        for channel in range(channels)
    ]
    result = {
        "file_url": "https://media.example/a.wav?Signature=5ec7e7",
        "properties": {"original_duration_in_milliseconds": length},
        "transcripts": tracks,
    }
    return json.dumps(result, ensure_ascii=False).encode()


def _sentence(number: int, texts: Sequence[str]) -> dict[str, Any]:
    first = number * WORDS_PER_SENTENCE
    words = [
        {
            "begin_time": (first + n) * MS_PER_WORD,
            "end_time": (first + n) * MS_PER_WORD + 280,
            "text": f" {texts[n % len(texts)]}{n}",
            "punctuation": ". " if n == WORDS_PER_SENTENCE - 1 else "",
        }
        for n in range(WORDS_PER_SENTENCE)
    ]
    return {
        "begin_time": words[0]["begin_time"],
        "end_time": words[-1]["end_time"],
        "text": "".join(f"{word['text']}{word['punctuation']}" for word in words),
        "sentence_id": number + 1,
        "words": words,
    }


@dataclass(frozen=True)
class Finalized:
    """Memory and time of one run, and the SHA-256 of each stored file by name. `base_mb`: before the event.

    `cpu_seconds` is the processor time, which other processes on the machine hardly change.
    """

    base_mb: float
    peak_mb: float
    seconds: float
    cpu_seconds: float
    digests: dict[str, str]


def run_finalizer(result: bytes, interpreter: str = sys.executable) -> Finalized:
    """Finalize this result in a new process. Only Linux has /proc, which shows the peak memory of a process."""
    with _serve(result) as (address, digests):
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers" / "shared"),
            "AWS_ENDPOINT_URL": address,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "JOBS_TABLE_NAME": "jobs",
            "EVENT_BUS_NAME": "bus",
            "RESULTS_BUCKET_NAME": "results",
            "DASHSCOPE_BASE_URL": "https://dashscope-intl.aliyuncs.com",
            "RESULT_HOST_ALLOW_LIST": "127.0.0.1",
            "POWERTOOLS_SERVICE_NAME": "finalize_transcription",
            "POWERTOOLS_METRICS_NAMESPACE": "dashscribe",
            "LAMBDA_TASK_ROOT": "/var/task",  # makes Powertools trace
            "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
        }
        process = subprocess.run(
            [interpreter, "-m", "tests.support.finalizer_process", f"{address}/result.json"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    measured = json.loads(process.stdout.splitlines()[-1])
    assert measured.pop("unfinished") == [], process.stdout
    return Finalized(**measured, digests=digests)


@contextmanager
def _serve(result: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """A server that returns this result, and keeps the SHA-256 of every uploaded file."""
    digests: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # needed for `Expect: 100-continue`

        def do_GET(self) -> None:
            self._respond(result)

        def do_PUT(self) -> None:
            digest, remaining = hashlib.sha256(), int(self.headers["Content-Length"])
            while remaining:
                part = self.rfile.read(min(remaining, 65536))
                digest.update(part)
                remaining -= len(part)
            digests[unquote(self.path).rpartition("/")[2]] = digest.hexdigest()
            self._respond(b"")

        def _respond(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", digests
        finally:
            server.shutdown()


# in the new process


def _peak_mb() -> float:
    """The peak memory of this process. `getrusage` gives that of its parent when it was larger before the exec."""
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


class _Records:
    """One submitted job and its finished task."""

    def __init__(self, url: str) -> None:
        from dashscribe.domain.jobs import job_changes as jobs
        from dashscribe.domain.jobs.task import Task, TaskPhase
        from dashscribe.domain.recognition.file_outcomes import FileOutcome
        from dashscribe.domain.recognition.media import Media
        from dashscribe.domain.recognition.options import Options
        from dashscribe.domain.recognition.task_replies import SUCCEEDED
        from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS

        now = datetime(2026, 1, 1, tzinfo=UTC)
        media = Media(bucket="media", key="a.wav", version_id="v1", etag="e", size_bytes=1)
        options = Options(profile="default", model="fun-asr", parameters={}, outputs=DEFAULT_OUTPUTS)
        job = jobs.with_options(jobs.receive("j" * 32, media, now, now), options)
        self.job = jobs.submitted(jobs.claim(job, "s" * 32, now), "task", now)
        self.task = Task(
            submission_id="s" * 32,
            phase=TaskPhase.ENDED,
            model="fun-asr",
            job_ids=[self.job.job_id],
            task_id="task",
            posted_at=now,
        )
        self.outcome = FileOutcome(status=SUCCEEDED, transcription_url=url, completed_at=now)

    def save(self, job: Any) -> Any:
        self.job = job
        return job

    def find_batch(self, submission_id: str, job_ids: list[str]) -> Any:
        from dashscribe.services.ports import Batch

        return Batch(self.task, {self.job.job_id: self.outcome}, {self.job.job_id: self.job})


def _run(url: str) -> None:
    import time

    from dashscribe.wiring import finalize_service
    from functions.finalize_transcription import app

    records: Any = _Records(url)
    bus: Any = SimpleNamespace(publish=lambda *_: None)
    made = finalize_service()
    publisher = replace(made.publisher, records=records, events=bus)
    service = replace(made, records=records, publisher=publisher)
    vars(app)["finalize_service"] = lambda: service
    context: Any = SimpleNamespace(
        function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", tenant_id=None
    )
    base, started, cpu = _peak_mb(), time.perf_counter(), time.process_time()
    report = app.handler({"submission_id": records.task.submission_id, "job_ids": [records.job.job_id]}, context)
    seconds = time.perf_counter() - started
    measured = {
        "base_mb": base,
        "peak_mb": _peak_mb(),
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "unfinished": report["unfinished"],
    }
    print("\n" + json.dumps(measured))


if __name__ == "__main__":
    _run(sys.argv[1])
