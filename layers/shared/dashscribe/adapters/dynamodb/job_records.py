"""`JobRecords` on the jobs table: jobs, tasks, outcomes, and the due lists.

Items with a due time have `due_kind` and `due_at`, and so appear in the sparse index `due`. The index holds their keys,
the time of receipt, and what a task list scan needs of a task. A finished record costs nothing there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from dashscribe.adapters.dynamodb.items import Item, Table, condition_failed, from_item
from dashscribe.domain.jobs.job import Due, Job
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.recognition.task_replies import FileOutcome
from dashscribe.domain.timestamps import to_iso
from dashscribe.errors import StaleRecord
from dashscribe.observability import logger
from dashscribe.services.ports import DueRecord, DueTask

DUE_INDEX = "due"
OUTCOMES_KEPT_SECONDS = 2 * 86400
"""After the task's end. The vendor deletes results after 24 hours (docs/vendor-api.md#result-retention)."""
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_BATCH_GET_LIMIT = 100
_ENTRIES_READ_FOR_AGE = 200
_Record = TypeVar("_Record", Job, Task)


class DynamoDbJobRecords(Table):
    """`pk` is `JOB#<job_id>`, `DELAY#<job_id>`, `TASK#<submission_id>` or `OUTCOMES#<submission_id>`."""

    # jobs

    def create(self, job: Job) -> bool:
        return self._put_if(f"JOB#{job.job_id}", _attributes(job), "attribute_not_exists(pk)", {})

    def find(self, job_id: str) -> Job | None:
        item = self._get(f"JOB#{job_id}")
        return Job.model_validate(item) if item else None

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        found: dict[str, Job] = {}
        names = list(dict.fromkeys(job_ids))  # BatchGetItem refuses a key that occurs twice
        for start in range(0, len(names), _BATCH_GET_LIMIT):
            pending: Any = {
                self._table: {
                    "Keys": [{"pk": {"S": f"JOB#{name}"}} for name in names[start : start + _BATCH_GET_LIMIT]],
                    "ConsistentRead": True,
                }
            }
            while pending:
                reply = self._client.batch_get_item(RequestItems=pending)
                for item in reply["Responses"].get(self._table, []):
                    try:
                        job = Job.model_validate(from_item(item))
                    except ValidationError:
                        self._set_aside(item["pk"]["S"])
                        continue
                    found[job.job_id] = job
                pending = reply.get("UnprocessedKeys")
        return found

    def save(self, job: Job) -> Job:
        return self._save(f"JOB#{job.job_id}", job)

    # tasks

    def save_task(self, task: Task) -> Task:
        return self._save(f"TASK#{task.submission_id}", task)

    def find_task(self, submission_id: str) -> Task | None:
        item = self._get(f"TASK#{submission_id}")
        return Task.model_validate(item) if item else None

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None:
        """Write one item for all files of a task. Result URLs are secrets: this is the only place that stores them,
        and `clear_outcomes` removes them."""
        stored = {job_id: outcome.model_dump(mode="json") for job_id, outcome in outcomes.items()}
        attributes: dict[str, object] = {"outcomes": json.dumps(stored, ensure_ascii=False)}
        ends = [int(outcome.completed_at.timestamp()) for outcome in outcomes.values() if outcome.completed_at]
        if ends:
            attributes["expires_at"] = max(ends) + OUTCOMES_KEPT_SECONDS
        self._put(f"OUTCOMES#{submission_id}", attributes)

    def clear_outcomes(self, submission_id: str, now: datetime) -> None:
        """Write an item without outcomes, which DynamoDB deletes later: deleting needs a permission of its own."""
        expires_at = int(now.timestamp()) + OUTCOMES_KEPT_SECONDS
        self._put(f"OUTCOMES#{submission_id}", {"outcomes": "{}", "expires_at": expires_at})

    def find_outcomes(self, submission_id: str) -> dict[str, FileOutcome]:
        item = self._get(f"OUTCOMES#{submission_id}")
        stored = json.loads(item["outcomes"]) if item else {}
        return {job_id: FileOutcome.model_validate(outcome) for job_id, outcome in stored.items()}

    # due lists

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        return [_due_record(item) for item in self._entries(kind, until, limit)]

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        found: list[DueTask] = []
        for item in self._entries(Due.TASK, until, limit):
            try:
                found.append(_due_task(item))
            except (KeyError, ValueError):
                self._set_aside(item["pk"]["S"])
        return found

    def watch_delay(self, job_id: str, at: datetime) -> None:
        self._put(f"DELAY#{job_id}", {"due_kind": Due.DELAY, "due_at": to_iso(at)})

    def end_delay_watch(self, job_id: str, now: datetime) -> None:
        """Write an item that is on no list, which DynamoDB deletes later."""
        self._put(f"DELAY#{job_id}", {"expires_at": int(now.timestamp())})

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        by_model: dict[str, list[str]] = {}
        for item in self._entries(Due.RATE_LIMITED, _FOREVER, limit):
            model = item["model"]["S"] if "model" in item else ""
            by_model.setdefault(model, []).append(_due_record(item).record_id)
        return by_model

    def next_due(self, kind: Due) -> datetime | None:
        first = self._query_index("due_kind = :kind", {":kind": {"S": kind}}, 1)["Items"]
        return _due_record(first[0]).due_at if first else None

    def oldest_received(self) -> datetime | None:
        received: list[datetime] = []
        for kind in (Due.JOB, Due.RATE_LIMITED, Due.PAUSED):
            reply = self._query_index("due_kind = :kind", {":kind": {"S": kind}}, _ENTRIES_READ_FOR_AGE)
            received += [datetime.fromisoformat(item["received_at"]["S"]) for item in reply["Items"]]
        return min(received, default=None)

    def _set_aside(self, pk: str) -> None:
        """Take an unreadable record off its due list: at the head of the list it would hide the others."""
        logger.exception("record unreadable; taken off its due list", record=pk)
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": pk}},
                UpdateExpression="SET unreadable_kind = due_kind REMOVE due_kind",
                ConditionExpression="attribute_exists(due_kind)",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise

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

    def _save(self, pk: str, record: _Record) -> _Record:
        """Optimistic locking: the write succeeds only over the revision that was read."""
        following = record.model_copy(update={"revision": record.revision + 1})
        if record.revision == 0 and isinstance(record, Task):
            is_written = self._put_if(pk, _attributes(following), "attribute_not_exists(pk)", {})
        else:
            seen = {":seen": {"N": str(record.revision)}}
            is_written = self._put_if(pk, _attributes(following), "revision = :seen", seen)
        if not is_written:
            raise StaleRecord(f"{pk} was changed by another process.")
        return following


def _attributes(record: Job | Task) -> dict[str, object]:
    """Fields without a value are left out: an absent `due_kind` keeps the item out of the index. Inner nulls stay."""
    return {name: value for name, value in record.model_dump(mode="json").items() if value is not None}


def _due_record(item: Mapping[str, Any]) -> DueRecord:
    return DueRecord(record_id=item["pk"]["S"].partition("#")[2], due_at=datetime.fromisoformat(item["due_at"]["S"]))


def _due_task(item: Mapping[str, Any]) -> DueTask:
    return DueTask(
        submission_id=item["pk"]["S"].partition("#")[2],
        due_at=datetime.fromisoformat(item["due_at"]["S"]),
        task_id=item["task_id"]["S"],
        model=item["model"]["S"],
        phase=TaskPhase(item["phase"]["S"]),
        accepted_at=datetime.fromisoformat(item["accepted_at"]["S"]),
        files=int(item["files"]["N"]) if "files" in item else 1,
    )
