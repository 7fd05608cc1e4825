"""The real services in a world of memory and virtual time: every port is a fake, every call of one can be the last.

`World.step()` is one turn of the outside: SQS delivers, the loop makes a pass, finalizers run, time goes on.
A `Kill` raised between two side effects is what SIGKILL is to a function: nothing after it happens, nothing is undone.
An intruder is another function that runs, whole, at a moment of this one: after a read, or before a side effect.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from dashscribe.adapters.dynamodb.items import from_item, to_item
from dashscribe.builders import (
    PollTuning,
    SubmissionPorts,
    TablePorts,
    build_poll_service,
    build_submit_service,
    build_transcribe_service,
)
from dashscribe.domain.jobs.events import DETAIL_TYPES, Detail, detail_of
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.pause import Pause
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.catalogue import ModelSpec, Region
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.recognition.task_replies import FileOutcome, ListedTask, TaskList, TaskReply
from dashscribe.domain.timestamps import VENDOR_ZONE
from dashscribe.domain.transcripts.output_files import OutputFile
from dashscribe.errors import (
    ErrorClass,
    LargeResult,
    MediaGone,
    PublishFailed,
    ResponseLost,
    ResultUnavailable,
    StaleRecord,
    VendorError,
)
from dashscribe.services.finalize import FinalizeReport, FinalizeService
from dashscribe.services.messages import FinalizeRequest
from dashscribe.services.polling.poll import PassReport, PollService
from dashscribe.services.ports import DueRecord, DueTask, Message
from dashscribe.services.submission.report import SubmitReport
from dashscribe.services.submission.submit import SubmitService
from dashscribe.services.transcribe import TranscribeService
from dashscribe.settings import PollSettings, SubmitSettings, TranscribeSettings
from tests.support.caller import Caller
from tests.support.crashes import Crashes, Kill

START = datetime(2026, 1, 1, tzinfo=UTC)
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
    "MAX_FILES_PER_TASK": "100",
    "SUBMIT_REQUESTS_PER_SECOND": "0",
    "QUERY_REQUESTS_PER_SECOND": "20",
    "PRESIGN_EXPIRY_SECONDS": "43200",
    "SUBMIT_QUEUE_URL": "submit",
    "SYNCHRONOUS_QUEUE_URL": "synchronous",
}
"""The settings of every function."""


def due_task(task: Task) -> DueTask:
    """As the index has it."""
    if task.due_at is None or task.task_id is None or task.accepted_at is None:
        raise AssertionError(f"a task on the due list without what a sweep needs: {task}")
    return DueTask(task.submission_id, task.due_at, task.task_id, task.model, task.phase, task.accepted_at, task.files)


@dataclass
class Records:
    """Every port of the table (`JobStore`, `TaskStore`, `DueStore`, …) in a dict, with the same conditions."""

    crashes: Crashes
    jobs: dict[str, Job] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    outcomes: dict[str, dict[str, FileOutcome]] = field(default_factory=dict)
    known_task_ids: dict[str, str] = field(default_factory=dict)
    closed: Pause | None = None
    one_file_only: dict[str, datetime] = field(default_factory=dict)
    turns: dict[str, datetime] = field(default_factory=dict)
    swept: dict[str, TaskListState] = field(default_factory=dict)
    saves: list[Job] = field(default_factory=list)

    def create(self, job: Job) -> bool:
        def effect() -> bool:
            return self.jobs.setdefault(job.job_id, job) is job

        return bool(self.crashes.around("create job", effect))

    def find(self, job_id: str) -> Job | None:
        return self.crashes.read("find job", self.jobs.get(job_id))

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        found = {job_id: self.jobs[job_id] for job_id in job_ids if job_id in self.jobs}
        return self.crashes.read("find jobs", found)

    def save(self, job: Job) -> Job:
        def effect() -> Job:
            if self.jobs[job.job_id].revision != job.revision:
                raise StaleRecord(job.job_id)
            fields = job.model_copy(update={"revision": job.revision + 1}).model_dump(mode="json")
            following = Job.model_validate(from_item(to_item(fields)))  # as DynamoDB would give it back
            self.jobs[job.job_id] = following
            self.saves.append(following)
            return following

        saved: Job = self.crashes.around(f"save job as {job.status}", effect)
        return saved

    def save_task(self, task: Task) -> Task:
        def effect() -> Task:
            seen = self.tasks.get(task.submission_id)
            if (seen.revision if seen else 0) != task.revision:
                raise StaleRecord(task.submission_id)
            following = task.model_copy(update={"revision": task.revision + 1})
            self.tasks[task.submission_id] = following
            return following

        saved: Task = self.crashes.around(f"save task as {task.phase}", effect)
        return saved

    def find_task(self, submission_id: str) -> Task | None:
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

    def _on_list(self, kind: Due) -> list[DueRecord]:
        named: Mapping[str, Job | Task] = self.tasks if kind is Due.TASK else self.jobs
        found = [
            DueRecord(name, record.due_at)
            for name, record in named.items()
            if record.due_kind is kind and record.due_at is not None
        ]
        return sorted(found, key=lambda record: record.due_at)

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        found = [record for record in self._on_list(kind) if record.due_at <= until][:limit]
        return self.crashes.read(f"due list {kind}", found)

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        found = [record.record_id for record in self._on_list(Due.TASK) if record.due_at <= until][:limit]
        return self.crashes.read("due tasks", [due_task(self.tasks[name]) for name in found])

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        lines: dict[str, list[str]] = {}
        for record in self._on_list(Due.RATE_LIMITED)[:limit]:
            lines.setdefault(self.jobs[record.record_id].model or "", []).append(record.record_id)
        return self.crashes.read("lines", lines)

    def next_due(self, kind: Due) -> datetime | None:
        return next((record.due_at for record in self._on_list(kind)), None)

    def oldest_received(self) -> datetime | None:
        return min((job.received_at for job in self.jobs.values() if job.due_kind is not None), default=None)

    def current_pause(self) -> Pause | None:
        return self.crashes.read("gate", self.closed)

    def save_pause(self, pause: Pause) -> None:
        self.crashes.around("close gate", lambda: setattr(self, "closed", pause))

    def claim_probe(self, seen: Pause, following: Pause) -> bool:
        def effect() -> bool:
            if self.closed is None or self.closed.probe_at != seen.probe_at:
                return False
            self.closed = following
            return True

        return bool(self.crashes.around("take probe", effect))

    def delete_pause(self) -> None:
        self.crashes.around("open gate", lambda: setattr(self, "closed", None))

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        return self.one_file_only.get(model, START) > now

    def remember_one_file_only(self, model: str, until: datetime) -> None:
        self.crashes.around("remember one file only", partial(self.one_file_only.__setitem__, model, until))

    def task_list_state(self, model: str) -> TaskListState | None:
        return self.crashes.read("sweep memory", self.swept.get(model))

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        self.crashes.around("save sweep memory", partial(self.swept.__setitem__, model, state))

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        turn = max(self.turns.get(name, now), now)
        if turn > now + horizon:
            return None
        self.turns[name] = turn + timedelta(seconds=1 / per_second)
        return self.crashes.read("turn", turn - now)

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        return max(timedelta(0), self.turns.get(name, now) - now)


@dataclass
class MediaFake:
    """Objects: key → user metadata. `signed_for` tells which upload a URL was signed for."""

    crashes: Crashes
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    signed: int = 0
    signed_for: dict[str, Media] = field(default_factory=dict)

    def head(self, media: Media) -> Mapping[str, str]:
        if media.key not in self.objects:
            raise MediaGone(f"The object {media.s3_uri} is not there any more.")
        return self.crashes.read("head", self.objects[media.key])

    def read(self, media: Media) -> bytes:
        self.head(media)
        return media.key.encode()

    def presign(self, media: Media) -> str:
        self.signed += 1
        version = f"&versionId={media.version_id}" if media.version_id else ""
        url = f"https://{media.bucket}.s3.us-east-1.amazonaws.com/{media.key}?X-Amz-Signature=secret{self.signed}{version}"
        self.signed_for[url] = media
        return url


@dataclass
class VendorTask:
    urls: list[str]
    ready_at: datetime
    accepted_at: datetime
    listed_over: bool = False


@dataclass
class Vendor:
    """A DashScope that takes `seconds` for each task. `answers` maps a key to what its submissions get, in turn:
    `ok`, an error code for the file, or `missing`. `refusals` are raised by the next submissions, `query_errors` by the
    next queries; the next `answers_to_lose` submissions are accepted and not answered. `endings` are of tasks that end
    otherwise than as SUCCEEDED: task id → (status, code).

    The list allows `largest_page` entries a page, is `list_seconds_behind`, calls the tasks `never_over` unfinished for
    ever, leaves out the `unlisted`, and holds `foreign` tasks too: (created, whether it is over)."""

    crashes: Crashes
    clock: Callable[[], datetime]
    api_key: Callable[[], str]
    seconds: float = 3
    answers: dict[str, list[str]] = field(default_factory=dict)
    refusals: list[VendorError] = field(default_factory=list)
    query_errors: list[VendorError] = field(default_factory=list)
    tasks: dict[str, VendorTask] = field(default_factory=dict)
    most_files: int = 100
    queries: int = 0
    forgotten: set[str] = field(default_factory=set)
    results: dict[str, JsonObject] = field(default_factory=dict)
    downloads_to_fail: int = 0
    large_results: set[str] = field(default_factory=set)
    list_refusal: VendorError | None = None
    cancelled: list[str] = field(default_factory=list)
    lists: int = 0
    list_pages: int = 0
    largest_page: int = 100
    refuses_pages_over: int = 100
    list_seconds_behind: float = 0
    never_over: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    foreign: list[tuple[datetime, bool]] = field(default_factory=list)
    before_list_page: Callable[[], object] | None = None
    answers_to_lose: int = 0
    accepts_late_by: timedelta = timedelta(0)
    endings: dict[str, tuple[str, str]] = field(default_factory=dict)
    nameless: bool = False
    audio_ms: int = 1000

    def submissions_of(self, key: str) -> int:
        return sum(f"/{key}?" in url for task in self.tasks.values() for url in task.urls)

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> str:
        self.api_key()

        def effect() -> str:
            if self.refusals:
                raise self.refusals.pop(0)
            if len(file_urls) > self.most_files:
                raise VendorError("InvalidParameter", "too many file_urls", ErrorClass.PERMANENT, 400)
            task_id = f"task-{len(self.tasks)}"
            now = self.clock() + (self.accepts_late_by if self.answers_to_lose else timedelta(0))
            self.tasks[task_id] = VendorTask(list(file_urls), now + timedelta(seconds=self.seconds), now)
            if self.answers_to_lose:
                self.answers_to_lose -= 1
                raise ResponseLost("reset after the request was sent")
            return task_id

        answer: str = self.crashes.around("POST", effect)
        return answer

    def cancel(self, task_id: str) -> None:
        self.cancelled.append(task_id)

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        """Newest first, as the list is at the moment when this page is asked for."""
        self.list_pages += 1
        self.api_key()
        if self.list_refusal is not None:
            raise self.list_refusal
        if page_size > self.refuses_pages_over:
            raise VendorError("InvalidParameter", "page_size", ErrorClass.PERMANENT, 400)
        if self.before_list_page is not None:
            self.before_list_page()
        size = min(page_size, self.largest_page)
        entries = self._on_list()
        data = self._listed(entries[(page - 1) * size : page * size])
        return self.crashes.read("list", TaskList(total_page=-(-len(entries) // size), page_size=size, data=data))

    def _on_list(self) -> list[tuple[datetime, str, bool]]:
        """(created, task id, over) of each task."""
        at = self.clock() - timedelta(seconds=self.list_seconds_behind)
        ours = [
            (task.accepted_at, name, task.listed_over or (task.ready_at <= at and name not in self.never_over))
            for name, task in self.tasks.items()
            if task.accepted_at <= at and name not in self.unlisted
        ]
        foreign = [(moment, f"foreign-{number}", over) for number, (moment, over) in enumerate(self.foreign)]
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
        return self.crashes.read("query", TaskReply.model_validate({"output": self._output(task_id)}))

    def _output(self, task_id: str) -> JsonObject:
        task = self.tasks.get(task_id)
        if task is None or task_id in self.forgotten:
            return {"task_id": task_id, "task_status": "UNKNOWN"}
        if self.clock() < task.ready_at:
            return {"task_id": task_id, "task_status": "RUNNING"}
        if task_id in self.endings:
            status, code = self.endings[task_id]
            return {"task_id": task_id, "task_status": status, "code": code, "message": code}
        results = [result for url in task.urls if (result := self._result(url, task_id)) is not None]
        if self.nameless and results and results[0].get("transcription_url"):
            alone = {"result": {"transcription_url": results[0]["transcription_url"]}}
            return {"task_id": task_id, "task_status": "SUCCEEDED", **alone}
        ended = task.ready_at.astimezone(VENDOR_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        return {"task_id": task_id, "task_status": "SUCCEEDED", "end_time": ended, "results": results[::-1]}

    def answer_to(self, url: str, task_id: str) -> str:
        """What this task says, or will say, of this file."""
        key = key_in(url)
        tasks_with_it = [name for name, task in self.tasks.items() if any(f"/{key}?" in other for other in task.urls)]
        answers = self.answers.get(key, ["ok"])
        return answers[min(tasks_with_it.index(task_id), len(answers) - 1)]

    def _result(self, url: str, task_id: str) -> JsonObject | None:
        key, answer = key_in(url), self.answer_to(url, task_id)
        if answer == "missing":
            return None
        if answer != "ok":
            return {"file_url": url, "subtask_status": "FAILED", "code": answer, "message": answer}
        result_url = f"https://results.aliyuncs.com/{task_id}/{key}?Signature=secret"
        word = {"begin_time": 0, "end_time": 900, "text": f"said {key}", "punctuation": "."}
        sentence = {"begin_time": 0, "end_time": 900, "text": f"said {key}.", "sentence_id": 1, "words": [word]}
        self.results[result_url] = {
            "file_url": url,
            "properties": {"original_duration_in_milliseconds": self.audio_ms},
            "transcripts": [
                {
                    "channel_id": 0,
                    "content_duration_in_milliseconds": 900,
                    "text": f"said {key}.",
                    "sentences": [sentence],
                }
            ],
        }
        return {"file_url": url, "subtask_status": "SUCCEEDED", "transcription_url": result_url}

    def download(self, url: str, *, small_only: bool = False) -> JsonObject:
        if small_only and url in self.large_results:
            raise LargeResult("The result is large.")
        if self.downloads_to_fail:
            self.downloads_to_fail -= 1
            raise ResultUnavailable("The result's host answered HTTP 403.")
        return self.crashes.read("download", self.results[url])


def key_in(url: str) -> str:
    return url.partition("amazonaws.com/")[2].partition("?")[0]


@dataclass
class Bus:
    """Every event that was taken, as (detail-type, detail). The next `failures` calls are refused."""

    crashes: Crashes
    events: list[tuple[str, Detail]] = field(default_factory=list)
    failures: int = 0

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise PublishFailed("refused")
        taken = [(DETAIL_TYPES[job.status], detail_of(job, now)) for job in jobs]
        self.crashes.around("publish", lambda: self.events.extend(taken))

    def of(self, key: str) -> list[str]:
        return [kind for kind, detail in self.events if detail.media.key == key]

    def ends_of(self, key: str) -> list[Detail]:
        return [detail for kind, detail in self.events if detail.media.key == key and kind != DETAIL_TYPES_SUBMITTED]


DETAIL_TYPES_SUBMITTED = "Transcription Submitted"


@dataclass
class Results:
    """The results bucket. `overwritten` must stay empty."""

    crashes: Crashes
    files: dict[str, bytes] = field(default_factory=dict)

    def store(self, files: Iterable[OutputFile]) -> None:
        for file in files:
            self.crashes.around("put result", partial(self.files.setdefault, file.key, file.body))

    def find_json(self, key: str) -> JsonObject | None:
        return self.crashes.read("find result", json.loads(self.files[key]) if key in self.files else None)


@dataclass
class Queue:
    """A queue of our own messages."""

    crashes: Crashes
    name: str
    messages: list[str] = field(default_factory=list)

    def requeue(self, job_id: str) -> None:
        self.crashes.around(self.name, lambda: self.messages.append(json.dumps({"job_id": job_id})))


class World:
    """Everything together."""

    def __init__(self, *, max_files_per_task: int = 100, profiles: str = '{"profiles": {}, "rules": []}') -> None:
        self.now = START
        self.crashes = Crashes()
        self.records = Records(self.crashes)
        self.media = MediaFake(self.crashes)
        self.vendor = Vendor(self.crashes, self.clock, self.api_key)
        self.bus = Bus(self.crashes)
        self.results = Results(self.crashes)
        self.caller = Caller(self.crashes, self.api_key)
        self.lengths: dict[str, float | None] = {}
        self.submit_queue = Queue(self.crashes, "requeue")
        self.queue = self.submit_queue.messages
        self.synchronous = Queue(self.crashes, "hand over")
        self.dead_lettered: list[tuple[str, str]] = []
        self.wake_ups = 0
        self.key: str | None = "sk-test"
        self.profiles_document = profiles
        self.max_files_per_task = max_files_per_task
        self.uploads = 0
        self.batch_size: int | None = None
        self.invisible: set[int] = set()
        self.overlaps = False
        self.meanwhile: list[FinalizeRequest] = []
        self.arrivals: list[str] = []
        self.chance = random.Random(0)  # noqa: S311 - it guards nothing
        self.submit_reports: list[SubmitReport] = []
        self.passes: list[PassReport] = []
        self.finalize_reports: list[FinalizeReport] = []

    # ports that are too small for a class

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

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        """What Lambda has not handed over yet. Whoever waits sees the `arrivals` come, if there are any."""
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
        return TablePorts(self.records, self.records, self.records, self.records)

    def submission_ports(self) -> SubmissionPorts:
        return SubmissionPorts(
            table=self.table(),
            media=self.media,
            profiles=self,
            api_key=self.api_key,
            events=self.bus,
            dead_letter_queue=self,
            loop=self,
            clock=self.clock,
            sleep=self.sleep,
        )

    def transcribe_service(self) -> TranscribeService:
        def audio_length(media: bytes) -> float | None:
            return self.lengths.get(media.decode())

        settings = TranscribeSettings.from_environ(ENVIRON)
        return build_transcribe_service(
            settings, self.submission_ports(), speech=self.caller, results=self.results, audio_length=audio_length
        )

    def submit_service(self) -> SubmitService:
        settings = SubmitSettings.from_environ({**ENVIRON, "MAX_FILES_PER_TASK": str(self.max_files_per_task)})
        return build_submit_service(
            settings,
            self.submission_ports(),
            speech=self.vendor,
            results=self.vendor,
            messages=self,
            synchronous_queue=self.synchronous,
        )

    def poll_service(self, workers: int = 1) -> PollService:
        settings = PollSettings.from_environ({**ENVIRON, "MAX_FILES_PER_TASK": str(self.max_files_per_task)})
        return build_poll_service(
            settings,
            self.table(),
            speech=lambda: self.vendor,
            submit_queue=self.submit_queue,
            clock=self.clock,
            tuning=PollTuning(workers, workers, self.chance.random, self.sleep),
        )

    def finalize_service(self, workers: int = 1) -> FinalizeService:
        return FinalizeService(
            records=self.records,
            results=self.results,
            source=self.vendor,
            events=self.bus,
            clock=self.clock,
            results_bucket=RESULTS_BUCKET,
            region=Region.INTERNATIONAL,
            concurrent_files=workers,
        )

    # what happens

    def upload(self, key: str, *, size: int = 1000, metadata: dict[str, str] | None = None, queued: bool = True) -> str:
        """An object arrives; its event, as queued."""
        self.uploads += 1
        self.media.objects[key] = metadata or {}
        version = {"etag": f"etag{self.uploads}", "sequencer": f"{self.uploads:08X}"}
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
        """SQS hands over what is queued, or these; what the function reports as failed, or dies with, stays queued."""
        return self._delivered(self.submit_service().run, self.queue, bodies)

    def call(self, bodies: Sequence[str] | None = None) -> SubmitReport:
        """The same for the queue of the synchronous models."""
        return self._delivered(self.transcribe_service().run, self.synchronous.messages, bodies)

    def _delivered(
        self, run: Callable[[Sequence[Message]], SubmitReport], queue: list[str], bodies: Sequence[str] | None
    ) -> SubmitReport:
        batch = list(queue[: self.batch_size] if bodies is None else bodies)
        self.invisible = {id(body) for body in batch}
        try:
            report = run([Message(str(n), body) for n, body in enumerate(batch)])
        except Kill:
            return SubmitReport()
        done = [body for n, body in enumerate(batch) if str(n) not in report.failed_message_ids]
        for body in done:  # by identity: an equal message that came meanwhile is another one
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
        """One pass of the loop with its finalizers; a kill takes the one function that it hits.

        With `overlaps` the finalizers come with the next pass, and after it where it asks meanwhile.
        """
        meanwhile, self.meanwhile = self.meanwhile, []
        report = self.poll_pass(meanwhile)
        found = report.result.finalize if report else []
        if self.overlaps and report and report.result.poll_meanwhile:
            self.meanwhile = found
        for request in meanwhile if self.meanwhile else [*meanwhile, *found]:
            self.finalize(request)
        return report

    def step(self) -> None:
        if self.queue:
            self.deliver()
        if self.synchronous.messages:
            self.call()
        report = self.loop_pass()
        self.now += timedelta(
            seconds=max(0.1, report.result.wait_seconds) if report and report.result.work_left else 60
        )

    def run_until_quiet(self, most_steps: int = 2000) -> None:
        """Until every job is finished and nobody is told anything any more. Fails when that takes too long."""
        for _ in range(most_steps):
            messages = self.queue + self.synchronous.messages
            if not messages and all(job.is_finished for job in self.records.jobs.values()):
                self.loop_pass()
                return
            self.step()
        stuck = [
            (job.media.key, job.status, job.last_error_code)
            for job in self.records.jobs.values()
            if not job.is_finished
        ]
        raise AssertionError(f"still at work after {most_steps} steps: {stuck}, queue {self.queue[:3]}")

    def job_of(self, key: str) -> Job:
        return next(job for job in self.records.jobs.values() if job.media.key == key)
