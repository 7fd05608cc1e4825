"""The real services in memory and in virtual time: every port is a fake, and a function can be killed at every call.

`World.step()` is one round: SQS delivers, the loop makes a pass, finalizers run, and time passes. `Kill`, raised before
or after a side effect, has the effect of SIGKILL: nothing after it happens, and nothing before it is undone.
`Crashes.interleave_at` runs another function, from its start to its end, after a read or before a side effect.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, quote, unquote, urlsplit

from dashscribe.adapters.dynamodb.items import from_item, to_item
from dashscribe.builders import (
    PollQueues,
    PollTuning,
    SubmissionPorts,
    TablePorts,
    build_poll_service,
    build_submit_service,
    build_transcribe_service,
)
from dashscribe.domain.jobs.events import (
    DETAIL_TYPES,
    Detail,
    PauseDetail,
    delay_detail_of,
    detail_of,
    pause_detail,
    pause_detail_type,
)
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Announcement, Pauses, start_pause
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.catalogue import ModelSpec, Region
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.recognition.task_replies import AcceptedTask, FileOutcome, ListedTask, TaskList, TaskReply
from dashscribe.domain.timestamps import VENDOR_ZONE
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.domain.transcripts.result_files import results_of
from dashscribe.errors import (
    ErrorClass,
    LargeResult,
    MediaGone,
    PublishFailed,
    RecordUnreadable,
    ResponseLost,
    ResultUnavailable,
    StaleRecord,
    TextUnusable,
    VendorError,
)
from dashscribe.services.finalize import FinalizeReport, FinalizeService
from dashscribe.services.messages import FinalizeRequest
from dashscribe.services.polling.poll import PassReport, PollService
from dashscribe.services.ports import DeadLetter, DueRecord, DueTask, Message, StoredTranscript
from dashscribe.services.publish import EndPublisher
from dashscribe.services.submission.report import SubmitReport
from dashscribe.services.submission.submit import SubmitService
from dashscribe.services.transcribe import TranscribeService
from dashscribe.settings import PollSettings, SubmitSettings, TranscribeSettings
from tests.support.caller import Caller
from tests.support.crashes import Crashes, Kill
from tests.support.vocabularies import VendorVocabularies, VocabularyRecordsFake

START = datetime(2026, 1, 1, tzinfo=UTC)
SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"
DELAYED = "Transcription Delayed"
MEDIA_BUCKET, RESULTS_BUCKET = "media", "results"
ENVIRON = {
    "JOBS_TABLE_NAME": "jobs",
    "EVENT_BUS_NAME": "bus",
    "RESULTS_BUCKET_NAME": RESULTS_BUCKET,
    "DASHSCOPE_BASE_URL": "https://dashscope-intl.aliyuncs.com",
    "API_KEY_SECRET_ARN": "secret",
    "RESULT_HOST_ALLOW_LIST": "aliyuncs.com",
    "PROFILES_PARAMETER_NAME": "profiles",
    "SUBMIT_DEAD_LETTER_QUEUE_URL": "dead-letters",
    "POLL_TASKS_STATE_MACHINE_ARN": "loop",
    "DEFAULT_MODEL": "fun-asr",
    "OUTPUTS": "txt,srt,vtt,html",
    "MAX_FILES_PER_TASK": "100",
    "SUBMIT_REQUESTS_PER_SECOND": "0",
    "QUERY_REQUESTS_PER_SECOND": "20",
    "PRESIGN_EXPIRY_SECONDS": "43200",
    "SUBMIT_QUEUE_URL": "submit",
    "SYNCHRONOUS_QUEUE_URL": "synchronous",
    "ASYNCHRONOUS_MODELS_ONLY": "false",
}
"""The settings of every function."""


def due_task(task: Task) -> DueTask:
    """The task as the index shows it."""
    if task.due_at is None or task.task_id is None or task.accepted_at is None:
        raise AssertionError(f"a task on the due list without the fields of the index: {task}")
    return DueTask(task.submission_id, task.due_at, task.task_id, task.model, task.phase, task.accepted_at, task.files)


@dataclass
class Records:
    """Every port of the table in dicts, with the same conditional writes. `saves` has every saved job, in order.

    The records with `unreadable` keys cannot be read; `moved_aside` has the keys that were dead-lettered.
    """

    crashes: Crashes
    jobs: dict[str, Job] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    outcomes: dict[str, dict[str, FileOutcome]] = field(default_factory=dict)
    known_task_ids: dict[str, str] = field(default_factory=dict)
    pause_record: Pauses = field(default_factory=Pauses)
    unreadable: set[str] = field(default_factory=set)
    moved_aside: list[str] = field(default_factory=list)
    one_file_only: dict[str, datetime] = field(default_factory=dict)
    next_slots: dict[str, datetime] = field(default_factory=dict)
    list_states: dict[str, TaskListState] = field(default_factory=dict)
    saves: list[Job] = field(default_factory=list)
    split_accepted: dict[str, int] = field(default_factory=dict)
    delay_watches: dict[str, datetime] = field(default_factory=dict)

    def create(self, job: Job) -> bool:
        def effect() -> bool:
            return self.jobs.setdefault(job.job_id, job) is job

        return bool(self.crashes.around("create job", effect))

    def find(self, job_id: str) -> Job | None:
        self._check_readable(job_id)
        return self.crashes.read("find job", self.jobs.get(job_id))

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        for job_id in self.unreadable.intersection(job_ids):
            self._move_aside(job_id)
        readable = [job_id for job_id in job_ids if job_id in self.jobs and job_id not in self.unreadable]
        found = {job_id: self.jobs[job_id] for job_id in readable}
        return self.crashes.read("find jobs", found)

    def _check_readable(self, record_id: str) -> None:
        if record_id in self.unreadable:
            self._move_aside(record_id)
            raise RecordUnreadable(record_id)

    def _move_aside(self, record_id: str) -> None:
        if record_id in self.moved_aside:
            return
        self.moved_aside.append(record_id)
        aside = {"due_kind": None, "due_at": None}
        if record_id in self.jobs:
            self.jobs[record_id] = self.jobs[record_id].model_copy(update=aside)
        else:
            self.tasks[record_id] = self.tasks[record_id].model_copy(update=aside)

    def save(self, job: Job) -> Job:
        def effect() -> Job:
            if self.jobs[job.job_id].revision != job.revision:
                raise StaleRecord(job.job_id)
            fields = job.model_copy(update={"revision": job.revision + 1}).model_dump(mode="json")
            following = Job.model_validate(from_item(to_item(fields)))  # as DynamoDB returns it
            self.jobs[job.job_id] = following
            self._made_readable(job.job_id)
            self.saves.append(following)
            return following

        saved: Job = self.crashes.around(f"save job as {job.status}", effect)
        return saved

    def _made_readable(self, record_id: str) -> None:
        """A process that read the record earlier has written it again."""
        self.unreadable.discard(record_id)
        if record_id in self.moved_aside:
            self.moved_aside.remove(record_id)

    def save_task(self, task: Task) -> Task:
        def effect() -> Task:
            stored = self.tasks.get(task.submission_id)
            if (stored.revision if stored else 0) != task.revision:
                raise StaleRecord(task.submission_id)
            following = task.model_copy(update={"revision": task.revision + 1})
            self.tasks[task.submission_id] = following
            self._made_readable(task.submission_id)
            return following

        saved: Task = self.crashes.around(f"save task as {task.phase}", effect)
        return saved

    def find_task(self, submission_id: str) -> Task | None:
        self._check_readable(submission_id)
        return self.crashes.read("find task", self.tasks.get(submission_id))

    def remember_task_id(self, task_id: str, submission_id: str) -> None:
        self.crashes.around("remember task id", partial(self.known_task_ids.__setitem__, task_id, submission_id))

    def submission_of(self, task_id: str) -> str | None:
        return self.crashes.read("submission of task", self.known_task_ids.get(task_id))

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None:
        self.crashes.around("save outcomes", lambda: self.outcomes.__setitem__(submission_id, dict(outcomes)))

    def clear_outcomes(self, submission_id: str, now: datetime) -> None:
        self.crashes.around("clear outcomes", lambda: self.outcomes.__setitem__(submission_id, {}))

    def find_outcomes(self, submission_id: str) -> dict[str, FileOutcome]:
        return self.crashes.read("find outcomes", self.outcomes.get(submission_id, {}))

    def _due_list(self, kind: Due) -> list[DueRecord]:
        if kind is Due.DELAY:
            watches = [DueRecord(job_id, at) for job_id, at in self.delay_watches.items()]
            return sorted(watches, key=lambda record: record.due_at)
        records: Mapping[str, Job | Task] = self.tasks if kind is Due.TASK else self.jobs
        found = [
            DueRecord(record_id, record.due_at, record.model or "")
            for record_id, record in records.items()
            if record.due_kind is kind and record.due_at is not None
        ]
        return sorted(found, key=lambda record: record.due_at)

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        found = [record for record in self._due_list(kind) if record.due_at <= until][:limit]
        return self.crashes.read(f"due list {kind}", found)

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        found = [record.record_id for record in self._due_list(Due.TASK) if record.due_at <= until][:limit]
        return self.crashes.read("due tasks", [due_task(self.tasks[submission_id]) for submission_id in found])

    def watch_delay(self, job_id: str, at: datetime) -> None:
        self.crashes.around("watch delay", partial(self.delay_watches.__setitem__, job_id, at))

    def end_delay_watch(self, job_id: str, now: datetime) -> None:
        self.crashes.around("end delay watch", partial(self.delay_watches.pop, job_id, None))

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        backlog: dict[str, list[str]] = {}
        for record in self._due_list(Due.RATE_LIMITED)[:limit]:
            backlog.setdefault(self.jobs[record.record_id].model or "", []).append(record.record_id)
        return self.crashes.read("backlog", backlog)

    def next_due(self, kind: Due) -> datetime | None:
        return next((record.due_at for record in self._due_list(kind)), None)

    def oldest_received(self) -> datetime | None:
        return min((job.received_at for job in self.jobs.values() if job.due_kind is not None), default=None)

    def pauses(self) -> Pauses:
        return self.crashes.read("read pauses", self.pause_record)

    def replace(self, seen: Pauses, following: Pauses) -> bool:
        def effect() -> bool:
            if self.pause_record.version != seen.version:
                return False
            version = str(int(seen.version or 0) + 1)
            self.pause_record = following.model_copy(update={"version": version})
            return True

        return bool(self.crashes.around("save pauses", effect))

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        return self.one_file_only.get(model, START) > now

    def remember_one_file_only(self, model: str, until: datetime) -> None:
        self.crashes.around("remember one file only", partial(self.one_file_only.__setitem__, model, until))

    def count_single_acceptance(self, submission_id: str) -> int:
        def effect() -> int:
            self.split_accepted[submission_id] = self.split_accepted.get(submission_id, 0) + 1
            return self.split_accepted[submission_id]

        return int(self.crashes.around("count single acceptance", effect))

    def task_list_state(self, model: str) -> TaskListState | None:
        return self.crashes.read("list state", self.list_states.get(model))

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        self.crashes.around("save list state", partial(self.list_states.__setitem__, model, state))

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        slot = max(self.next_slots.get(name, now), now)
        if slot > now + horizon:
            return None
        self.next_slots[name] = slot + timedelta(seconds=1 / per_second)
        return self.crashes.read("reserve slot", slot - now)

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        return max(timedelta(0), self.next_slots.get(name, now) - now)


@dataclass
class MediaFake:
    """`objects`: key → user metadata. `texts`: key → text of a context object. `signed`: how many URLs were signed.
    `signed_for`: URL → its upload."""

    crashes: Crashes
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    signed: int = 0
    signed_for: dict[str, Media] = field(default_factory=dict)

    def head(self, media: Media, *, archived_too: bool = False) -> Mapping[str, str]:
        if media.key not in self.objects:
            raise MediaGone(f"The object {media.s3_uri} no longer exists.")
        return self.crashes.read("head", self.objects[media.key])

    def read(self, media: Media) -> bytes:
        self.head(media)
        return media.key.encode()

    def read_text(self, bucket: str, key: str) -> str:
        if key not in self.texts:
            raise TextUnusable(f"The object s3://{bucket}/{key} does not exist.")
        return self.crashes.read("read text", self.texts[key])

    def presign(self, media: Media) -> str:
        self.signed += 1
        version = f"&versionId={media.version_id}" if media.version_id else ""
        url = f"https://{media.bucket}.s3.us-east-1.amazonaws.com/{quote(media.key)}?X-Amz-Signature=secret{self.signed}{version}"
        self.signed_for[url] = media
        return url


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
    The next `responses_to_lose` submissions are accepted, and their responses are lost. `endings` has
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
    refuses_pages_over: int = 100
    list_seconds_behind: float = 0
    listed_as_running: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    foreign_tasks: list[tuple[datetime, bool]] = field(default_factory=list)
    before_list_page: Callable[[], object] | None = None
    responses_to_lose: int = 0
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
            return AcceptedTask(task_id, f"request-{task_id}")

        accepted: AcceptedTask = self.crashes.around("POST", effect)
        return accepted

    def cancel(self, task_id: str) -> None:
        self.cancelled.append(task_id)

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        """A page of the list as it is at this moment, newest task first."""
        self.list_pages += 1
        self.api_key()
        if self.list_refusal is not None:
            raise self.list_refusal
        if page_size > self.refuses_pages_over:
            raise VendorError("InvalidParameter", "page_size", ErrorClass.PERMANENT, 400)
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
        tasks = [name for name, task in self.tasks.items() if key in map(key_in, task.urls)]
        outcomes = self.file_outcomes.get(key, ["ok"])
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


@dataclass
class Bus:
    """Every published event about a job, as (detail-type, detail), and about pauses. The next `failures` calls are
    refused."""

    crashes: Crashes
    events: list[tuple[str, Detail]] = field(default_factory=list)
    pauses: list[tuple[str, PauseDetail]] = field(default_factory=list)
    failures: int = 0

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused")
        accepted = [(DETAIL_TYPES[job.status], detail_of(job, now)) for job in jobs]
        self.crashes.around("publish", lambda: self.events.extend(accepted))

    def publish_delay(self, job: Job, now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused")
        event = (DELAYED, delay_detail_of(job, now))
        self.crashes.around("publish delay", lambda: self.events.append(event))

    def announce(self, announcements: Sequence[Announcement]) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused")
        accepted = [(pause_detail_type(each), pause_detail(each)) for each in announcements]
        self.crashes.around("announce", lambda: self.pauses.extend(accepted))

    def events_of(self, key: str) -> list[str]:
        """The detail-types of the key's events, in order."""
        return [kind for kind, detail in self.events if detail.media.key == key]

    def terminal_events_of(self, key: str) -> list[Detail]:
        return [detail for kind, detail in self.events if detail.media.key == key and kind in (SUCCEEDED, FAILED)]


