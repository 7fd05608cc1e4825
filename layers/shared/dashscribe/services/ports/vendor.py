"""DashScope: tasks, synchronous calls and result files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.task_replies import AcceptedTask, TaskList, TaskReply


class SpeechService(Protocol):
    """The asynchronous models. Every method raises `VendorError` when the vendor refuses or cannot answer."""

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        """Submit the files and return their task."""
        ...

    def query(self, task_id: str) -> TaskReply: ...

    def cancel(self, task_id: str) -> None:
        """Cancel a pending task. The vendor refuses any other (docs/vendor-api.md#task-cancellation)."""
        ...

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        """A page of the task list of this model, newest task first. The first page is page 1.

        The page may hold fewer entries than `page_size`. A server that refuses the size is asked for its default.
        """
        ...


class SynchronousSpeech(Protocol):
    """The synchronous models."""

    def transcribe(self, options: Options, file_url: str, extension: str) -> JsonObject:
        """Transcribe the file and return the response, or `{"frames": [...]}` of a streamed one.

        `file_url` is its presigned URL, or a data URL that contains it. Raises `VendorError`.
        """
        ...


class ResultSource(Protocol):
    """The vendor's result files."""

    def download(self, url: str, *, small_only: bool = False) -> JsonObject:
        """Download a result JSON.

        Raises `ResultUnavailable` when a retry may help, `ResultRefused` when none does, and `LargeResult` for a large
        result with `small_only`, which is set while other results are in memory.
        """
        ...
