"""A task's life: PENDING, RUNNING, then SUCCEEDED or FAILED, with the vendor's timestamps and error codes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
import uuid
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from dashscribe.domain.timestamps import VENDOR_ZONE
from local.simulator.play import Play, decoded_path
from local.simulator.recognition import RecognitionError, recognise

CONTAINER_HOST = "host.docker.internal"
"""How a function inside a container names this machine; its presigned URLs say so, and we are that machine."""


@dataclass
class FileResult:
    """One file of a task. `document` is its result JSON, `said_to_be_at` a scripted address of it that is not ours."""

    url: str
    document: dict[str, Any] | None = None
    said_to_be_at: str | None = None
    code: str | None = None
    message: str | None = None
    missing: bool = False
    done: bool = False


@dataclass
class SimulatedTask:
    """One submission."""

    task_id: str
    model: str
    parameters: dict[str, Any] | None
    files: list[FileResult]
    submitted_at: float
    status: str = "PENDING"
    scheduled_at: float | None = None
    ended_at: float | None = None
    code: str | None = None
    message: str | None = None
    api_key_id: str = "simulator"
    result_paths: dict[str, str] = field(default_factory=dict)


def vendor_time(moment: float) -> str:
    """UTC+8 without a zone (API reference 3.2)."""
    return datetime.fromtimestamp(moment, UTC).astimezone(VENDOR_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class TaskRoom:
    """Every task of one simulator, and the signed result files they leave behind."""

    def __init__(self, play: Play, recognisers: Executor, public_url: str) -> None:
        self.play = play
        self.tasks: dict[str, SimulatedTask] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self._recognisers = recognisers
        self._public_url = public_url
        self._signing_key = secrets.token_bytes(16)
        self._running: set[asyncio.Task[None]] = set()
        # A burst waits for a free connection as long as it takes: that is our queue, not a slow file server.
        self._downloads = httpx.AsyncClient(timeout=httpx.Timeout(30, pool=None), follow_redirects=False)

    def submit(self, model: str, urls: list[str], parameters: dict[str, Any] | None) -> SimulatedTask:
        task = SimulatedTask(
            task_id=str(uuid.uuid4()),
            model=model,
            parameters=parameters,
            files=[FileResult(url) for url in urls],
            submitted_at=time.time(),
        )
        self.tasks[task.task_id] = task
        running = asyncio.create_task(self._live(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return task

    async def close(self) -> None:
        await self.stop_working()
        await self._downloads.aclose()

    async def stop_working(self) -> None:
        """No task goes on: what has not ended is cancelled, and uses up nobody's script later."""
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for task in self.tasks.values():
            if task.ended_at is None:
                task.status, task.ended_at = "CANCELED", time.time()

    async def _live(self, task: SimulatedTask) -> None:
        behaviour = self.play.behaviour
        await asyncio.sleep(behaviour.queue_seconds)
        if task.status != "PENDING":
            return
        task.status, task.scheduled_at = "RUNNING", time.time()
        if task.parameters is None and behaviour.missing_parameters_fail_the_task:
            task.code, task.message = "InvalidParameter", "parameters is required"
        else:
            await asyncio.gather(*(self._file(file, task.parameters or {}) for file in task.files))
        await asyncio.sleep(behaviour.running_seconds)
        if task.status != "RUNNING":
            return
        worked = [file for file in task.files if file.document is not None]
        spoken_of = [file for file in task.files if not file.missing]
        if task.code is not None:
            task.status = "FAILED"
        elif worked or not spoken_of or behaviour.all_failed_status == "SUCCEEDED":
            task.status = "SUCCEEDED"
        else:
            task.status, task.code, task.message = "FAILED", spoken_of[0].code, spoken_of[0].message
        task.ended_at = time.time()

    async def _file(self, file: FileResult, parameters: dict[str, Any]) -> None:
        script = self.play.script_for(decoded_path(file.url))
        answer: dict[str, Any] = script.next_answer() if script else {}
        await asyncio.sleep(answer.get("seconds", 0))
        try:
            if "text" in answer:
                file.document = _spoken(answer["text"])
            elif "result" in answer:
                file.document = dict(answer["result"])
            elif "transcription_url" in answer:
                file.document, file.said_to_be_at = {}, answer["transcription_url"]
            elif "code" in answer:
                raise RecognitionError(answer["code"], answer.get("message", ""))
            elif answer.get("missing"):
                file.missing = True
            else:
                media = await self._download(file.url)
                channels = parameters.get("channel_id") or [0]
                loop = asyncio.get_running_loop()
                file.document = await loop.run_in_executor(self._recognisers, recognise, media, channels)
        except RecognitionError as error:
            file.code, file.message = error.code, str(error)
        except Exception:  # or the task would never end
            logging.exception("recognition failed")
            file.code, file.message = "InternalError.Algo", "An internal error has occurred during execution."
        if file.document is not None:
            file.document = {"file_url": file.url, **file.document}
        file.done = True

    async def _download(self, url: str) -> bytes:
        """GET the presigned URL byte for byte. The container's name for this machine is this machine's loopback."""
        if not url.isascii() or " " in url:  # the vendor does not encode what the caller left unencoded (section 8)
            raise RecognitionError("InvalidFile.DownloadFailed", "The audio file cannot be downloaded.")
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise RecognitionError("REQUEST_INVALID_FILE_URL_VALUE") from error
        headers = {}
        if parts.host == CONTAINER_HOST:
            headers["Host"] = parts.netloc.decode()
            url = url.replace(f"//{CONTAINER_HOST}", "//127.0.0.1", 1)
        try:
            response = await self._downloads.get(url, headers=headers)
        except httpx.HTTPError as error:
            raise RecognitionError("FILE_DOWNLOAD_FAILED", "The audio file cannot be downloaded.") from error
        if response.status_code == 403:
            raise RecognitionError("FILE_403_FORBIDDEN")
        if response.status_code == 404:
            raise RecognitionError("FILE_404_NOT_FOUND")
        if response.status_code >= 500:
            raise RecognitionError("FILE_SERVER_ERROR")
        if response.status_code != 200:
            raise RecognitionError("FILE_DOWNLOAD_FAILED", f"HTTP {response.status_code}")
        return response.content

    # replies

    def reply(self, task: SimulatedTask) -> dict[str, Any]:
        """`output` and `usage` of a query (API reference 3.1): results only at the end, counters while running."""
        output: dict[str, Any] = {
            "task_id": task.task_id,
            "task_status": task.status,
            "submit_time": vendor_time(task.submitted_at),
        }
        if task.scheduled_at is not None:
            output["scheduled_time"] = vendor_time(task.scheduled_at)
        if task.status in ("PENDING", "RUNNING", "SUCCEEDED", "FAILED"):
            output["task_metrics"] = {
                "TOTAL": len(task.files),
                "SUCCEEDED": sum(file.document is not None for file in task.files),
                "FAILED": sum(file.code is not None for file in task.files),
            }
        if task.ended_at is None:
            return {"output": output}
        output["end_time"] = vendor_time(task.ended_at)
        if task.code is not None:
            output |= {"code": task.code, "message": task.message or task.code}
        files = [file for file in task.files if not file.missing]
        results = [self._subtask(task, file) for file in files if file.done]
        if results:
            output["results"] = results[::-1] if self.play.behaviour.reverse_results else results
        reply: dict[str, Any] = {"output": output}
        if task.status == "SUCCEEDED":
            reply["usage"] = {"duration": sum(_billed(file.document) for file in files if file.document)}
        return reply

    def _subtask(self, task: SimulatedTask, file: FileResult) -> dict[str, Any]:
        if file.document is None:
            return {
                "file_url": file.url,
                "code": file.code,
                "message": file.message or file.code,
                "subtask_status": "FAILED",
            }
        return {
            "file_url": file.url,
            "transcription_url": file.said_to_be_at or self._result_url(task, file),
            "subtask_status": "SUCCEEDED",
        }

    def _result_url(self, task: SimulatedTask, file: FileResult) -> str:
        """Signed, expiring, with `%3A` in its path, like the vendor's (API reference 3.4). A query signs it anew."""
        path = task.result_paths.setdefault(
            file.url, f"/results/{task.model}/{vendor_time(task.submitted_at).replace(' ', '/')}/{uuid.uuid4()}-1.json"
        )
        self.results[path] = file.document or {}
        expires = int(time.time() + self.play.behaviour.result_seconds_to_live)
        signature = quote(self._signature(path, expires), safe="")
        query = f"Expires={expires}&OSSAccessKeyId=simulator&Signature={signature}"
        return f"{self._public_url}{quote(path, safe='/')}?{query}"

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._signing_key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def result(self, path: str, expires: str, signature: str) -> dict[str, Any] | None:
        """A result file, if its URL is whole and still alive."""
        if not expires.isascii() or not expires.isdigit():
            return None
        if not hmac.compare_digest(signature.encode(), self._signature(path, int(expires)).encode()):
            return None
        return self.results.get(path) if time.time() < int(expires) else None


def _billed(document: dict[str, Any]) -> int:
    """Seconds of speech, each track on its own (API reference 3.3). A scripted result need not look like one."""
    tracks = document.get("transcripts")
    if not isinstance(tracks, list):
        return 0
    lengths = [track.get("content_duration_in_milliseconds") for track in tracks if isinstance(track, dict)]
    return sum(-(-length // 1000) for length in lengths if isinstance(length, int))


def _spoken(text: str) -> dict[str, Any]:
    """A result JSON for a scripted text: 300 ms a word."""
    words = [
        {"begin_time": 300 * n, "end_time": 300 * n + 280, "text": (" " if n else "") + word, "punctuation": ""}
        for n, word in enumerate(text.split())
    ]
    length = 300 * len(words)
    sentence = {"begin_time": 0, "end_time": length, "text": text, "sentence_id": 1, "words": words}
    return {
        "properties": {
            "audio_format": "pcm_s16le",
            "channels": [0],
            "original_sampling_rate": 16000,
            "original_duration_in_milliseconds": length + 500,
        },
        "transcripts": [
            {"channel_id": 0, "content_duration_in_milliseconds": length, "text": text, "sentences": [sentence]}
        ],
    }
