from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from dashscribe.domain.jobs.job import Status
from dashscribe.services.finalize import FinalizeReport
from functions.finalize_transcription import app
from local.event_documents import sample_job
from tests.support.constants import START
from tests.unit.functions.conftest import Metrics, Serve, invoke

EVENT = {"submission_id": "s-1", "job_ids": ["j-1", "j-2"]}
SUCCEEDED, FAILED = sample_job(Status.SUCCEEDED), sample_job(Status.FAILED)


@pytest.mark.parametrize(
    "event", [EVENT, {"submission_id": None, "job_ids": ["j-3"]}], ids=["jobs of a task", "an unpublished job"]
)
def test_the_request_goes_to_the_service(serve: Serve, event: dict[str, Any]) -> None:
    service = serve(app, "finalize_service", FinalizeReport())
    invoke(app, event)
    assert service.calls == [(event["submission_id"], event["job_ids"])]


def test_the_answer_says_what_was_finalized_and_what_was_not(serve: Serve) -> None:
    report = FinalizeReport(
        succeeded=[SUCCEEDED, SUCCEEDED], failed=[FAILED], resubmitted=[SUCCEEDED], unfinished=["j-9"]
    )
    serve(app, "finalize_service", report)
    assert invoke(app, EVENT) == {"succeeded": 2, "failed": 1, "unfinished": ["j-9"]}


def test_every_outcome_is_counted(serve: Serve, emitted: Metrics) -> None:
    report = FinalizeReport(
        succeeded=[SUCCEEDED] * 3,
        failed=[FAILED] * 2,
        resubmitted=[SUCCEEDED],
        not_downloaded=["j-1", "j-2"],
        delayed=[SUCCEEDED] * 4,
    )
    serve(app, "finalize_service", report)
    invoke(app, EVENT)
    counts = emitted()
    counts.pop("LagFromTaskEndToEvent", None)
    assert counts == {
        "FilesSucceeded": [3],
        "FilesFailed": [2],
        "FilesResubmitted": [1],
        "FilesDelayed": [4],
        "DownloadsFailed": [2],
    }


def test_a_run_without_faults_emits_no_counter_of_faults(serve: Serve, emitted: Metrics) -> None:
    serve(app, "finalize_service", FinalizeReport())
    invoke(app, EVENT)
    assert emitted() == {"FilesSucceeded": [0]}


def test_the_lag_of_each_published_job_is_measured_from_the_end_of_its_task(serve: Serve, emitted: Metrics) -> None:
    def ended(completed: int | None, published: int | None) -> Any:
        def moment(seconds: int | None) -> Any:
            return None if seconds is None else START + timedelta(seconds=seconds)

        return SUCCEEDED.model_copy(update={"completed_at": moment(completed), "published_at": moment(published)})

    in_time, late, unpublished, without_a_task = ended(0, 2), ended(0, 5), ended(0, None), ended(None, 5)
    before_the_vendors_clock = ended(3, 2)
    report = FinalizeReport(succeeded=[in_time, unpublished, before_the_vendors_clock], failed=[late, without_a_task])
    serve(app, "finalize_service", report)
    invoke(app, EVENT)
    assert emitted()["LagFromTaskEndToEvent"] == [2, 0, 5]


def test_an_event_of_another_shape_is_refused(serve: Serve) -> None:
    service = serve(app, "finalize_service", FinalizeReport())
    with pytest.raises(ValidationError):
        invoke(app, {"job_ids": "j-1"})
    assert service.calls == []
