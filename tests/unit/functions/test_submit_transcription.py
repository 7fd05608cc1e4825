from __future__ import annotations

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.services.ports import Message
from dashscribe.services.submission.report import SubmitReport
from functions.submit_transcription import app
from local.event_documents import sample_job
from tests.conftest import LogLines
from tests.unit.functions.conftest import Metrics, Serve, invoke

EVENT = {
    "Records": [
        {"messageId": "m-1", "body": "first", "receiptHandle": "r", "attributes": {}},
        {"messageId": "m-2", "body": '{"job_id": "j"}', "receiptHandle": "r", "attributes": {}},
    ]
}


def test_every_message_goes_to_the_service_in_one_call(serve: Serve) -> None:
    service = serve(app, "submit_service", SubmitReport())
    assert invoke(app, EVENT) == {"batchItemFailures": []}
    assert service.calls == [([Message("m-1", "first"), Message("m-2", '{"job_id": "j"}')],)]


def test_only_the_failed_messages_return_to_the_queue(serve: Serve) -> None:
    serve(app, "submit_service", SubmitReport(failed_message_ids=["m-2"]))
    assert invoke(app, EVENT) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}


def test_every_outcome_is_counted_and_logged(serve: Serve, emitted: Metrics, log_lines: LogLines) -> None:
    submitted, failed = sample_job(Status.SUBMITTED), sample_job(Status.FAILED)
    report = SubmitReport(
        submitted=[submitted, submitted, submitted],
        failed=[failed, failed],
        waiting=[submitted],
        handed_over=[submitted] * 4,
        dead_lettered=5,
        ambiguous=6,
        throttled=7,
    )
    serve(app, "submit_service", report)
    invoke(app, EVENT)
    assert emitted() == {
        "FilesSubmitted": [3],
        "FilesFailed": [2],
        "AmbiguousSubmissions": [6],
        "ThrottledSubmissions": [7],
    }
    [line] = [line for line in log_lines() if line["message"] == "run ended"]
    counts = {name: line[name] for name in ("submitted", "failed", "waiting", "handed_over", "dead_lettered")}
    assert counts == {"submitted": 3, "failed": 2, "waiting": 1, "handed_over": 4, "dead_lettered": 5}


def test_a_run_without_faults_emits_no_counter_of_faults(serve: Serve, emitted: Metrics) -> None:
    serve(app, "submit_service", SubmitReport())
    invoke(app, EVENT)
    assert emitted() == {"FilesSubmitted": [0]}


def test_a_service_that_raises_fails_the_whole_batch(serve: Serve) -> None:
    """Lambda then returns every message to the queue."""
    serve(app, "submit_service", RuntimeError("the table is gone"))
    with pytest.raises(RuntimeError, match="the table is gone"):
        invoke(app, EVENT)
