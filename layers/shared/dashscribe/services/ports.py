"""What the services need from the outside, one small protocol for each outside system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.media import Media
from dashscribe.domain.jobs.pause import Pause
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.recognition.task_replies import FileOutcome, TaskList, TaskReply


class Clock(Protocol):
    """The time, as an aware UTC datetime."""

    def __call__(self) -> datetime: ...


@dataclass(frozen=True)
class DueRecord:
    """An entry of a due list: whose turn it is, and since when."""

    record_id: str
    due_at: datetime


@dataclass(frozen=True)
class DueTask:
    """A task as the due list has it, which may be a moment old: who acts on it reads the task's record first."""

    submission_id: str
    due_at: datetime
    task_id: str
    model: str
    phase: TaskPhase
    accepted_at: datetime
    files: int


class JobStore(Protocol):
    """Jobs. `save` writes only over the revision that was read, else raises `StaleRecord`."""

    def create(self, job: Job) -> bool:
        """Write a new job; False, and nothing written, when its id exists."""
        ...

    def find(self, job_id: str) -> Job | None: ...

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]: ...

    def save(self, job: Job) -> Job:
        """Write the next revision and return the record as it is now."""
        ...


class TaskStore(Protocol):
    """Tasks and what came out of them."""

    def save_task(self, task: Task) -> Task: ...

    def find_task(self, submission_id: str) -> Task | None: ...

    def remember_task_id(self, task_id: str) -> None:
        """So that a task which the vendor lists can be told from one that we never got to know of."""
        ...

    def is_our_task(self, task_id: str) -> bool: ...

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None: ...

    def find_outcomes(self, submission_id: str) -> dict[str, FileOutcome]: ...


class DueStore(Protocol):
    """The due lists, earliest first."""

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]: ...

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        """The list of tasks, with what a sweep needs to know of each."""
        ...

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        """The ids of the jobs that wait for a turn, by model, oldest first; of the `limit` oldest of all."""
        ...

    def next_due(self, kind: Due) -> datetime | None: ...

    def oldest_received(self) -> datetime | None:
        """When the oldest of the unfinished jobs that are due first was received."""
        ...


class PauseStore(Protocol):
    """The account-wide pause."""

    def current_pause(self) -> Pause | None: ...

    def save_pause(self, pause: Pause) -> None: ...

    def claim_probe(self, seen: Pause, following: Pause) -> bool:
        """Replace the gate that was seen; False when somebody else took this probe."""
        ...

    def delete_pause(self) -> None: ...


class TaskLimits(Protocol):
    """What was learned of how many files one task may hold: the vendor's pages disagree
    (docs/vendor-api.md#files-per-task)."""

    def takes_one_file_only(self, model: str, now: datetime) -> bool: ...

    def remember_one_file_only(self, model: str, until: datetime) -> None: ...


class RateLimiter(Protocol):
    """A rate that holds over all concurrent executions."""

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        """Reserve the next turn; how long to wait for it. None, and none reserved, when it is beyond the horizon."""
        ...

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        """For how long from now every turn is reserved already."""
        ...


class TaskListStateStore(Protocol):
    """What the last sweep of a model's tasks leaves to the next one. Lost or overwritten, it costs a call."""

    def task_list_state(self, model: str) -> TaskListState | None: ...

    def save_task_list_state(self, model: str, state: TaskListState) -> None: ...


class MediaStore(Protocol):
    """The media bucket."""

    def head(self, media: Media) -> Mapping[str, str]:
        """The object's user metadata. Raises `MediaGone` when this version is no longer there."""
        ...

    def presign(self, media: Media) -> str: ...

    def read(self, media: Media) -> bytes:
        """The whole object. Raises `MediaGone` when this version is no longer there."""
        ...


@dataclass(frozen=True)
class ResultFile:
    """One file to store."""

    key: str
    body: bytes
    content_type: str


