"""What tests configure: scripted answers for files, faults of requests, limits, and recorded requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashscribe.domain.recognition.catalogue import Region

Operation = Literal[
    "submit", "query", "list", "cancel", "result", "token", "generate", "chat", "customize", "upload_policy", "upload"
]
SYNCHRONOUS = ("generate", "chat")


def decode_path(url: str) -> str:
    """Return the percent-decoded path of a file URL; empty if it is not a URL."""
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


class FileScript(BaseModel):
    """Scripted answers for the files whose decoded URL path contains `match`, instead of recognition.

    Each submission uses the next of `answers`; the last one repeats. An answer of a task is one of:

    * `{"text": "…"}`: the transcript's text
    * `{"result": {…}}`: the result JSON
    * `{"transcription_url": "http://…"}`: the URL of the result
    * `{"code": "FILE_403_FORBIDDEN", "message": "…"}`: the file fails
    * `{"missing": true}`: the file is missing from the results
    * `{"recognise": true}`: real recognition

    `"seconds": 3` delays the answer. A synchronous call returns the `text`; refuses with the `code` (and the HTTP
    `status`, by default 400); or returns `result` as its body. A stream returns each of the result's `frames`.
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
    """A fault of the next `times` requests of an operation.

    Kinds: `status` returns `status` with `body` (an object as JSON, a text as HTML). `reset` resets the connection.
    `reset_after` handles the request and then resets the connection. `hang` delays the response by `seconds`.
    Kinds for synchronous calls only: `break_stream` sends half of the response and resets the connection.
    `truncate_stream` ends the response before its last frame, without an error. `finish_length` sets the finish reason
    `length` (for models that have one).
    With `match`, the fault applies only to requests for a file whose decoded URL path contains it.
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
    def _check_kind(self) -> Fault:
        is_for_all = self.kind in ("status", "reset", "reset_after", "hang")
        if not is_for_all and self.operation not in SYNCHRONOUS:
            raise ValueError(f"{self.kind} is for {' and '.join(SYNCHRONOUS)} only")
        return self


class Behaviour(BaseModel):
    """Settings for the points on which the vendor's documents disagree, and for delays and limits.

    All of them can be changed while the simulator runs.
    """

    model_config = ConfigDict(extra="forbid")

    api_keys: list[str] | None = None
    """The accepted keys; None accepts any key."""
    max_file_urls: int = 100
    all_failed_status: Literal["SUCCEEDED", "FAILED"] = "SUCCEEDED"
    reverse_results: bool = False
    lists_tasks: bool = True
    largest_list_page: int = 100
    """A larger `page_size` is reduced to this without an error. The vendor's maximum is not documented."""
    refuses_larger_list_pages: bool = False
    """Whether a larger `page_size` is refused instead."""
    strict: bool = False
    """Refuse what dashscribe itself would not send: unknown names, and forms that no page of the vendor shows. Tests
    use it to check our own requests."""
    latency_seconds: float = 0.0
    """The time that every response takes at least, as on a network."""
    missing_parameters_fail_the_task: bool = False
    """Whether a task without `parameters` fails, as on a workspace host (docs/vendor-api.md#workspace-hosts)."""
    upload_seconds_to_live: float = 48 * 3600
    queue_seconds: float = 0.2
    running_seconds: float = 0.0
    result_seconds_to_live: float = 24 * 3600
    submits_per_second: int | None = None
    """For each model; None is the documented limit (docs/vendor-api.md#rate-limits). Tasks and synchronous calls are
    counted separately."""
    queries_per_second: int = 20
    region: Region = Region.OTHER
    """Models and endpoints that this region does not have are refused. `OTHER` has all."""
    extra_models: dict[str, str] = Field(default_factory=dict)
    """Models that the catalogue does not have, with their family."""
    nested_sentence: bool = False
    """Whether fun-asr-flash returns `output.output.sentence` (docs/vendor-api.md#fun-asr-flash-reply)."""
    json_sentences: Literal["last", "all"] = "last"
    """The sentences that fun-asr-flash returns without a stream. The documentation shows one sentence only."""
    of_models: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Other values of these settings for the tasks of single models, such as `{"fun-asr": {"lists_tasks": false}}`."""

    @model_validator(mode="after")
    def _check_models(self) -> Behaviour:
        for model in self.of_models:
            self.of(model)
        return self

    def of(self, model: str) -> Behaviour:
        """The settings for the tasks of this model."""
        own = self.of_models.get(model)
        return Behaviour.model_validate({**self.model_dump(exclude={"of_models"}), **own}) if own else self


class Recorded(BaseModel):
    """One received request. Headers are recorded too, because the simulator is used with test keys only.

    `status` is the response's; 0 if there is none yet or none at all. `task_id` is the task of a submission, even if
    its response was not sent.
    """

    operation: str
    at: float
    status: int = 0
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    task_id: str | None = None


class Scenario:
    """The behaviour, scripts, faults and recorded requests of one simulator."""

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
            if not fault.match or any(fault.match in decode_path(url) for url in file_urls):
                fault.times -= 1
                return fault
        return None
