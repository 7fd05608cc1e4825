from __future__ import annotations

import pytest

from dashscribe.domain.jobs.job import Status
from dashscribe.services.ports import Message
from dashscribe.services.submission.report import SubmitReport
from functions.transcribe_audio import app
from local.event_documents import sample_job
from tests.unit.functions.conftest import Metrics, Serve, invoke

EVENT = {"Records": [{"messageId": "m-1", "body": '{"job_id": "j"}', "receiptHandle": "r", "attributes": {}}]}


def test_every_message_goes_to_the_service_in_one_call(serve: Serve) -> None:
    service = serve(app, "transcribe_service", SubmitReport())
    assert invoke(app, EVENT) == {"batchItemFailures": []}
    assert service.calls == [([Message("m-1", '{"job_id": "j"}')],)]


def test_only_the_failed_messages_return_to_the_queue(serve: Serve) -> None:
    serve(app, "transcribe_service", SubmitReport(failed_message_ids=["m-1"]))
    assert invoke(app, EVENT) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_every_outcome_is_counted(serve: Serve, emitted: Metrics) -> None:
    succeeded, failed = sample_job(Status.SUCCEEDED), sample_job(Status.FAILED)
    report = SubmitReport(succeeded=[succeeded] * 2, failed=[failed], ambiguous=3, throttled=4)
    serve(app, "transcribe_service", report)
    invoke(app, EVENT)
    assert emitted() == {
        "FilesSucceeded": [2],
        "FilesFailed": [1],
        "AmbiguousSubmissions": [3],
        "ThrottledSubmissions": [4],
    }


def test_a_run_without_faults_emits_no_counter_of_faults(serve: Serve, emitted: Metrics) -> None:
    serve(app, "transcribe_service", SubmitReport())
    invoke(app, EVENT)
    assert emitted() == {"FilesSucceeded": [0]}


def test_a_service_that_raises_fails_the_whole_batch(serve: Serve) -> None:
    """Lambda then returns every message to the queue."""
    serve(app, "transcribe_service", RuntimeError("the table is gone"))
    with pytest.raises(RuntimeError, match="the table is gone"):
        invoke(app, EVENT)