class ResultStore(Protocol):
    """The results bucket. A key that exists is left as it is."""

    def store(self, files: Iterable[ResultFile]) -> None: ...

    def find_json(self, key: str) -> JsonObject | None:
        """A JSON file that was stored before; None when there is none."""
        ...


class ResultSource(Protocol):
    """The vendor's result files."""

    def download(self, url: str, *, small_only: bool = False) -> JsonObject:
        """The result JSON. Raises `ResultUnavailable` (try again) or `ResultRefused` (never).

        `small_only`: other results are in memory too, so a large one raises `LargeResult`.
        """
        ...


class SpeechService(Protocol):
    """DashScope. Every method raises `VendorError` when refused."""

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> str:
        """Submit the files; the task id."""
        ...

    def query(self, task_id: str) -> TaskReply: ...

    def cancel(self, task_id: str) -> None:
        """Cancel a task that has not begun yet; the vendor refuses any other (docs/vendor-api.md#task-cancellation)."""
        ...

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        """A page of the account's tasks of this model in the last 24 hours, newest first; the first is page 1.

        It may hold fewer entries than were asked for.
        """
        ...


class SynchronousSpeech(Protocol):
    """DashScope's synchronous models."""

    def transcribe(self, options: Options, file_url: str, extension: str) -> JsonObject:
        """Have the file transcribed; the answer, or `{"frames": […]}` of a streamed one. Raises `VendorError`."""
        ...


class ProfilesSource(Protocol):
    """The profiles parameter, at most a minute old. Raises `ProfilesUnreadable`."""

    def profiles(self) -> Profiles: ...


class EventPublisher(Protocol):
    """The bus. Raises `PublishFailed`, and nothing else, unless every event was taken."""

    def publish(self, jobs: Sequence[Job], now: datetime) -> None: ...


class JobQueue(Protocol):
    """A queue of jobs that need a turn: the submit queue, or that of the synchronous models."""

    def requeue(self, job_id: str) -> None: ...


@dataclass(frozen=True)
class Message:
    """A queue message: its id, to report it by, and its body. `receipt` is there when we took it ourselves."""

    message_id: str
    body: str
    receipt: str | None = None


class MessageSource(Protocol):
    """The queue that a function's messages come from, for more of them than Lambda handed over."""

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        """Up to `most` messages (at most 10 come at a time), after waiting that long for the first one."""
        ...

    def done(self, message: Message) -> None:
        """Delete a message that was taken; one that is not deleted comes back."""
        ...


class DeadLetterQueue(Protocol):
    """Where messages go that can never be understood."""

    def send(self, body: str, reason: str) -> None: ...


class PollLoop(Protocol):
    """The poll loop. A wake-up signal that fails is only logged: the next minute's tick comes anyway."""

    def send_wake_up(self) -> None: ...


@dataclass(frozen=True)
class Upload:
    """An object as it is now, whenever it was uploaded. `archived`: it must be restored before anybody can read it."""

    media: Media
    uploaded_at: datetime
    archived: bool


class UploadFinder(Protocol):
    """The objects of a bucket as they are now."""

    def find_upload(self, bucket: str, key: str) -> Upload | None: ...


class TranscriptFinder(Protocol):
    """The results bucket, asked for what is in it."""

    def has_transcript(self, media: Media, since: datetime) -> bool:
        """Whether these very bytes under this key have a transcript that was made after `since`."""
        ...


class BackfillQueue(Protocol):
    """The submit queue, as a backfill fills it."""

    def backlog(self) -> int:
        """About how many messages wait in it, those whose time has not come included."""
        ...

    def send_upload(self, body: str, delay: timedelta) -> None:
        """Send a message that arrives after the delay (15 minutes at most)."""
        ...


class BackfillLedger(Protocol):
    """What the backfills have done so far, counted over all their batches."""

    def add_backfill_counts(self, run: str, counts: Mapping[str, int]) -> None: ...
