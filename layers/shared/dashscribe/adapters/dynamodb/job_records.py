"""`JobRecords` on the jobs table: jobs, tasks, outcomes, and the due lists.

Items with a due time have `due_kind` and `due_at`, and so appear in the sparse index `due`. The index holds their keys,
the time of receipt, and what a task list scan needs of a task. A finished record costs nothing there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from dashscribe.adapters.dynamodb.items import Item, Table, attributes_of, from_item
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.domain.timestamps import to_iso
from dashscribe.errors import RecordUnreadable
from dashscribe.observability import logger
from dashscribe.services.ports import Batch, DueRecord, DueTask

DUE_INDEX = "due"
OUTCOMES_KEPT_SECONDS = 2 * 86400
"""After the task's end. The vendor deletes results after 24 hours (docs/vendor-api.md#result-retention)."""
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_ENTRIES_READ_FOR_AGE = 200
_Record = TypeVar("_Record", Job, Task)
_Entry = TypeVar("_Entry", DueRecord, DueTask)


class DynamoDbJobRecords(Table):
    """`pk` is `JOB#<job_id>`, `DELAY#<job_id>`, `TASK#<submission_id>` or `OUTCOMES#<submission_id>`."""

    # jobs

    def create(self, job: Job) -> bool:
        return self._put_if(f"JOB#{job.job_id}", attributes_of(job), "attribute_not_exists(pk)")

    def find(self, job_id: str) -> Job | None:
        return self._find(f"JOB#{job_id}", Job)

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        return self._readable_jobs(self._get_many(f"JOB#{job_id}" for job_id in job_ids))

    def save(self, job: Job) -> Job:
        return self._put_revision(f"JOB#{job.job_id}", job, is_new=False)

    # tasks

    def save_task(self, task: Task) -> Task:
        return self._put_revision(f"TASK#{task.submission_id}", task, is_new=task.revision == 0)

    def find_task(self, submission_id: str) -> Task | None:
        return self._find(f"TASK#{submission_id}", Task)

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None:
        """Write one item for all files of a task. Result URLs are secrets: this is the only place that stores them,
        and `clear_outcomes` removes them."""
        stored = {
            job_id: outcome.model_dump(mode="json", exclude_defaults=True) for job_id, outcome in outcomes.items()
        }
        attributes: dict[str, object] = {"outcomes": json.dumps(stored, ensure_ascii=False)}
        ends = [int(outcome.completed_at.timestamp()) for outcome in outcomes.values() if outcome.completed_at]
        if ends:
            attributes["expires_at"] = max(ends) + OUTCOMES_KEPT_SECONDS
        self._put(f"OUTCOMES#{submission_id}", attributes)

    def clear_outcomes(self, submission_id: str, now: datetime) -> None:
        """Write an item without outcomes, which DynamoDB deletes later: deleting needs a permission of its own."""
        expires_at = int(now.timestamp()) + OUTCOMES_KEPT_SECONDS
        self._put(f"OUTCOMES#{submission_id}", {"outcomes": "{}", "expires_at": expires_at})

    def find_batch(self, submission_id: str | None, job_ids: Sequence[str]) -> Batch:
        """One request for up to 98 jobs. Outcomes that cannot be read count as absent: the task is queried again, and
        they are written again."""
        task_pk, outcomes_pk = f"TASK#{submission_id}", f"OUTCOMES#{submission_id}"
        pks = [] if submission_id is None else [task_pk, outcomes_pk]
        items = self._get_many([*pks, *(f"JOB#{job_id}" for job_id in job_ids)])
        task, outcomes = items.pop(task_pk, None), items.pop(outcomes_pk, None)
        return Batch(
            task=self._read(task_pk, from_item(task), Task) if task else None,
            outcomes=_read_outcomes(outcomes_pk, from_item(outcomes)) if outcomes else {},
            jobs=self._readable_jobs(items),
        )

    # due lists

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        return self._readable(self._entries(kind, until, limit), _due_record)

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        return self._readable(self._entries(Due.TASK, until, limit), _due_task)

    def watch_delay(self, job_id: str, at: datetime) -> None:
        self._put(f"DELAY#{job_id}", {"due_kind": Due.DELAY, "due_at": to_iso(at)})

    def end_delay_watch(self, job_id: str, now: datetime) -> None:
        """Write an item that is on no list, which DynamoDB deletes later."""
        self._put(f"DELAY#{job_id}", {"expires_at": int(now.timestamp())})

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        by_model: dict[str, list[str]] = {}
        for entry in self.due(Due.RATE_LIMITED, _FOREVER, limit):
            by_model.setdefault(entry.model, []).append(entry.record_id)
        return by_model

    def next_due(self, kind: Due) -> datetime | None:
        first = self._query_index("due_kind = :kind", {":kind": {"S": kind}}, 1)["Items"]
        return next((entry.due_at for entry in self._readable(first, _due_record)), None)

    def oldest_received(self) -> datetime | None:
        received: list[datetime] = []
        for kind in (Due.JOB, Due.RATE_LIMITED, Due.PAUSED):
            reply = self._query_index("due_kind = :kind", {":kind": {"S": kind}}, _ENTRIES_READ_FOR_AGE)
            for item in reply["Items"]:
                with suppress(KeyError, ValueError):
                    received.append(_moment(item, "received_at"))
        return min(received, default=None)

    def _readable(self, items: Sequence[Item], read: Callable[[Item], _Entry]) -> list[_Entry]:
        """The entries that can be read. The others are moved aside: at the head of the list they would hide these."""
        found: list[_Entry] = []
        for item in items:
            try:
                found.append(read(item))
            except (KeyError, ValueError):
                self._move_aside(item["pk"]["S"])
        return found

    def _readable_jobs(self, items: Mapping[str, Item]) -> dict[str, Job]:
        """The jobs that can be read, by id. The others are moved aside."""
        found: dict[str, Job] = {}
        for pk, item in items.items():
            with suppress(RecordUnreadable):
                job = self._read(pk, from_item(item), Job)
                found[job.job_id] = job
        return found

    def _find(self, pk: str, kind: type[_Record]) -> _Record | None:
        """Raises `RecordUnreadable`."""
        item = self._get(pk)
        return self._read(pk, item, kind) if item else None

    def _read(self, pk: str, document: Mapping[str, Any], kind: type[_Record]) -> _Record:
        """Raises `RecordUnreadable`."""
        try:
            return kind.model_validate(document)
        except ValidationError as error:
            self._move_aside(pk)
            raise RecordUnreadable(f"The record {pk} cannot be read.") from error

    def _move_aside(self, pk: str) -> None:
        """Leave it to a function that may move it aside: see `DeadLetteringJobRecords`."""
        logger.exception("record unreadable", record=pk)

    def _entries(self, kind: Due, until: datetime, limit: int) -> list[Item]:
        """Read page by page: a page of an index holds 1 MB, about 4,000 entries."""
        found: list[Item] = []
        condition, values = (
            "due_kind = :kind AND due_at <= :until",
            {":kind": {"S": kind}, ":until": {"S": to_iso(until)}},
        )
        start: dict[str, Any] = {}
        while len(found) < limit:
            reply = self._query_index(condition, values, limit - len(found), **start)
            found += reply["Items"]
            if "LastEvaluatedKey" not in reply:
                break
            start = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}
        return found

    def _query_index(self, condition: str, values: Mapping[str, Any], limit: int, **start: Any) -> Any:
        return self._client.query(
            TableName=self._table,
            IndexName=DUE_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            Limit=limit,
            **start,
        )


def _read_outcomes(pk: str, document: Mapping[str, Any]) -> dict[str, FileOutcome]:
    try:
        stored = json.loads(document["outcomes"])
        return {job_id: FileOutcome.model_validate(outcome) for job_id, outcome in stored.items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        logger.exception("record unreadable", record=pk)
        return {}


def _moment(item: Item, name: str) -> datetime:
    """A time of an index entry. Raises `ValueError` for one without a zone: times are compared with ours."""
    moment = datetime.fromisoformat(item[name]["S"])
    if moment.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return moment


def _record_id(item: Item) -> str:
    """The id of a record, without the kind before it."""
    return str(item["pk"]["S"]).partition("#")[2]


def _due_record(item: Item) -> DueRecord:
    model = item["model"]["S"] if "model" in item else ""
    return DueRecord(_record_id(item), _moment(item, "due_at"), model)


def _due_task(item: Item) -> DueTask:
    return DueTask(
        submission_id=_record_id(item),
        due_at=_moment(item, "due_at"),
        task_id=item["task_id"]["S"],
        model=item["model"]["S"],
        phase=TaskPhase(item["phase"]["S"]),
        accepted_at=_moment(item, "accepted_at"),
        files=int(item["files"]["N"]) if "files" in item else 1,
    )
