"""Plays every fault of the table on the deployed template: each upload ends once, as the table says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end.conftest import ENDS, Deployment
from tests.end_to_end.fault_player import Player, files
from tests.end_to_end.fault_table import ROWS, End, Pause, Row

pytestmark = pytest.mark.stack


@dataclass
class Played:
    """What happened to each upload of the table, by its key.

    `first_tasks`: the number of URLs in the first submission of each row. `left_over`: faults and answers that no
    request used. `waited`: why each upload waited during the pause. `pauses`: the events about pauses, each
    with its model, or None for the account.
    """

    events: dict[str, list[dict[str, Any]]]
    accepted: dict[str, int]
    texts: dict[str, bytes]
    first_tasks: dict[str, int]
    left_over: list[str]
    waited: dict[str, str]
    lost_responses: int
    pauses: list[tuple[str, str | None]]

    def ends(self, key: str) -> list[dict[str, Any]]:
        return [event for event in self.events[key] if event["detail-type"] in ENDS]

    def end(self, key: str) -> End | None:
        """How an upload ended, in the terms of the table."""
        ends = self.ends(key)
        if not ends:
            return None
        detail = ends[0]["detail"]
        return End(
            code=detail["error"]["code"] if detail["error"] else None,
            attempts=detail["attempts"],
            accepted=self.accepted[key],
            warnings=tuple(detail["warnings"]),
        )


def _accepted(submissions: list[dict[str, Any]], key: str) -> int:
    """The number of submissions of a key that the simulator accepted, with those whose response it did not send."""
    return sum(
        f"/{key}?" in url
        for request in submissions
        if request["task_id"]
        for url in request["body"]["input"].get("file_urls", [])
    )


def _first_task(submissions: list[dict[str, Any]], row: Row) -> int:
    lists: list[list[str]] = [request["body"]["input"].get("file_urls", []) for request in submissions]
    return next((len(urls) for urls in lists if any(f"/{row.folder}" in url for url in urls)), 0)


def _left_over(state: dict[str, Any]) -> list[str]:
    """Faults and answers that no request used: such a row has tested something else."""
    faults = [f"{f['match']}: {f['times']} x {f['operation']}" for f in state["faults"] if f["times"] > 0]
    scripts = [f"{s['match']}: {s['used']} answers" for s in state["scripts"] if s["used"] < len(s["answers"]) > 1]
    return [line for line in faults + scripts if line.startswith("/faults/")]


def _ambiguous_submissions(deployment: Deployment) -> int:
    """The sum of the metric AmbiguousSubmissions so far, from the log lines that carry it."""
    return sum(
        int(float(count)) for count in re.findall(r'"AmbiguousSubmissions": ?\[([\d.]+)\]', deployment.log_lines())
    )


@pytest.fixture(scope="module")
def played(deployment: Deployment, request: pytest.FixtureRequest) -> Iterator[Played]:
    """Play the whole table once; at the end, print it with the results."""
    player = Player(deployment)
    ambiguous = _ambiguous_submissions(deployment)
    waited = player.play(ROWS)
    received = -1
    while received < len(deployment.events):  # a second terminal event would arrive here
        received = len(deployment.events)
        deployment.listen(wait_seconds=2)

    state = deployment.simulator()
    submissions = [request for request in state["recorded"] if request["operation"] == "submit"]
    keys = [key for _, key, _, _ in files(ROWS)]
    table = Played(
        events={key: deployment.events_of(key) for key in keys},
        accepted={key: _accepted(submissions, key) for key in keys},
        texts={
            key: deployment.result(event, "text")
            for key in keys
            for event in deployment.events_of(key)
            if event["detail-type"] == "Transcription Succeeded"
        },
        first_tasks={row.name: _first_task(submissions, row) for row in ROWS},
        left_over=_left_over(state),
        waited=waited,
        lost_responses=_ambiguous_submissions(deployment) - ambiguous,
        pauses=[(event["detail-type"], event["detail"]["model"]) for event in deployment.pauses],
    )
    yield table
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        print("", *report(table), sep="\n")


def report(played: Played) -> Iterator[str]:
    """The table with the results, for the terminal."""
    fault_width = max(len(row.fault) for row in ROWS)
    part = None
    for row, key, number, file in files(ROWS):
        if row.part is not part:
            part = row.part
            yield f"--- {part}"
        seen = played.end(key)
        name = row.fault if number == 1 else f"  file {number}"
        judgement = "as expected" if seen == file.end else f"NOT AS EXPECTED: {file.end}, accepted {file.end.accepted}"
        ended = f"{seen}, accepted {seen.accepted}, after {_seconds(played.ends(key)[0]):.0f} s" if seen else "no end"
        yield f"{name:{fault_width}}  {ended}: {judgement}"


def _seconds(event: dict[str, Any]) -> float:
    timing = event["detail"]["timing"]
    uploaded, published = (datetime.fromisoformat(timing[name]) for name in ("uploaded_at", "published_at"))
    return (published - uploaded).total_seconds()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_upload_ends_once_and_as_the_table_says(played: Played, row: Row) -> None:
    for _, key, number, file in files([row]):
        assert played.end(key) == file.end, played.events[key]
        assert len({event["detail-type"] for event in played.ends(key)}) == 1, "two kinds of terminal events"
        assert len({event["detail"]["job_id"] for event in played.events[key]}) == 1, "two jobs"
        if file.end.code is None:
            text = b"" if file.end.warnings else f"{row.text(number)}\n".encode()
            assert played.texts[key] == text


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.pause in (Pause.CAUSES, Pause.WAITS)], ids=lambda row: row.name
)
def test_an_upload_waits_while_submissions_are_paused(played: Played, row: Row) -> None:
    if row.pause is Pause.CAUSES:
        assert played.waited[row.key(1)] == row.faults[0]["body"]["code"]
    assert row.key(1) in played.waited


@pytest.mark.parametrize("row", [row for row in ROWS if row.model is not None], ids=lambda row: row.name)
def test_an_upload_waits_for_its_model_while_the_other_models_go_on(played: Played, row: Row) -> None:
    detail = played.ends(row.key(1))[0]["detail"]
    assert detail["model"] == row.model
    waited_from, waited_until = detail["timing"]["uploaded_at"], detail["timing"]["submitted_at"]
    assert datetime.fromisoformat(waited_until) - datetime.fromisoformat(waited_from) >= timedelta(seconds=25)
    others = [end for key in played.events for end in played.ends(key) if end["detail"]["model"] != row.model]
    assert any(waited_from < end["detail"]["timing"]["submitted_at"] < waited_until for end in others)


@pytest.mark.parametrize("model", [None, *(row.model for row in ROWS if row.model is not None)])
def test_subscribers_hear_that_submissions_were_paused_and_resumed(played: Played, model: str | None) -> None:
    assert ("Submissions Paused", model) in played.pauses
    assert ("Submissions Resumed", model) in played.pauses


def test_a_task_in_flight_is_finalized_while_submissions_are_paused(played: Played) -> None:
    finalized = played.ends("faults/in-flight/1.wav")[0]["detail"]["timing"]["published_at"]
    assert all(finalized < played.ends(key)[0]["detail"]["timing"]["submitted_at"] for key in played.waited)


def test_every_fault_of_the_table_occurred(played: Played) -> None:
    assert not played.left_over


@pytest.mark.parametrize("row", [row for row in ROWS if len(row.files) > 1], ids=lambda row: row.name)
def test_the_files_of_a_row_are_submitted_as_one_task(played: Played, row: Row) -> None:
    assert played.first_tasks[row.name] == len(row.files)


def test_each_lost_response_is_counted(played: Played) -> None:
    assert played.lost_responses == sum(row.lost_responses for row in ROWS)


def test_no_record_is_left_waiting(played: Played, deployment: Deployment) -> None:
    assert played.events

    def nothing_is_due() -> bool:
        jobs = [job for job in deployment.jobs() if job["media"]["M"]["key"]["S"] in played.events]
        return len(jobs) == len(played.events) and all("due_at" not in job and job["published_at"] for job in jobs)

    deployment.wait_for(nothing_is_due, "every record to be finished", 10)
