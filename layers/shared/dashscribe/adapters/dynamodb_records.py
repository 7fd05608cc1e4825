"""The one table: jobs, tasks, their outcomes, the pause, the rate budgets and what backfills counted.

Every item has `pk`. Items that somebody must look at have `due_kind` and `due_at` too, and so appear in the index
`due` (sparse; keys, the time of receipt, and what a sweep asks of a task): what is finished costs nothing there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import BaseModel, ValidationError

from dashscribe.domain.jobs.job import KEEP_RECORDS, Due, Job
from dashscribe.domain.jobs.pause import Pause
from dashscribe.domain.jobs.task import Task, TaskPhase
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.task_replies import FileOutcome
from dashscribe.domain.timestamps import to_iso
from dashscribe.errors import StaleRecord
from dashscribe.observability import logger
from dashscribe.services.ports import DueRecord, DueTask

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DUE_INDEX = "due"
_ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
_PAUSE = "PAUSE"
_BATCH_GET_LIMIT = 100
_RESERVATION_ROUNDS = 2
_JOBS_LOOKED_AT_FOR_AGE = 200
_KEEP_TASK_IDS_SECONDS = 2 * 86400
"""The vendor lists the tasks of the last 24 hours (docs/vendor-api.md#task-list)."""
_Record = TypeVar("_Record", Job, Task)
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class DynamoDbRecords:
    """Every port of the table: jobs, tasks, due lists, pause, limits, sweeps, rates and the backfill's ledger."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    # jobs

    def create(self, job: Job) -> bool:
        try:
            self._put(f"JOB#{job.job_id}", job, "attribute_not_exists(pk)")
        except StaleRecord:
            return False
        return True

    def find(self, job_id: str) -> Job | None:
        item = self._get(f"JOB#{job_id}")
        return Job.model_validate(item) if item else None

    def find_many(self, job_ids: Sequence[str]) -> dict[str, Job]:
        found: dict[str, Job] = {}
        for start in range(0, len(job_ids), _BATCH_GET_LIMIT):
            pending: Any = {
                self._table: {
                    "Keys": [{"pk": {"S": f"JOB#{name}"}} for name in job_ids[start : start + _BATCH_GET_LIMIT]],
                    "ConsistentRead": True,
                }
            }
            while pending:
                reply = self._client.batch_get_item(RequestItems=pending)
                for item in reply["Responses"].get(self._table, []):
                    try:
                        job = Job.model_validate(from_item(item))
                    except ValidationError:
                        logger.exception("a job's record cannot be read", record=item["pk"]["S"])
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

    def remember_task_id(self, task_id: str) -> None:
        keep_until = int(datetime.now(UTC).timestamp()) + _KEEP_TASK_IDS_SECONDS
        self._client.put_item(
            TableName=self._table, Item=to_item({"pk": f"TASK_ID#{task_id}", "expires_at": keep_until})
        )

    def is_our_task(self, task_id: str) -> bool:
        return self._get(f"TASK_ID#{task_id}") is not None

    def save_outcomes(self, submission_id: str, outcomes: Mapping[str, FileOutcome]) -> None:
        """One item for all files of a task: result URLs are secrets, so they live here and in no execution."""
        expires_at = max(
            (int(outcome.completed_at.timestamp()) for outcome in outcomes.values() if outcome.completed_at), default=0
        )
        item: dict[str, object] = {
            "pk": f"OUTCOMES#{submission_id}",
            "outcomes": json.dumps(
                {job_id: outcome.model_dump(mode="json") for job_id, outcome in outcomes.items()}, ensure_ascii=False
            ),
        }
        if expires_at:
            item["expires_at"] = expires_at + 2 * 86400
        self._client.put_item(TableName=self._table, Item=to_item(item))

    def find_outcomes(self, submission_id: str) -> dict[str, FileOutcome]:
        item = self._get(f"OUTCOMES#{submission_id}")
        stored = json.loads(item["outcomes"]) if item else {}
        return {job_id: FileOutcome.model_validate(outcome) for job_id, outcome in stored.items()}

    # due lists

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        return [_due_record(item) for item in self._entries(kind, until, limit)]

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        return [_due_task(item) for item in self._entries(Due.TASK, until, limit)]

    def rate_limited_jobs(self, limit: int) -> dict[str, list[str]]:
        lines: dict[str, list[str]] = {}
        for item in self._entries(Due.RATE_LIMITED, _ALWAYS, limit):
            lines.setdefault(item["model"]["S"] if "model" in item else "", []).append(_due_record(item).record_id)
        return lines

    def _entries(self, kind: Due, until: datetime, limit: int) -> list[dict[str, Any]]:
        """Page by page: a page of an index holds 1 MB, which is some 4,000 entries."""
        found: list[dict[str, Any]] = []
        arguments: dict[str, Any] = {}
        while len(found) < limit:
            reply = self._client.query(
                TableName=self._table,
                IndexName=DUE_INDEX,
                KeyConditionExpression="due_kind = :kind AND due_at <= :until",
                ExpressionAttributeValues={":kind": {"S": kind}, ":until": {"S": to_iso(until)}},
                Limit=limit - len(found),
                **arguments,
            )
            found += reply["Items"]
            if "LastEvaluatedKey" not in reply:
                break
            arguments = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}
        return found

    def next_due(self, kind: Due) -> datetime | None:
        reply = self._client.query(
            TableName=self._table,
            IndexName=DUE_INDEX,
            KeyConditionExpression="due_kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
            Limit=1,
        )
        return _due_record(reply["Items"][0]).due_at if reply["Items"] else None

    def oldest_received(self) -> datetime | None:
        oldest: datetime | None = None
        for kind in (Due.JOB, Due.RATE_LIMITED, Due.PARKED):
            reply = self._client.query(
                TableName=self._table,
                IndexName=DUE_INDEX,
                KeyConditionExpression="due_kind = :kind",
                ExpressionAttributeValues={":kind": {"S": kind}},
                Limit=_JOBS_LOOKED_AT_FOR_AGE,
            )
            times = [datetime.fromisoformat(item["received_at"]["S"]) for item in reply["Items"]]
            oldest = min([*times, *([oldest] if oldest else [])], default=None)
        return oldest

    # the gate

    def current_pause(self) -> Pause | None:
        item = self._get(_PAUSE)
        return Pause.model_validate(item) if item else None

    def save_pause(self, pause: Pause) -> None:
        self._client.put_item(TableName=self._table, Item=to_item({"pk": _PAUSE, **pause.model_dump(mode="json")}))

    def claim_probe(self, seen: Pause, following: Pause) -> bool:
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({"pk": _PAUSE, **following.model_dump(mode="json")}),
                ConditionExpression="probe_at = :seen",
                ExpressionAttributeValues={":seen": {"S": to_iso(seen.probe_at)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def delete_pause(self) -> None:
        self._client.delete_item(TableName=self._table, Key={"pk": {"S": _PAUSE}})

    # what was learned of the vendor

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        item = self._get(f"ONE_FILE_ONLY#{model}")
        return item is not None and int(item["expires_at"]) > now.timestamp()

    def remember_one_file_only(self, model: str, until: datetime) -> None:
        self._client.put_item(
            TableName=self._table,
            Item=to_item({"pk": f"ONE_FILE_ONLY#{model}", "expires_at": int(until.timestamp())}),
        )

    def task_list_state(self, model: str) -> TaskListState | None:
        item = self._get(f"TASK_LIST#{model}")
        return TaskListState.model_validate(item) if item else None

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        self._client.put_item(
            TableName=self._table, Item=to_item({"pk": f"TASK_LIST#{model}", **state.model_dump(mode="json")})
        )

    # rates

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        """Reserve the next free slot of a rate: slots are 1/rate apart, whoever asks, wherever it runs.

        One atomic write when somebody is ahead of us, two when nobody is (the idle rate is first brought up to now).
        """
        now_us = int(now.timestamp() * 1_000_000)
        values = {
            ":now": now_us,
            ":step": round(1_000_000 / per_second),
            ":after": now_us + round(1_000_000 / per_second),
            ":horizon": now_us + round(horizon.total_seconds() * 1_000_000),
        }
        steps = (
            ("SET next_us = next_us + :step", "next_us > :now AND next_us <= :horizon"),
            ("SET next_us = :after", "attribute_not_exists(next_us) OR next_us <= :now"),
        )
        for update, condition in steps * _RESERVATION_ROUNDS:  # between the two, somebody else may have come first
            turn_us = self._reserve(name, update, condition, values)
            if turn_us is not None:
                return timedelta(microseconds=max(0, turn_us - now_us))
        return None

    def reserved_ahead(self, name: str, now: datetime) -> timedelta:
        item = self._get(f"RATE#{name}")
        next_us = int(item["next_us"]) if item else 0
        return timedelta(microseconds=max(0, next_us - int(now.timestamp() * 1_000_000)))

    def _reserve(self, name: str, update: str, condition: str, values: Mapping[str, int]) -> int | None:
        used = {sign: {"N": str(value)} for sign, value in values.items() if sign in f"{update} {condition}".split()}
        try:
            reply = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"RATE#{name}"}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=used,
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return int(reply["Attributes"]["next_us"]["N"]) - values[":step"]

    # backfills

    def add_backfill_counts(self, run: str, counts: Mapping[str, int]) -> None:
        """One atomic write a batch. `BACKFILL#<execution name>` is what `make backfill` and the execution show."""
        values = {f":{name}": {"N": str(count)} for name, count in counts.items()}
        expires_at = int((datetime.now(UTC) + KEEP_RECORDS).timestamp())
        self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": f"BACKFILL#{run}"}},
            UpdateExpression=f"SET expires_at = :expires ADD {', '.join(f'{name} :{name}' for name in counts)}",
            ExpressionAttributeValues={**values, ":expires": {"N": str(expires_at)}},
        )

    # items

    def _get(self, pk: str) -> dict[str, Any] | None:
        reply = self._client.get_item(TableName=self._table, Key={"pk": {"S": pk}}, ConsistentRead=True)
        return from_item(reply["Item"]) if "Item" in reply else None

    def _save(self, pk: str, record: _Record) -> _Record:
        following = record.model_copy(update={"revision": record.revision + 1})
        if record.revision == 0 and isinstance(record, Task):
            self._put(pk, following, "attribute_not_exists(pk)")
        else:
            self._put(pk, following, "revision = :seen", {":seen": {"N": str(record.revision)}})
        return following

    def _put(
        self, pk: str, record: BaseModel, condition: str, values: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        arguments: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        fields = record.model_dump(mode="json")  # an absent due_kind keeps the item out of the index; inner nulls stay
        try:
            self._client.put_item(
                TableName=self._table,
                Item=to_item({"pk": pk, **{name: value for name, value in fields.items() if value is not None}}),
                ConditionExpression=condition,
                **arguments,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise StaleRecord(f"{pk} was changed by somebody else.") from error


def to_item(document: Mapping[str, object]) -> dict[str, Any]:
    exact = json.loads(json.dumps(document), parse_float=Decimal)
    return {name: _to_dynamodb(value) for name, value in exact.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _native(_from_dynamodb(value)) for name, value in item.items()}


def _native(value: Any) -> Any:
    """DynamoDB's numbers as Python's own: a parameter that came in as 0 must go out as 0, not as Decimal or text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _native(part) for name, part in value.items()}
    return [_native(part) for part in value] if isinstance(value, list) else value


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
