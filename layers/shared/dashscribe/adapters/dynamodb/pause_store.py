"""`PauseStore` on the jobs table."""

from __future__ import annotations

from pydantic import ValidationError

from dashscribe.adapters.dynamodb.items import Table
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.observability import logger

_PAUSE = "PAUSE"


class DynamoDbPauseStore(Table):
    """`pk` is `PAUSE`. No item, or an item without pauses: submissions are not paused."""

    def pauses(self) -> Pauses:
        """A record that cannot be read counts as no pause: the next refused submission writes it again."""
        item = self._get(_PAUSE) or {}
        version = str(item.get("write_id", ""))
        try:
            return Pauses.model_validate({**item, "version": version})
        except ValidationError:
            logger.exception("record unreadable; submissions are not paused", record=_PAUSE)
            return Pauses(version=version)

    def replace(self, seen: Pauses, following: Pauses) -> bool:
        attributes = following.model_dump(mode="json", exclude={"version"})
        if not seen.version:
            return self._put_if(_PAUSE, attributes, "attribute_not_exists(write_id)")
        return self._put_if(_PAUSE, attributes, "write_id = :seen", seen={"S": seen.version})