@dataclass
class Results:
    """The results bucket. An existing key is never overwritten."""

    crashes: Crashes
    files: dict[str, bytes] = field(default_factory=dict)

    def store(self, files: Iterable[OutputFile]) -> None:
        for file in files:
            self.crashes.around("put result", partial(self.files.setdefault, file.key, file.body))

    def find_json(self, key: str) -> JsonObject | None:
        return self.crashes.read("find result", json.loads(self.files[key]) if key in self.files else None)

    def find_transcripts(self, media: Media) -> list[StoredTranscript]:
        reports = [
            json.loads(body)
            for key, body in self.files.items()
            if key.startswith(results_of(media.key)) and key.endswith("/job.json")
        ]
        return [
            StoredTranscript(report["job_id"], Options.model_validate(report["options"]))
            for report in self.crashes.read("find transcripts", reports)
            if (report["media"]["etag"], report["media"]["size_bytes"]) == (media.etag, media.size_bytes)
            and report["status"] == "SUCCEEDED"
        ]


@dataclass
class Queue:
    """A queue. `name` is the side effect of a requeue."""

    crashes: Crashes
    name: str
    messages: list[str] = field(default_factory=list)

    def requeue(self, job_id: str) -> None:
        self.crashes.around(self.name, lambda: self.messages.append(json.dumps({"job_id": job_id})))


