"""What tests make the simulator do: scripted answers for files, and faults on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

Operation = Literal["submit", "query", "list", "cancel", "result"]


def decoded_path(url: str) -> str:
    """The path of a file's URL, percent-decoded; empty for what is no URL."""
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


class FileScript(BaseModel):
    """What happens to files whose decoded URL path contains `match`, instead of recognition.

    `answers` are used up one a submission, the last one stays. An answer is `{"text": "…"}`, `{"result": {…}}` (the
    result JSON), `{"transcription_url": "http://…"}` (the result is said to lie there), `{"code": "FILE_403_FORBIDDEN",
    "message": "…"}` (the file fails) or `{"missing": true}` (the task says nothing of it); with `"seconds": 3` its task
    takes that long. `"recognise": true` is the real thing again.
    """

    model_config = ConfigDict(extra="forbid")

    match: str
    answers: list[dict[str, Any]] = Field(min_length=1)
    used: int = 0

    def next_answer(self) -> dict[str, Any]:
        answer = self.answers[min(self.used, len(self.answers) - 1)]
        self.used += 1
        return answer


class Fault(BaseModel):
    """Misbehave on the next `times` requests of an operation.

    `kind`: `status` answers `status` with `body` (an object: JSON, text: HTML); `reset` cuts the connection;
    `reset_after` does what was asked and then cuts the connection; `hang` answers after `seconds`.
    With `match`, only requests are meant that are about a file whose decoded URL path contains it.
    """

    model_config = ConfigDict(extra="forbid")

    operation: Operation
    match: str = ""
    kind: Literal["status", "reset", "reset_after", "hang"] = "status"
    times: int = 1
    status: int = 500
    body: dict[str, Any] | str = Field(default_factory=lambda: {"code": "InternalError", "message": "Internal error."})
    headers: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0


class Behaviour(BaseModel):
    """How this simulator takes the vendor's contradictions, and how fast it is. All can be changed while it runs."""

    model_config = ConfigDict(extra="forbid")

    api_keys: list[str] | None = None
    """The keys that are let in; None: any."""
    max_file_urls: int = 100
    all_failed_status: Literal["SUCCEEDED", "FAILED"] = "SUCCEEDED"
    reverse_results: bool = False
    lists_tasks: bool = True
    largest_list_page: int = 100
    """A larger `page_size` is cut to this, silently: the vendor's maximum is not documented."""
    missing_parameters_fail_the_task: bool = True
    queue_seconds: float = 0.2
    running_seconds: float = 0.0
    result_seconds_to_live: float = 24 * 3600
    submits_per_second: int = 10
    queries_per_second: int = 20


class Recorded(BaseModel):
    """One request as it came in. Headers and bodies are kept: this server sees test keys only.

    `status` is that of the answer; 0 when there is none (yet). `task_id` is the task that a submission made, whether or
    not its answer arrived.
    """

    operation: str
    at: float
    status: int = 0
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    task_id: str | None = None


class Play:
    """The scripts, faults and records of one simulator."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.scripts: list[FileScript] = []
        self.faults: list[Fault] = []
        self.recorded: list[Recorded] = []

    def script_for(self, path: str) -> FileScript | None:
        return next((script for script in self.scripts if script.match in path), None)

    def take_fault(self, operation: str, file_urls: Sequence[str]) -> Fault | None:
        for fault in self.faults:
            if fault.operation != operation or fault.times <= 0:
                continue
            if not fault.match or any(fault.match in decoded_path(url) for url in file_urls):
                fault.times -= 1
                return fault
        return None
