from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from dashscribe.domain.jobs.pause import Pauses, start_pause
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.polling.poll import PassReport, PassResult
from functions.poll_tasks import app
from tests.conftest import LogLines
from tests.unit.functions.conftest import Metrics, Serve, invoke

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = {"loop": "run-1", "being_finalized": [{"submission_id": "s-1", "job_ids": ["j-1", "j-2"]}]}


def test_the_jobs_that_are_being_finalized_go_to_the_service(serve: Serve) -> None:
    service = serve(app, "poll_service", PassReport())
    invoke(app, EVENT)
    assert service.calls == [([FinalizeRequest(submission_id="s-1", job_ids=["j-1", "j-2"])],)]


@pytest.mark.parametrize("event", [{}, {"loop": None}, {"loop": "by-hand", "added_later": 1}])
def test_a_pass_without_finalizers_needs_no_field(serve: Serve, event: dict[str, Any]) -> None:
    service = serve(app, "poll_service", PassReport())
    invoke(app, event)
    assert service.calls == [([],)]


def test_the_state_machine_receives_the_result_as_plain_json(serve: Serve) -> None:
    requests = [FinalizeRequest(submission_id=None, job_ids=["j-3"])]
    result = PassResult(finalize=requests, wait_seconds=2, work_left=True, poll_meanwhile=True)
    serve(app, "poll_service", PassReport(result=result))
    assert invoke(app, EVENT) == {
        "finalize": [{"submission_id": None, "job_ids": ["j-3"]}],
        "wait_seconds": 2,
        "work_left": True,
        "poll_meanwhile": True,
    }


def test_every_outcome_is_counted_and_logged(serve: Serve, emitted: Metrics, log_lines: LogLines) -> None:
    report = PassReport(
        queries=1,
        list_pages=2,
        finished_tasks=3,
        requeued=4,
        failed_steps=5,
        redriven=2,
        longest_overdue_seconds=6.5,
        oldest_job_seconds=7.5,
        pauses=start_pause(start_pause(Pauses(), "Arrearage", "", NOW), "AccessDenied", "", NOW, model="fun-asr"),
    )
    serve(app, "poll_service", report)
    invoke(app, EVENT)
    assert emitted() == {
        "DeadLettersRedriven": [2],
        "FailedSteps": [5],
        "LongestOverdue": [6.5],
        "OldestJobAge": [7.5],
        "ModelsPaused": [1],
        "SubmissionsPaused": [2],
    }
    [line] = [line for line in log_lines() if line["message"] == "pass ended"]
    counts = {name: line[name] for name in ("loop", "queries", "list_pages", "tasks_ended", "requeued")}
    assert counts == {"loop": "run-1", "queries": 1, "list_pages": 2, "tasks_ended": 3, "requeued": 4}


def test_an_idle_pass_emits_no_metric_and_logs_nothing(serve: Serve, emitted: Metrics, log_lines: LogLines) -> None:
    """CloudWatch bills a metric for each hour in which it is emitted."""
    serve(app, "poll_service", PassReport(pauses=Pauses()))
    invoke(app, EVENT)
    assert emitted() == {}
    assert log_lines() == []


def test_a_pass_that_finds_every_task_running_logs_nothing(serve: Serve, log_lines: LogLines) -> None:
    serve(app, "poll_service", PassReport(queries=2, list_pages=3, pauses=Pauses()))
    invoke(app, EVENT)
    assert log_lines() == []


def test_an_event_of_another_shape_is_refused(serve: Serve) -> None:
    service = serve(app, "poll_service", PassReport())
    with pytest.raises(ValidationError):
        invoke(app, {"being_finalized": [{"submission_id": "s-1"}]})
    assert service.calls == []
