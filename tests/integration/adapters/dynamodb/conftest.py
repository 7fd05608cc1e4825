"""Records with every field set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashscribe.domain.jobs.job import Due, Job, SplitFrom, Status
from dashscribe.domain.jobs.task import PostOutcome, Task, TaskPhase

if TYPE_CHECKING:
    pass


SECOND = timedelta(seconds=1)
MakeJob = Callable[..., Job]


@pytest.fixture
def full_job(make_job: MakeJob, now: datetime) -> Job:
    """A job with every field set."""
    return make_job(
        model="fun-asr",
        revision=4,
        status=Status.SUCCEEDED,
        media={
            "bucket": "media",
            "key": "会议/录音 +%20'\"😀.wav",
            "version_id": "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
            "etag": "d41d8cd98f00b204e9800998ecf8427e",
            "size_bytes": 2 * 1024**3,
        },
        options={
            "profile": "客服",
            "model": "fun-asr",
            "parameters": {
                "language_hints": ["zh", "en"],
                "diarization_enabled": True,
                "vocabulary_id": "热词-1",
                "special_word_filter": '{"filter_with_signed": {"word_list": ["坏"]}}',
                "nothing": None,
                "empty": {"list": [], "text": ""},
            },
        },
        submission_id="b" * 32,
        task_id="c2e5d63b-96e1-4607-bb91-000000000000",
        request_ids={"submission": "r-1", "query": "r-2", "error": "r-3"},
        vocabulary_id="vocab-abc-1",
        send_inline=True,
        attempts=2,
        single_file_task=True,
        warning_details=[{"code": "RESULT_PARTLY_UNDERSTOOD", "pointers": ["/transcripts/0/text"]}],
        split_from=SplitFrom(submission_id="b" * 32, files=3),
        failed_attempts=3,
        ambiguous_submissions=1,
        last_error_code="FILE_403_FORBIDDEN",
        submitted_at=now + SECOND,
        scheduled_at=now + 1.5 * SECOND,
        completed_at=now + 2 * SECOND,
        published_at=now + 3 * SECOND,
        failed_runs=5,
        stalled_since=now,
        delayed_at=now + 900 * SECOND,
        throttled_since=now,
        unreadable_results=2,
        result_retry_at=now + 30 * SECOND,
        claimed_at=now,
        claimed_until=now + 5 * SECOND,
        result={
            "bucket": "results",
            "prefix": "会议/a/",
            "files": {name: f"会议/a/{name}" for name in ("result", "transcript", "text", "srt", "vtt", "job")},
        },
        audio={"duration_ms": 3834, "speech_ms": 2480, "channels": [0, 1], "format": "wav", "sample_rate": 8000},
        usage={
            "billed_seconds": 4,
            "estimated_cost_usd": 0.1 + 0.2,
            "tokens": {"input": 42, "output": 12, "total": 54, "audio": 42},
        },
        warnings=["SUCCESS_WITH_NO_VALID_FRAGMENT", "警告"],
        failure={"code": "FILE_TOO_LARGE", "message": "太大 – 2 GB", "category": "permanent"},
        due_kind=Due.PAUSED,
        due_at=now + 4 * SECOND,
        expires_at=1_800_000_000,
    )


@pytest.fixture
def full_task(now: datetime) -> Task:
    """A task with every field set."""
    return Task(
        submission_id="s" * 32,
        revision=2,
        phase=TaskPhase.ENDED,
        model="paraformer-v2",
        job_ids=["a" * 32, "b" * 32],
        url_marks=["0123456789abcdef"],
        task_id="任务-1",
        request_id="r-1",
        posted_at=now,
        response_lost_at=now,
        server_error="HTTP_502",
        reconciled_since=now,
        post_outcome=PostOutcome.ACCEPTED,
        accepted_at=now + SECOND,
        unknown_since=now + SECOND,
        query_failing_since=now + SECOND,
        is_delay_reported=True,
        ended_at=now + 2 * SECOND,
        finalize_attempts=3,
        due_kind=Due.TASK,
        due_at=now + 3 * SECOND,
        expires_at=1_800_000_000,
    )
