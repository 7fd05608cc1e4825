"""`VendorFacts` on the jobs table."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from dashscribe.adapters.dynamodb.items import Table
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.observability import logger

TASK_IDS_KEPT_SECONDS = 2 * 86400
"""The vendor lists the tasks of the last 24 hours (docs/vendor-api.md#task-list)."""


class DynamoDbVendorFacts(Table):
    """`pk` is `ONE_FILE_ONLY#<model>`, `SPLIT#<submission_id>`, `TASK_LIST#<model>` or `TASK_ID#<task_id>`."""

    def takes_one_file_only(self, model: str, now: datetime) -> bool:
        item = self._get(f"ONE_FILE_ONLY#{model}")
        return item is not None and int(item["expires_at"]) > now.timestamp()

    def remember_one_file_only(self, model: str, until: datetime) -> None:
        self._put(f"ONE_FILE_ONLY#{model}", {"expires_at": int(until.timestamp())})

    def count_single_acceptance(self, submission_id: str) -> int:
        expires_at = int(datetime.now(UTC).timestamp()) + TASK_IDS_KEPT_SECONDS
        reply = self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": f"SPLIT#{submission_id}"}},
            UpdateExpression="SET expires_at = :expires ADD accepted :one",
            ExpressionAttributeValues={":expires": {"N": str(expires_at)}, ":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(reply["Attributes"]["accepted"]["N"])

    def task_list_state(self, model: str) -> TaskListState | None:
        """A state that cannot be read counts as absent: the next scan writes it again."""
        item = self._get(f"TASK_LIST#{model}")
        try:
            return TaskListState.model_validate(item) if item else None
        except ValidationError:
            logger.exception("record unreadable", record=f"TASK_LIST#{model}")
            return None

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        self._put(f"TASK_LIST#{model}", state.model_dump(mode="json"))

    def remember_task_id(self, task_id: str, submission_id: str) -> None:
        expires_at = int(datetime.now(UTC).timestamp()) + TASK_IDS_KEPT_SECONDS
        self._put(f"TASK_ID#{task_id}", {"submission_id": submission_id, "expires_at": expires_at})

    def submission_of(self, task_id: str) -> str | None:
        item = self._get(f"TASK_ID#{task_id}")
        return str(item.get("submission_id", "")) if item else None