class World:
    """The services, their ports, the queues and the clock.

    `batch_size` is how many messages one delivery has (None: all). With `finalizes_during_next_pass`, finalizers run
    while the next pass polls, when the pass asks for that. `arrivals` are messages that come while a run waits for
    more.
    """

    def __init__(
        self,
        *,
        max_files_per_task: int = 100,
        profiles: str = '{"profiles": {}, "rules": []}',
        submit_environ: Mapping[str, str] | None = None,
    ) -> None:
        self.submit_environ = {**ENVIRON, "MAX_FILES_PER_TASK": str(max_files_per_task), **(submit_environ or {})}
        self.now = START
        self.crashes = Crashes()
        self.records = Records(self.crashes)
        self.media = MediaFake(self.crashes)
        self.vendor = Vendor(self.crashes, self.clock, self.api_key)
        self.vocabularies = VendorVocabularies(self.crashes, self.api_key)
        self.vocabulary_records = VocabularyRecordsFake(self.crashes)
        self.bus = Bus(self.crashes)
        self.results = Results(self.crashes)
        self.caller = Caller(self.crashes, self.api_key)
        self.audio_lengths: dict[str, float | None] = {}
        self.submit_queue = Queue(self.crashes, "requeue")
        self.queue = self.submit_queue.messages
        self.synchronous_queue = Queue(self.crashes, "send to synchronous queue")
        self.dead_lettered: list[tuple[str, str]] = []
        self.moved_by_sqs: list[str] = []
        self.hidden_letters: set[str] = set()
        self.wake_ups = 0
        self.key: str | None = "sk-test"
        self.profiles_document = profiles
        self.max_files_per_task = max_files_per_task
        self.uploads = 0
        self.batch_size: int | None = None
        self.invisible: set[int] = set()
        self.finalizes_during_next_pass = False
        self.being_finalized: list[FinalizeRequest] = []
        self.arrivals: list[str] = []
        self.submit_reports: list[SubmitReport] = []
        self.passes: list[PassReport] = []
        self.finalize_reports: list[FinalizeReport] = []
        self._checked_reports = (0, 0, 0)

    # ports without a class of their own

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def api_key(self) -> str:
        if self.key is None:
            raise VendorError("API_KEY_MISSING", "The secret holds no key yet.", ErrorClass.ACCOUNT_WIDE)
        return self.key

    def profiles(self) -> Profiles:
        return Profiles.parse(self.profiles_document)

    def send(self, body: str, reason: str) -> None:
        self.crashes.around("dead-letter", lambda: self.dead_lettered.append((body, reason)))

    def receive(self) -> list[DeadLetter]:
        """Ten messages of the dead-letter queue: those that SQS moved there, and those with a reason."""
        letters = [DeadLetter("moved", body, str(id(body)), has_reason=False) for body in self.moved_by_sqs]
        letters += [DeadLetter("sent", body, str(id(body)), has_reason=True) for body, _ in self.dead_lettered]
        received = [letter for letter in letters if letter.receipt not in self.hidden_letters][:10]
        self.hidden_letters |= {letter.receipt for letter in received}
        return received

    def put_back(self, letter: DeadLetter) -> None:
        self.hidden_letters.discard(letter.receipt)

    def redrive(self, letter: DeadLetter) -> None:
        self.crashes.around("redrive", lambda: self.queue.append(letter.body))
        self.crashes.around("remove dead letter", lambda: self.moved_by_sqs.remove(letter.body))
        self.hidden_letters.discard(letter.receipt)

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        """The messages that Lambda has not delivered. When there are none, a call that waits gets the `arrivals`."""
        waiting = [body for body in self.queue if id(body) not in self.invisible]
        if not waiting and wait_seconds:
            self.sleep(wait_seconds)
            self.queue += self.arrivals
            waiting, self.arrivals = self.arrivals, []
        taken = waiting[: min(most, 10)]
        self.invisible |= {id(body) for body in taken}
        return [Message(f"taken {id(body)}", body, str(id(body))) for body in taken]

    def done(self, message: Message) -> None:
        place = next(n for n, body in enumerate(self.queue) if str(id(body)) == message.receipt)
        self.crashes.around("delete message", lambda: self.queue.pop(place))

    def send_wake_up(self) -> None:
        self.wake_ups += 1

    # services

    def table(self) -> TablePorts:
        return TablePorts(self.records, self.records, self.records, self.records, self.vocabulary_records)

    def submission_ports(self) -> SubmissionPorts:
        return SubmissionPorts(
            table=self.table(),
            media=self.media,
            profiles=self,
            api_key=self.api_key,
            results=self.results,
            results_bucket=RESULTS_BUCKET,
            events=self.bus,
            dead_letter_queue=self,
            loop=self,
            clock=self.clock,
            sleep=self.sleep,
        )

    def transcribe_service(self) -> TranscribeService:
        def audio_length(media: bytes) -> float | None:
            return self.audio_lengths.get(media.decode())

        settings = TranscribeSettings.from_environ(ENVIRON)
        return build_transcribe_service(
            settings, self.submission_ports(), speech=self.caller, audio_length=audio_length
        )

    def submit_service(self) -> SubmitService:
        settings = SubmitSettings.from_environ(self.submit_environ)
        return build_submit_service(
            settings,
            self.submission_ports(),
            speech=self.vendor,
            results=self.vendor,
            messages=self,
            synchronous_queue=self.synchronous_queue,
            vocabularies=self.vocabularies,
            texts=self.media,
            transcripts=self.results,
            concurrent_records=1,
        )

    def poll_service(self, workers: int = 1) -> PollService:
        settings = PollSettings.from_environ({**ENVIRON, "MAX_FILES_PER_TASK": str(self.max_files_per_task)})
        return build_poll_service(
            settings,
            self.table(),
            speech=lambda: self.vendor,
            queues=PollQueues(self.submit_queue, self),
            events=lambda: self.bus,
            clock=self.clock,
            tuning=PollTuning(workers, workers, self.sleep),
        )

    def finalize_service(self, workers: int = 1) -> FinalizeService:
        return FinalizeService(
            records=self.records,
            results=self.results,
            source=self.vendor,
            publisher=EndPublisher(self.records, self.results, self.bus, self.clock, RESULTS_BUCKET),
            clock=self.clock,
            results_bucket=RESULTS_BUCKET,
            region=Region.INTERNATIONAL,
            concurrent_files=workers,
        )

    # events from the outside

    def pause(self, reason: str = "Arrearage", model: str | None = None) -> None:
        """Submissions are paused, for the account or for one model."""
        self.records.pause_record = start_pause(self.records.pause_record, reason, "unpaid", self.now, model=model)

    def resume(self) -> None:
        """Every pause ends."""
        self.records.pause_record = Pauses()

    def upload(
        self,
        key: str,
        *,
        size: int = 1000,
        metadata: dict[str, str] | None = None,
        queued: bool = True,
        version_id: str | None = None,
    ) -> str:
        """Upload an object. Return its event, which is also queued unless `queued` is False."""
        self.uploads += 1
        self.media.objects[key] = metadata or {}
        version = {"etag": f"etag{self.uploads}", "sequencer": f"{self.uploads:08X}"}
        if version_id:
            version["version-id"] = version_id
        body = json.dumps(
            {
                "source": "aws.s3",
                "detail-type": "Object Created",
                "time": self.now.isoformat(),
                "detail": {
                    "bucket": {"name": MEDIA_BUCKET},
                    "object": {"key": key, "size": size, **version},
                },
            }
        )
        if queued:
            self.queue.append(body)
        return body

    def deliver(self, bodies: Sequence[str] | None = None) -> SubmitReport:
        """Deliver the queued messages, or these. Failed messages, and all messages after a kill, stay queued."""
        return self._deliver(self.submit_service().run, self.queue, bodies)

    def deliver_synchronous(self, bodies: Sequence[str] | None = None) -> SubmitReport:
        """The same for the queue of the synchronous models."""
        return self._deliver(self.transcribe_service().run, self.synchronous_queue.messages, bodies)

    def _deliver(
        self, run: Callable[[Sequence[Message]], SubmitReport], queue: list[str], bodies: Sequence[str] | None
    ) -> SubmitReport:
        batch = list(queue[: self.batch_size] if bodies is None else bodies)
        self.invisible = {id(body) for body in batch}
        try:
            report = run([Message(str(n), body) for n, body in enumerate(batch)])
        except Kill:
            return SubmitReport()
        done = [body for n, body in enumerate(batch) if str(n) not in report.failed_message_ids]
        for body in done:  # by identity: an equal message that was queued during the run is another message
            place = next((n for n, queued in enumerate(queue) if queued is body), None)
            if place is not None:
                del queue[place]
        self.submit_reports.append(report)
        return report

    def poll_pass(self, being_finalized: Sequence[FinalizeRequest] = ()) -> PassReport | None:
        """One pass without its finalizers; None when it was killed."""
        try:
            report = self.poll_service().run(being_finalized)
        except Kill:
            return None
        self.passes.append(report)
        return report

    def finalize(self, request: FinalizeRequest) -> FinalizeReport | None:
        """One finalizer; None when it was killed."""
        try:
            report = self.finalize_service().run(request.submission_id, request.job_ids)
        except Kill:
            return None
        self.finalize_reports.append(report)
        return report

    def loop_pass(self) -> PassReport | None:
        """One pass of the loop with its finalizers. A kill ends only the function in which it is raised."""
        being_finalized, self.being_finalized = self.being_finalized, []
        report = self.poll_pass(being_finalized)
        found = report.result.finalize if report else []
        if self.finalizes_during_next_pass and report and report.result.poll_meanwhile:
            self.being_finalized = found
        for request in being_finalized if self.being_finalized else [*being_finalized, *found]:
            self.finalize(request)
        return report

    def step(self) -> None:
        """One round. Time passes until the loop's next pass, or until its next scheduled start."""
        if self.queue:
            self.deliver()
        if self.synchronous_queue.messages:
            self.deliver_synchronous()
        report = self.loop_pass()
        self.now += timedelta(
            seconds=max(0.1, report.result.wait_seconds) if report and report.result.work_left else 60
        )

    def run_until_quiet(self, *, max_steps: int = 2000, faults: bool = False) -> None:
        """Run until every job is finished and no message is queued.

        Fails when a function reported a failure since the last call, unless the test injected `faults` that cause one.
        """
        for _ in range(max_steps):
            messages = self.queue + self.synchronous_queue.messages
            if not messages and all(
                job.is_finished or job_id in self.records.moved_aside for job_id, job in self.records.jobs.items()
            ):
                self.loop_pass()
                break
            self.step()
        else:
            unfinished = [
                (job.media.key, job.status, job.last_error_code)
                for job in self.records.jobs.values()
                if not job.is_finished
            ]
            raise AssertionError(f"not quiet after {max_steps} steps: {unfinished}, queue {self.queue[:3]}")
        failures = self._failures_since_last_check()
        assert faults or not failures, failures

    def _failures_since_last_check(self) -> list[str]:
        """What the functions reported as failed."""
        submits, passes, finalizers = self._checked_reports
        found: list[str] = []
        for submit in self.submit_reports[submits:]:
            found += [f"failed message {message_id}" for message_id in submit.failed_message_ids]
            found += ["broken batch"] * submit.broken_batches
        for report in self.passes[passes:]:
            found += ["failed step of a pass"] * report.failed_steps
        for finalizer in self.finalize_reports[finalizers:]:
            found += [f"unfinished job {job_id}" for job_id in finalizer.unfinished]
        self._checked_reports = (len(self.submit_reports), len(self.passes), len(self.finalize_reports))
        return found

    def text_of(self, detail: Detail) -> str:
        """The transcript that a terminal event names."""
        if detail.result is None:
            raise AssertionError(f"no transcript: {detail}")
        return self.results.files[detail.result.files["text"]].decode()

    def job_of(self, key: str) -> Job:
        return next(job for job in self.records.jobs.values() if job.media.key == key)


def accepted_tasks(world: World) -> dict[str, list[str]]:
    """The tasks that the vendor accepted, by the etag of the upload, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for task_id, task in world.vendor.tasks.items():
        for url in task.urls:
            found[world.media.signed_for[url].etag or ""].append(task_id)
    return found
