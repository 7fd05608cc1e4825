"""What tests make the simulator do: scripted answers for files, and faults on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashscribe.domain.recognition.catalogue import Region

Operation = Literal["submit", "query", "list", "cancel", "result", "token", "generate", "chat"]
SYNCHRONOUS = ("generate", "chat")


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

    A synchronous call says a `text`, refuses with a `code` (and HTTP `status`, 400), or answers with `result` as its
    whole body; in a stream, with each of the result's `frames`.
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
    For synchronous calls also: `break_stream` sends half of the answer and cuts the connection, `truncate_stream` ends
    in good order before the last frame, `finish_length` says that the text was cut off (where there is such a word).
    With `match`, only requests are meant that are about a file whose decoded URL path contains it.
    """

    model_config = ConfigDict(extra="forbid")

    operation: Operation
    match: str = ""
    kind: Literal["status", "reset", "reset_after", "hang", "break_stream", "truncate_stream", "finish_length"] = (
        "status"
    )
    times: int = 1
    status: int = 500
    body: dict[str, Any] | str = Field(default_factory=lambda: {"code": "InternalError", "message": "Internal error."})
    headers: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0

    @model_validator(mode="after")
    def _only_answers_can_be_cut(self) -> Fault:
        whole = self.kind in ("status", "reset", "reset_after", "hang")
        if not whole and self.operation not in SYNCHRONOUS:
            raise ValueError(f"{self.kind} is for {' and '.join(SYNCHRONOUS)} only")
        return self


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
    """For each model; synchronous calls are counted by themselves."""
    queries_per_second: int = 20
    region: Region = Region.OTHER
    """With a real one, models and endpoints that the region does not have are refused."""
    extra_models: dict[str, str] = Field(default_factory=dict)
    """What the vendor has added since the catalogue was written: model and family."""
    nested_sentence: bool = False
    """fun-asr-flash tells its sentence as `output.output.sentence` (docs/vendor-api.md#fun-asr-flash-reply)."""
    json_sentences: Literal["last", "all"] = "last"
    """What fun-asr-flash tells without a stream: the pages show one sentence only."""


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
