"""`PauseStore` on the jobs table."""

from __future__ import annotations

from dashscribe.adapters.dynamodb.items import Table
from dashscribe.domain.jobs.pause import Pause
from dashscribe.domain.timestamps import to_iso

_PAUSE = "PAUSE"


class DynamoDbPauseStore(Table):
    """`pk` is `PAUSE`. No item: submissions are not paused."""

    def current_pause(self) -> Pause | None:
        item = self._get(_PAUSE)
        return Pause.model_validate(item) if item else None

    def save_pause(self, pause: Pause) -> None:
        self._put(_PAUSE, pause.model_dump(mode="json"))

    def claim_probe(self, seen: Pause, following: Pause) -> bool:
        values = {":seen": {"S": to_iso(seen.probe_at)}}
        return self._put_if(_PAUSE, following.model_dump(mode="json"), "probe_at = :seen", values)

    def delete_pause(self) -> None:
        self._client.delete_item(TableName=self._table, Key={"pk": {"S": _PAUSE}})
