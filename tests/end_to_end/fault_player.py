"""Plays the rows of the fault table on a deployment."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import httpx

from dashscribe.domain.recognition.catalogue import CATALOGUE
from tests.end_to_end.conftest import ENDS, Deployment
from tests.end_to_end.fault_table import ROWS, UNLISTED, Answer, File, Pause, Row

MAX_SECONDS = 240
"""For rows played concurrently. A row without an end after that has failed; the others are still checked."""
MAX_IN_FLIGHT = 12
"""Rows played concurrently: MiniStack starts a process for each concurrent function, which takes a second of CPU."""
MAX_TOGETHER = 8
"""Files for one run of the submit function. MiniStack passes at most 10 messages to a run, whatever BatchSize says, and
files that are submitted again may be among them."""


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

    def play(self, rows: Sequence[Row]) -> dict[str, str]:
        """Upload the files of all rows and wait until every one has ended; returns why each upload waited during the
        pause of the account, by its key.

        Nothing is submitted when this pause starts, because an accepted submission ends it. The rows that take minutes
        do not wait for it: they have been submitted, and are submitted again long after the pause.
        """
        about_account = [row for row in rows if row.pause is not None]
        others = [row for row in rows if row.pause is None]
        several = [row for row in others if len(row.files) > 1]
        long = [row for row in others if row.takes_minutes]
        with self._behaviour(others):
            self._script(rows)
            self._add_faults(others)
            for together in _batches(several):
                self._upload_together(together)
            self._upload(long)
            self._wait_for(several, *ENDS)
            self._wait_for([row for row in long if not row.lost_responses], "Transcription Submitted")
            reasons = self._play_pause(about_account)
            self._upload_one_by_one([row for row in others if row not in [*several, *long]])
            self._wait_for(rows, *ENDS)
        return reasons

    def _play_pause(self, rows: Sequence[Row]) -> dict[str, str]:
        """Play the rows about the account; returns the reason why each upload waited, by its key."""
        by_pause = {pause: [row for row in rows if row.pause is pause] for pause in Pause}
        in_flight, causing, waiting = by_pause[Pause.IN_FLIGHT], by_pause[Pause.CAUSES], by_pause[Pause.WAITS]
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
    def _behaviour(self, rows: Sequence[Row]) -> Iterator[None]:
        """The behaviour of each model is that of its rows; it is `UNLISTED` for all other models."""
        before = self._deployment.simulator()["behaviour"]
        of_models = {_model_of(row): dict(row.behaviour) for row in rows if row.behaviour != UNLISTED}
        self._deployment.simulator(behaviour={**UNLISTED, "of_models": of_models})
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
        """Different options keep the files of different rows in different tasks."""
        for row, key, _, _ in files(rows):
            model = _model_of(row)
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
        until all of them are in the queue. A run that has begun earlier also takes messages from the queue, so it must
        end first.
        """
        keys = [key for _, key, _, _ in files(rows)]
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=False)
        try:
            self._deployment.wait_for(
                lambda: all(each["IsVisible"] for each in self._queue()), "running runs to end", 60
            )
            self._upload(rows)
            self._deployment.wait_for(lambda: self._waiting(keys) == len(keys), "the uploads to gather in the queue")
        finally:
            self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=True)
        self._deployment.wait_for(lambda: self._waiting(keys) == 0, "the uploads to leave the queue")

    def _queue(self) -> list[dict[str, Any]]:
        """The messages in the submit queue. MiniStack shows them without receiving them; a run has those that are not
        visible."""
        shown = httpx.get(
            f"{self._deployment.info.aws_endpoint_url}/_ministack/sqs/messages",
            params={"QueueUrl": self._deployment.info.outputs["SubmitQueueUrl"]},
        )
        regions = shown.raise_for_status().json()["messages"].values()
        return [each for queues in regions for by_url in queues.values() for each in chain(*by_url.values())]

    def _waiting(self, keys: Sequence[str]) -> int:
        """How many of these keys, which must be ASCII, have a message that no run has received."""
        bodies = [message["Body"] for message in self._queue() if message["IsVisible"]]
        return sum(any(f'"{key}"' in body for body in bodies) for key in keys)

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


def _model_of(row: Row) -> str | None:
    """The model of a row's files; None: the default.

    A row of several files has its own, because the stack learns from some rows that a model takes one file per task. A
    row of one file with a behaviour of its own has the model of a row of several files with the same behaviour.
    """
    several = [each for each in ROWS if len(each.files) > 1]
    models = {each.name: model for each, model in zip(several, CATALOGUE, strict=False)}
    if row.name in models or row.behaviour == UNLISTED:
        return models.get(row.name, row.model)
    return next(models[each.name] for each in several if each.behaviour == row.behaviour)


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows whose files fit into one run of the submit function."""
    batch: list[Row] = []
    for row in rows:
        if len(list(files([*batch, row]))) > MAX_TOGETHER:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _played(answer: Answer, text: str) -> Answer:
    """An answer of the table for the simulator. An empty answer is the file's transcript."""
    return answer if answer.keys() & {"code", "missing", "transcription_url"} else {**answer, "text": text}
