"""DashScope in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask, ListedTask, TaskList, TaskReply
from dashscribe.domain.timestamps import VENDOR_ZONE
from dashscribe.errors import (
    ErrorClass,
    LargeResult,
    ResponseLost,
    ResultUnavailable,
    VendorError,
)
from tests.support.crashes import Crashes


@dataclass
class VendorTask:
    urls: list[str]
    ready_at: datetime
    accepted_at: datetime
    parameters: JsonObject = field(default_factory=dict)
    listed_as_ended: bool = False


@dataclass
class Vendor:
    """A DashScope whose tasks take `seconds`.

    `file_outcomes` maps a key to the outcomes of its submissions, in order: `ok`, an error code of the file, or
    `missing` (left out of the reply). The last one is repeated. The next submissions raise `refusals`, the next queries
    `query_errors`. Submissions of `refused_models` and with `refused_keys` are refused.
    The next `responses_to_lose` submissions are accepted, and their responses are lost. The next `accepted_with_error`
    submissions are accepted, and get HTTP 502. `endings` has
    the tasks that do not end as SUCCEEDED: task id → (status, code). `forgotten` tasks are unknown to queries. With
    `omits_file_names` a reply does not name its only file, as that of qwen3-asr-flash-filetrans. `echo` is how a reply
    names a file's URL. A new task is unknown to queries `unknown_for` some time.

    The task list has at most `largest_page` entries a page, is `list_seconds_behind`, reports the tasks
    `listed_as_running` as running for ever, and leaves out the `unlisted` ones. It also has `foreign_tasks`, of other
    programs: (created, whether it has ended).
    """

    crashes: Crashes
    clock: Callable[[], datetime]
    api_key: Callable[[], str]
    seconds: float = 3
    file_outcomes: dict[str, list[str]] = field(default_factory=dict)
    refusals: list[VendorError] = field(default_factory=list)
    refused_models: dict[str, VendorError] = field(default_factory=dict)
    refused_keys: dict[str, VendorError] = field(default_factory=dict)
    query_errors: list[VendorError] = field(default_factory=list)
    tasks: dict[str, VendorTask] = field(default_factory=dict)
    max_files: int = 100
    queries: int = 0
    forgotten: set[str] = field(default_factory=set)
    results: dict[str, JsonObject] = field(default_factory=dict)
    downloads_to_fail: int = 0
    large_results: set[str] = field(default_factory=set)
    list_refusal: VendorError | None = None
    cancelled: list[str] = field(default_factory=list)
    list_pages: int = 0
    largest_page: int = 100
    list_seconds_behind: float = 0
    listed_as_running: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    foreign_tasks: list[tuple[datetime, bool]] = field(default_factory=list)
    before_list_page: Callable[[], object] | None = None
    responses_to_lose: int = 0
    accepted_with_error: int = 0
    accepts_late_by: timedelta = timedelta(0)
    endings: dict[str, tuple[str, str]] = field(default_factory=dict)
    omits_file_names: bool = False
    audio_ms: int = 1000
    echo: Callable[[str], str] = str
    unknown_for: timedelta = timedelta(0)

    def submissions_of(self, key: str) -> int:
        return sum(key_in(url) == key for task in self.tasks.values() for url in task.urls)

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        self.api_key()

        def effect() -> AcceptedTask:
            refused = [self.refused_keys[key] for url in file_urls if (key := key_in(url)) in self.refused_keys]
            if refused or spec.name in self.refused_models:
                raise refused[0] if refused else self.refused_models[spec.name]
            if self.refusals:
                raise self.refusals.pop(0)
            if len(file_urls) > self.max_files:
                raise VendorError("InvalidParameter", "too many file_urls", ErrorClass.PERMANENT, 400)
            task_id = f"task-{len(self.tasks)}"
            now = self.clock() + (self.accepts_late_by if self.responses_to_lose else timedelta(0))
            self.tasks[task_id] = VendorTask(list(file_urls), now + timedelta(seconds=self.seconds), now, parameters)
            if self.responses_to_lose:
                self.responses_to_lose -= 1
                raise ResponseLost("reset after the request was sent")
            if self.accepted_with_error:
                self.accepted_with_error -= 1
                raise VendorError("HTTP_502", "bad gateway", ErrorClass.RETRYABLE, 502)
            return AcceptedTask(task_id, f"request-{task_id}")

        accepted: AcceptedTask = self.crashes.around("POST", effect)
        return accepted

    def cancel(self, task_id: str) -> None:
        self.cancelled.append(task_id)

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        """A page of the present list, newest task first."""
        self.list_pages += 1
        self.api_key()
        if self.list_refusal is not None:
            raise self.list_refusal
        if self.before_list_page is not None:
            self.before_list_page()
        size = min(page_size, self.largest_page)
        entries = self._entries()
        data = self._listed(entries[(page - 1) * size : page * size])
        return self.crashes.read("list", TaskList(total_page=-(-len(entries) // size), page_size=size, data=data))

    def _entries(self) -> list[tuple[datetime, str, bool]]:
        """(created, task id, has ended) of each task."""
        at = self.clock() - timedelta(seconds=self.list_seconds_behind)
        ours = [
            (
                task.accepted_at,
                name,
                task.listed_as_ended or (task.ready_at <= at and name not in self.listed_as_running),
            )
            for name, task in self.tasks.items()
            if task.accepted_at <= at and name not in self.unlisted
        ]
        foreign = [(moment, f"foreign-{number}", over) for number, (moment, over) in enumerate(self.foreign_tasks)]
        return sorted(ours + foreign, key=lambda entry: entry[0], reverse=True)

    def _listed(self, entries: Sequence[tuple[datetime, str, bool]]) -> list[ListedTask]:
        return [
            ListedTask(
                task_id=name, status="SUCCEEDED" if over else "RUNNING", gmt_create=int(created.timestamp() * 1000)
            )
            for created, name, over in entries
        ]

    def query(self, task_id: str) -> TaskReply:
        self.queries += 1
        self.api_key()
        if self.query_errors:
            raise self.query_errors.pop(0)
        return self.crashes.read(
            "query", TaskReply.model_validate({"request_id": f"query-{self.queries}", "output": self._output(task_id)})
        )

    def _output(self, task_id: str) -> JsonObject:
        task = self.tasks.get(task_id)
        if task is None or task_id in self.forgotten or self.clock() < task.accepted_at + self.unknown_for:
            return {"task_id": task_id, "task_status": "UNKNOWN"}
        if self.clock() < task.ready_at:
            return {"task_id": task_id, "task_status": "RUNNING"}
        if task_id in self.endings:
            status, code = self.endings[task_id]
            return {"task_id": task_id, "task_status": status, "code": code, "message": code}
        results = [result for url in task.urls if (result := self._result(url, task_id)) is not None]
        if self.omits_file_names and results and results[0].get("transcription_url"):
            result = {"transcription_url": results[0]["transcription_url"]}
            return {"task_id": task_id, "task_status": "SUCCEEDED", "result": result}
        ended = task.ready_at.astimezone(VENDOR_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        return {"task_id": task_id, "task_status": "SUCCEEDED", "end_time": ended, "results": results[::-1]}

    def outcome_of(self, url: str, task_id: str) -> str:
        """What this task returns for this file."""
        key = key_in(url)
        outcomes = self.file_outcomes.get(key, ["ok"])
        if len(outcomes) == 1:
            return outcomes[0]
        tasks = [name for name, task in self.tasks.items() if key in map(key_in, task.urls)]
        return outcomes[min(tasks.index(task_id), len(outcomes) - 1)]

    def _result(self, url: str, task_id: str) -> JsonObject | None:
        key, outcome = key_in(url), self.outcome_of(url, task_id)
        if outcome == "missing":
            return None
        if outcome != "ok":
            return {"file_url": self.echo(url), "subtask_status": "FAILED", "code": outcome, "message": outcome}
        version = parse_qs(urlsplit(url).query).get("versionId", [""])[0]
        result_url = f"https://results.aliyuncs.com/{task_id}/{key}{version}?Signature=secret"
        word = {"begin_time": 0, "end_time": 900, "text": f"said {key}{version}", "punctuation": "."}
        sentence = {
            "begin_time": 0,
            "end_time": 900,
            "text": f"said {key}{version}.",
            "sentence_id": 1,
            "words": [word],
        }
        self.results[result_url] = {
            "file_url": self.echo(url),
            "properties": {"original_duration_in_milliseconds": self.audio_ms},
            "transcripts": [
                {
                    "channel_id": 0,
                    "content_duration_in_milliseconds": 900,
                    "text": f"said {key}{version}.",
                    "sentences": [sentence],
                }
            ],
        }
        return {"file_url": self.echo(url), "subtask_status": "SUCCEEDED", "transcription_url": result_url}

    def download(self, url: str, *, small_only: bool = False) -> JsonObject:
        if small_only and url in self.large_results:
            raise LargeResult("The result is large.")
        if self.downloads_to_fail:
            self.downloads_to_fail -= 1
            raise ResultUnavailable("The result's host answered HTTP 403.")
        return self.crashes.read("download", self.results[url])


def key_in(url: str) -> str:
    return unquote(url.partition("amazonaws.com/")[2].partition("?")[0])
