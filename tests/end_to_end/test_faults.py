"""Plays every fault of the table on the deployed template: each upload ends once, as the table says."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE
from tests.end_to_end.conftest import ENDS, Deployment
from tests.end_to_end.fault_table import ROWS, Answer, End, File, Pause, Row

pytestmark = pytest.mark.stack
MAX_SECONDS = 240
"""For rows played concurrently. A row without an end after that has failed; the others are still checked."""
MAX_IN_FLIGHT = 12
"""Rows played concurrently: MiniStack starts a process for each concurrent function, which takes a second of CPU."""
MAX_MESSAGES = 10
"""MiniStack passes at most this many messages to one run of a function, whatever BatchSize says."""


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


def files(rows: Iterable[Row]) -> Iterator[tuple[Row, str, int, File]]:
    """Every upload of these rows, with its row, key and number."""
    for row in rows:
        for number, file in enumerate(row.files, 1):
            yield row, row.key(number), number, file


class Player:
    """Plays rows on a deployment and waits until they have ended."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._lambda = deployment.info.client("lambda")
        (mapping,) = self._lambda.list_event_source_mappings(
            FunctionName=deployment.info.outputs["SubmitTranscriptionFunctionName"]
        )["EventSourceMappings"]
        self._mapping: str = mapping["UUID"]

    def play(self, rows: Sequence[Row]) -> None:
        """Upload the files of all rows and wait until every one has ended."""
        with self._behaviour(rows[0].behaviour):
            self._script(rows)
            self._add_faults(rows)
            for together in _batches([row for row in rows if len(row.files) > 1]):
                self._upload_together(together)
            self._upload_one_by_one([row for row in rows if len(row.files) == 1])
            self._wait_for(rows, *ENDS)

    def play_pause(self, rows: Sequence[Row]) -> dict[str, str]:
        """Play the rows about the account; returns the reason why each upload waited, by its key."""
        by_pause = {pause: [row for row in rows if row.pause is pause] for pause in Pause}
        in_flight, causing, waiting = by_pause[Pause.IN_FLIGHT], by_pause[Pause.CAUSES], by_pause[Pause.WAITS]
        self._script(rows)
        self._upload(in_flight)
        self._wait_for(in_flight, "Transcription Submitted")
        self._add_faults(causing)
        self._upload_together(causing)
        self._deployment.wait_for(lambda: len(self._paused_jobs(causing)) == len(causing), "submissions to be paused")
        self._add_faults(in_flight)
        self._upload(waiting)
        self._deployment.wait_for(lambda: len(self._paused_jobs(waiting)) == len(waiting), "the uploads to wait")
        reasons = self._paused_jobs([*causing, *waiting])
        self._deployment.wait_for(self._probe_is_due, "the time of the next probe", 60)
        self._tick()
        self._wait_for(rows, *ENDS)
        return reasons

    @contextmanager
    def _behaviour(self, wanted: Mapping[str, Any]) -> Iterator[None]:
        before = self._deployment.simulator()["behaviour"]
        self._deployment.simulator(behaviour=dict(wanted))
        try:
            yield
        finally:
            self._deployment.simulator(behaviour=before)

    def _script(self, rows: Sequence[Row]) -> None:
        scripts = [
            {
                "match": f"/{key}",
                "answers": [_played(answer, row.text(number)) for answer in file.answers or ({},)],
            }
            for row, key, number, file in files(rows)
        ]
        self._deployment.simulator(scripts=scripts)

    def _add_faults(self, rows: Sequence[Row]) -> None:
        self._deployment.simulator(
            faults=[{**fault, "match": f"/{row.folder}"} for row in rows for fault in row.faults]
        )

    def _upload(self, rows: Sequence[Row]) -> None:
        """Different options keep the files of different rows in different tasks.

        A row of several files also has its own model, because the stack learns from some rows that a model takes one
        file per task.
        """
        several = [row for row in ROWS if len(row.files) > 1]
        for row, key, _, _ in files(rows):
            model = list(CATALOGUE)[several.index(row)] if row in several else row.model
            metadata = {"dashscribe-model": model} if model else {}
            if row.model is None and (model is None or "vocabulary_id" in CATALOGUE[model].parameters.model_fields):
                metadata["dashscribe-parameters"] = json.dumps({"vocabulary_id": row.name})
            self._deployment.upload(key, b"scripted", metadata)

    def _upload_one_by_one(self, rows: Sequence[Row]) -> None:
        """Upload the next row when an earlier one has ended; rows that wait for a probe first, then those
        with many submissions."""
        waiting = deque(sorted(rows, key=lambda row: (row.model is None, -row.files[0].end.accepted)))
        in_flight: list[Row] = []
        until = time.monotonic() + MAX_SECONDS
        while waiting and time.monotonic() < until:
            in_flight = [row for row in in_flight if not self._have_events([row], *ENDS)]
            while waiting and len(in_flight) < MAX_IN_FLIGHT:
                in_flight.append(waiting.popleft())
                self._upload(in_flight[-1:])
            self._deployment.listen()

    def _upload_together(self, rows: Sequence[Row]) -> None:
        """Upload for one run of the submit function.

        AWS gathers the messages in the batching window. MiniStack has none, so the event source mapping is turned off
        until all of them are in the queue.
        """
        number = len(list(files(rows)))
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=False)
        try:
            self._upload(rows)
            self._deployment.wait_for(lambda: self._queued() >= number, "the uploads to gather in the queue")
        finally:
            self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=True)
        self._deployment.wait_for(lambda: self._queued() == 0, "the uploads to leave the queue")

    def _queued(self) -> int:
        name = "ApproximateNumberOfMessages"
        url = self._deployment.info.outputs["SubmitQueueUrl"]
        attributes = self._deployment.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        return int(attributes[name])

    def _have_events(self, rows: Sequence[Row], *detail_types: str) -> bool:
        """Whether each upload has an event of one of these types."""
        keys_with_events = {
            e["detail"]["media"]["key"] for e in self._deployment.events if e["detail-type"] in detail_types
        }
        return all(key in keys_with_events for _, key, _, _ in files(rows))

    def _wait_for(self, rows: Sequence[Row], *detail_types: str) -> None:
        until = time.monotonic() + MAX_SECONDS
        while not self._have_events(rows, *detail_types) and time.monotonic() < until:
            self._deployment.listen()

    def _probe_is_due(self) -> bool:
        self._deployment.listen()
        pause = self._deployment.info.client("dynamodb").get_item(
            TableName=self._deployment.info.outputs["JobsTableName"], Key={"pk": {"S": "PAUSE"}}
        )
        account = [each["M"] for each in pause["Item"]["pauses"]["L"] if "S" not in each["M"].get("model", {})]
        return all(datetime.fromisoformat(each["probe_at"]["S"]) <= datetime.now(UTC) for each in account)

    def _tick(self) -> None:
        """Start the loop, as the schedule does every minute: the loop ends when nothing is in flight."""
        machine = self._deployment.info.outputs["PollTasksStateMachineArn"]
        self._deployment.info.client("stepfunctions").start_execution(stateMachineArn=machine)

    def _paused_jobs(self, rows: Sequence[Row]) -> dict[str, str]:
        keys = {key for _, key, _, _ in files(rows)}
        return {
            job["media"]["M"]["key"]["S"]: job["last_error_code"]["S"]
            for job in self._deployment.jobs()
            if job["media"]["M"]["key"]["S"] in keys and job.get("due_kind") == {"S": "PAUSED"}
        }


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows whose files fit into one run of the submit function."""
    batch: list[Row] = []
    for row in rows:
        if len(list(files([*batch, row]))) > MAX_MESSAGES:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _played(answer: Answer, text: str) -> Answer:
    """An answer of the table for the simulator. An empty answer is the file's transcript."""
    return answer if answer.keys() & {"code", "missing", "transcription_url"} else {**answer, "text": text}


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
    by_behaviour: dict[str, list[Row]] = {}
    for row in ROWS:
        if row.pause is None:
            by_behaviour.setdefault(json.dumps(dict(row.behaviour)), []).append(row)
    for rows in by_behaviour.values():
        player.play(rows)
    waited = player.play_pause([row for row in ROWS if row.pause is not None])
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
