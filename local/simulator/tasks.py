"""A task's life: PENDING, RUNNING, then SUCCEEDED or FAILED, with the vendor's timestamps and error codes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from dashscribe.domain.recognition.catalogue import ModelSpec, RequestShape
from dashscribe.domain.timestamps import VENDOR_ZONE
from local.simulator.listening import Listener, seconds_of, spoken
from local.simulator.play import Play
from local.simulator.recognition import RecognitionError
from local.simulator.results import qwen3_document


@dataclass
class FileResult:
    """One file of a task. `document` is its result JSON, `said_to_be_at` a scripted address of it that is not ours.

    `billed` is in seconds: of speech, or of the recording, as the model's family counts (docs/vendor-api.md#usage).
    """

    url: str
    document: dict[str, Any] | None = None
    billed: int = 0
    said_to_be_at: str | None = None
    code: str | None = None
    message: str | None = None
    missing: bool = False
    done: bool = False


@dataclass
class SimulatedTask:
    """One submission."""

    task_id: str
    spec: ModelSpec
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

    @property
    def model(self) -> str:
        return self.spec.name

    @property
    def takes_one_file(self) -> bool:
        """Whether its reply is about one file (`result`) and not a list of them (`results`)."""
        return self.spec.shape is RequestShape.FILE_URL


def vendor_time(moment: float) -> str:
    """UTC+8 without a zone (docs/vendor-api.md#time-zones)."""
    return datetime.fromtimestamp(moment, UTC).astimezone(VENDOR_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class TaskRoom:
    """Every task of one simulator, and the signed result files they leave behind."""

    def __init__(self, play: Play, listener: Listener, public_url: str) -> None:
        self.play = play
        self.tasks: dict[str, SimulatedTask] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self._listener = listener
        self._public_url = public_url
        self._signing_key = secrets.token_bytes(16)
        self._running: set[asyncio.Task[None]] = set()

    def submit(self, spec: ModelSpec, urls: list[str], parameters: dict[str, Any] | None) -> SimulatedTask:
        task = SimulatedTask(
            task_id=str(uuid.uuid4()),
            spec=spec,
            parameters=parameters,
            files=[FileResult(url) for url in urls],
            submitted_at=time.time(),
        )
        self.tasks[task.task_id] = task
        running = asyncio.create_task(self._live(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return task

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
            await asyncio.gather(*(self._file(task, file) for file in task.files))
        await asyncio.sleep(behaviour.running_seconds)
        if task.status != "RUNNING":
            return
        spoken_of = [file for file in task.files if not file.missing]
        failures = [file for file in spoken_of if file.document is None]
        failed_alone = task.takes_one_file or behaviour.all_failed_status == "FAILED"
        if task.code is not None:
            task.status = "FAILED"
        elif spoken_of and len(failures) == len(spoken_of) and failed_alone:
            task.status, task.code, task.message = "FAILED", failures[0].code, failures[0].message
        else:
            task.status = "SUCCEEDED"
        task.ended_at = time.time()

    async def _file(self, task: SimulatedTask, file: FileResult) -> None:
        answer = await self._listener.scripted_answer(file.url)
        try:
            if "result" in answer:
                file.document = dict(answer["result"])
                file.billed = _speech_seconds(file.document)
            elif "transcription_url" in answer:
                file.document, file.said_to_be_at = {}, answer["transcription_url"]
            elif "code" in answer:
                raise RecognitionError(answer["code"], answer.get("message", ""))
            elif answer.get("missing"):
                file.missing = True
            else:
                await self._transcribe(task, file, answer.get("text"))
        except RecognitionError as error:
            file.code, file.message = error.code, str(error)
        except Exception:  # or the task would never end
            logging.exception("recognition failed")
            file.code, file.message = "InternalError.Algo", "An internal error has occurred during execution."
        if file.document is not None:
            file.document = {"file_url": file.url, **file.document}
        file.done = True

    async def _transcribe(self, task: SimulatedTask, file: FileResult, text: str | None) -> None:
        parameters = task.parameters or {}
        if text is not None:
            heard = spoken(text)
        else:
            media = await self._listener.download(file.url)
            heard = await self._listener.recognise(media, parameters.get("channel_id") or [0])
        if task.takes_one_file:
            file.document = qwen3_document(file.url, heard, parameters)
            file.billed = seconds_of(heard) * len(heard["transcripts"])
        else:
            file.document, file.billed = heard, _speech_seconds(heard)

    # replies

    def reply(self, task: SimulatedTask) -> dict[str, Any]:
        """`output` and `usage` of a query (docs/vendor-api.md#task-query): results only at the end, counters while
        running."""
        output: dict[str, Any] = {
            "task_id": task.task_id,
            "task_status": task.status,
            "submit_time": vendor_time(task.submitted_at),
        }
        if task.scheduled_at is not None:
            output["scheduled_time"] = vendor_time(task.scheduled_at)
        if task.ended_at is None or (task.status != "CANCELED" and not task.takes_one_file):
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
        results = [self._subtask(task, file) for file in task.files if file.done and not file.missing]
        if results and not task.takes_one_file:
            output["results"] = results[::-1] if self.play.behaviour.reverse_results else results
        reply: dict[str, Any] = {"output": output}
        if task.status == "SUCCEEDED":
            if results and task.takes_one_file:
                output["result"] = {"transcription_url": results[0]["transcription_url"]}
            billed = sum(file.billed for file in task.files)
            reply["usage"] = {"seconds" if task.takes_one_file else "duration": billed}
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
        """Signed, expiring, with `%3A` in its path, like the vendor's (docs/vendor-api.md#result-url). A query signs
        it anew."""
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


def _speech_seconds(document: dict[str, Any]) -> int:
    """Seconds of speech, each track on its own (docs/vendor-api.md#usage). A scripted result need not look like one."""
    tracks = document.get("transcripts")
    if not isinstance(tracks, list):
        return 0
    lengths = [track.get("content_duration_in_milliseconds") for track in tracks if isinstance(track, dict)]
    return sum(-(-length // 1000) for length in lengths if isinstance(length, int))
