"""Tasks, which are PENDING, then RUNNING, then SUCCEEDED or FAILED, with the vendor's timestamps and error codes."""

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
from local.simulator.recognition import RecognitionError
from local.simulator.results import task_document
from local.simulator.scenario import Scenario
from local.simulator.speakers import Diarization
from local.simulator.transcriber import Transcriber, document_for_text
from local.simulator.usage import duration_ms, full_seconds, speech_seconds


@dataclass
class FileResult:
    """One file of a task.

    `document` is its result JSON. `scripted_result_url` replaces the URL of that document. `billed` is the number of
    seconds in the task's usage: of speech or of the recording, depending on the model family
    (docs/vendor-api.md#usage).
    """

    url: str
    document: dict[str, Any] | None = None
    billed: int = 0
    scripted_result_url: str | None = None
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
        """Whether its reply has `result` for one file, and not `results`."""
        return self.spec.shape is RequestShape.FILE_URL


def _read_diarization(parameters: dict[str, Any]) -> Diarization | None:
    return Diarization(parameters.get("speaker_count")) if parameters.get("diarization_enabled") else None


def vendor_time(moment: float) -> str:
    """Format a time as UTC+8 without a time zone (docs/vendor-api.md#time-zones)."""
    return datetime.fromtimestamp(moment, UTC).astimezone(VENDOR_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class TaskStore:
    """All tasks of one simulator, and their signed result files."""

    def __init__(self, scenario: Scenario, transcriber: Transcriber, public_url: str) -> None:
        self.scenario = scenario
        self.tasks: dict[str, SimulatedTask] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self._transcriber = transcriber
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
        running = asyncio.create_task(self._run(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return task

    async def cancel_all(self) -> None:
        """Cancel all tasks that have not ended, so that they use no scripted answer later."""
        for running in list(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for task in self.tasks.values():
            if task.ended_at is None:
                task.status, task.ended_at = "CANCELED", time.time()

    async def _run(self, task: SimulatedTask) -> None:
        behaviour = self.scenario.behaviour.of(task.model)
        await asyncio.sleep(behaviour.queue_seconds)
        if task.status != "PENDING":
            return
        task.status, task.scheduled_at = "RUNNING", time.time()
        if task.parameters is None and behaviour.missing_parameters_fail_the_task:
            task.code, task.message = "InvalidParameter", "parameters is required"
        else:
            await asyncio.gather(*(self._process_file(task, file) for file in task.files))
        await asyncio.sleep(behaviour.running_seconds)
        if task.status != "RUNNING":
            return
        listed = [file for file in task.files if not file.missing]
        failures = [file for file in listed if file.document is None]
        fails_with_its_files = task.takes_one_file or behaviour.all_failed_status == "FAILED"
        if task.code is not None:
            task.status = "FAILED"
        elif listed and len(failures) == len(listed) and fails_with_its_files:
            task.status, task.code, task.message = "FAILED", failures[0].code, failures[0].message
        else:
            task.status = "SUCCEEDED"
        task.ended_at = time.time()

    async def _process_file(self, task: SimulatedTask, file: FileResult) -> None:
        answer = await self._transcriber.take_scripted_answer(file.url)
        try:
            if "result" in answer:
                file.document = dict(answer["result"])
                file.billed = speech_seconds(file.document)
            elif "transcription_url" in answer:
                file.document, file.scripted_result_url = {}, answer["transcription_url"]
            elif "code" in answer:
                raise RecognitionError(answer["code"], answer.get("message", ""))
            elif answer.get("missing"):
                file.missing = True
            else:
                await self._transcribe(task, file, answer.get("text"))
        except RecognitionError as error:
            file.code, file.message = error.code, str(error)
        except Exception:  # otherwise the task would never end
            logging.exception("recognition failed")
            file.code, file.message = "InternalError.Algo", "An internal error has occurred during execution."
        if file.document is not None:
            file.document = {"file_url": file.url, **file.document}
        file.done = True

    async def _transcribe(self, task: SimulatedTask, file: FileResult, text: str | None) -> None:
        parameters = task.parameters or {}
        diarization = None if task.takes_one_file else _read_diarization(parameters)
        if text is not None:
            recognised = document_for_text(text, diarization)
        else:
            media = await self._transcriber.download(file.url)
            channels = parameters.get("channel_id") or [0]
            recognised = await self._transcriber.recognise(media, channels, diarization=diarization)
        file.document = task_document(task.spec, file.url, recognised, parameters)
        # Qwen3-ASR reports the recording, whatever the number of channels (docs/vendor-api.md#usage).
        file.billed = full_seconds(duration_ms(recognised)) if task.takes_one_file else speech_seconds(file.document)

    # replies

    def reply(self, task: SimulatedTask) -> dict[str, Any]:
        """Return `output` and `usage` of a query (docs/vendor-api.md#task-query).

        A running task has counters, a task that has ended has results.
        """
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
            is_reversed = self.scenario.behaviour.of(task.model).reverse_results
            output["results"] = results[::-1] if is_reversed else results
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
            "transcription_url": file.scripted_result_url or self._result_url(task, file),
            "subtask_status": "SUCCEEDED",
        }

    def _result_url(self, task: SimulatedTask, file: FileResult) -> str:
        """Return a signed URL that expires, with `%3A` in its path (docs/vendor-api.md#result-url). Each query signs it
        again."""
        path = task.result_paths.setdefault(
            file.url, f"/results/{task.model}/{vendor_time(task.submitted_at).replace(' ', '/')}/{uuid.uuid4()}-1.json"
        )
        self.results[path] = file.document or {}
        expires = int(time.time() + self.scenario.behaviour.result_seconds_to_live)
        signature = quote(self._signature(path, expires), safe="")
        query = f"Expires={expires}&OSSAccessKeyId=simulator&Signature={signature}"
        return f"{self._public_url}{quote(path, safe='/')}?{query}"

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._signing_key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def result(self, path: str, expires: str, signature: str) -> dict[str, Any] | None:
        """Return a result file; None if its URL was changed or has expired."""
        if not expires.isascii() or not expires.isdigit():
            return None
        if not hmac.compare_digest(signature.encode(), self._signature(path, int(expires)).encode()):
            return None
        return self.results.get(path) if time.time() < int(expires) else None
