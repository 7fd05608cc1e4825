"""The record of a job: one upload on its way to exactly one terminal state. `job_changes` has the steps of that way."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from dashscribe.domain.jobs.failure import Failure
from dashscribe.domain.jobs.request_ids import RequestIds
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.vendor_usage import Tokens
from dashscribe.domain.timestamps import Timestamp
from dashscribe.domain.transcripts.audio_facts import AudioFacts
from dashscribe.domain.transcripts.result_files import ResultFolder

RESPONSE_LOST = "RESPONSE_LOST"
"""`last_error_code` of a job whose submission had no response."""
RESULT_PARTLY_UNDERSTOOD = "RESULT_PARTLY_UNDERSTOOD"
"""The warning of a transcript whose result has odd values. `warning_details` has their JSON pointers."""


class Status(StrEnum):
    """The state of a job."""

    RECEIVED = "RECEIVED"
    SUBMITTING = "SUBMITTING"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED})


class Due(StrEnum):
    """Which due list a record is on."""

    TASK = "TASK"  # a task to poll
    JOB = "JOB"  # a job to requeue, to check, or to publish
    RATE_LIMITED = "RATE_LIMITED"  # a job in the backlog of its model
    PAUSED = "PAUSED"  # a job that waits for the end of a pause
    DELAY = "DELAY"  # a job that may be delayed by then: not its own record, but a watch


class Usage(BaseModel):
    """What the vendor bills for one file.

    `billed_seconds` are those of all channels. `estimated_cost_usd` is the list price of the seconds, or of the tokens.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    billed_seconds: int | None
    estimated_cost_usd: float | None
    tokens: Tokens | None = None


class SplitFrom(BaseModel):
    """The submission of several files that the vendor refused, so that each file is submitted by itself."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    submission_id: str
    files: int


class WarningDetail(BaseModel):
    """What a warning is about: JSON pointers into `result.json`, at most ten."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str
    pointers: list[str]


class Job(BaseModel):
    """One record of the jobs table (`pk` = `JOB#<job_id>`). `revision` counts its writes.

    Since `stalled_since` the job makes no progress that it should make; at `delayed_at` the event about that was
    published (`domain.jobs.delay`). Since `throttled_since` the vendor refuses its submissions because of their rate.
    `unreadable_results` counts downloads that were no transcript; before `result_retry_at` there is no further one.
    `model` is the model for which the job waited last, in its backlog or for the end of a pause. The index projects it.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    job_id: str
    revision: int = 0
    status: Status
    media: Media
    options: Options | None = None
    submission_id: str | None = None
    claimed_at: Timestamp | None = None
    claimed_until: Timestamp | None = None
    task_id: str | None = None
    request_ids: RequestIds = Field(default_factory=RequestIds)
    vocabulary_id: str | None = None
    send_inline: bool = False
    attempts: int = 0
    single_file_task: bool = False
    split_from: SplitFrom | None = None
    failed_attempts: int = 0
    ambiguous_submissions: int = 0
    last_error_code: str | None = None
    stalled_since: Timestamp | None = None
    delayed_at: Timestamp | None = None
    throttled_since: Timestamp | None = None
    unreadable_results: int = 0
    result_retry_at: Timestamp | None = None
    model: str | None = None
    uploaded_at: Timestamp
    received_at: Timestamp
    submitted_at: Timestamp | None = None
    scheduled_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    published_at: Timestamp | None = None
    failed_runs: int = 0
    result: ResultFolder | None = None
    audio: AudioFacts | None = None
    usage: Usage | None = None
    warnings: list[str] = Field(default_factory=list)
    warning_details: list[WarningDetail] = Field(default_factory=list)
    failure: Failure | None = None
    due_kind: Due | None = None
    due_at: Timestamp | None = None
    expires_at: int | None = None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_finished(self) -> bool:
        """Terminal, and its event is published."""
        return self.is_terminal and self.published_at is not None


def changed(job: Job, **changes: object) -> Job:
    """The record with these changes. They are validated."""
    return Job.model_validate({**job.model_dump(), **changes})


def model_of(job: Job) -> str | None:
    """The model that the job is submitted with. None while its options are not known."""
    return job.options.model if job.options else None
