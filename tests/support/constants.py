"""Names and times that the fakes of the services' tests share."""

from __future__ import annotations

from datetime import UTC, datetime

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
    "SYNCHRONOUS_MAPPING_ID": "mapping",
    "ASYNCHRONOUS_MODELS_ONLY": "false",
}
"""The settings of every function."""

ONE_OUTPUT = {"OUTPUTS": "txt"}
"""For worlds of many jobs: rendering every output would be most of the test's time."""
