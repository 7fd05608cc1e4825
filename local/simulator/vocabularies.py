"""Hotword lists: create, list, query, update and delete (docs/vendor-api.md#hotwords)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dashscribe.domain.recognition.vocabulary import MAX_LISTS, MAX_WORDS, USABLE, check_words
from dashscribe.domain.timestamps import VENDOR_ZONE
from local.simulator.checks import RequestRefusedError, invalid, read_body, read_input

MODEL = "speech-biasing"
_PREFIX = re.compile(r"[0-9a-z]{1,9}")

Json = dict[str, Any]


def _now() -> str:
    return datetime.now(UTC).astimezone(VENDOR_ZONE).strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class SimulatedVocabulary:
    """One list. The simulator's recognition does not use it."""

    vocabulary_id: str
    target_model: str
    entries: list[Json]
    created: str = field(default_factory=_now)
    modified: str = field(default_factory=_now)
    status: str = USABLE


class VocabularyStore:
    """All lists of one account."""

    def __init__(self) -> None:
        self.lists: dict[str, SimulatedVocabulary] = {}

    def answer(self, raw: bytes) -> Json:
        """Return the reply to a request. Raises `RequestRefusedError`."""
        body = read_body(raw)
        given = read_input(body)
        if body["model"] != MODEL:
            raise invalid("Model not exist.")
        actions = {
            "create_vocabulary": self._create,
            "list_vocabulary": self._list,
            "query_vocabulary": self._query,
            "update_vocabulary": self._update,
            "delete_vocabulary": self._delete,
        }
        act = actions.get(str(given.get("action")))
        if act is None:
            raise invalid(f"action must be one of {', '.join(actions)}.")
        return {"request_id": str(uuid.uuid4()), "output": act(given), "usage": {"count": 1}}

    def _create(self, given: Json) -> Json:
        prefix, target_model = given.get("prefix"), given.get("target_model")
        if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
            raise invalid("prefix must have fewer than 10 characters, digits and lower-case letters.")
        if not isinstance(target_model, str) or not target_model:
            raise invalid("Required parameter target_model missing or invalid.")
        entries = _check_entries(given.get("vocabulary"))
        if len(self.lists) >= MAX_LISTS:
            raise RequestRefusedError(
                400, "Throttling.AllocationQuota", "The number of vocabularies exceeds the limit."
            )
        made = SimulatedVocabulary(f"vocab-{prefix}-{uuid.uuid4().hex}", target_model, entries)
        self.lists[made.vocabulary_id] = made
        return {"vocabulary_id": made.vocabulary_id}

    def _list(self, given: Json) -> Json:
        page, size = given.get("page_index", 0), given.get("page_size", 10)
        if not isinstance(page, int) or not isinstance(size, int) or page < 0 or size < 1:
            raise invalid()
        prefix = given.get("prefix") or ""
        found = [
            {
                "vocabulary_id": each.vocabulary_id,
                "gmt_create": each.created,
                "gmt_modified": each.modified,
                "status": each.status,
            }
            for each in self.lists.values()
            if each.vocabulary_id.startswith(f"vocab-{prefix}")
        ]
        return {"vocabulary_list": found[page * size : (page + 1) * size]}

    def _query(self, given: Json) -> Json:
        found = self._find(given)
        return {
            "target_model": found.target_model,
            "vocabulary": found.entries,
            "gmt_create": found.created,
            "gmt_modified": found.modified,
            "status": found.status,
        }

    def _update(self, given: Json) -> Json:
        found = self._find(given)
        found.entries, found.modified = _check_entries(given.get("vocabulary")), _now()
        return {}

    def _delete(self, given: Json) -> Json:
        del self.lists[self._find(given).vocabulary_id]
        return {}

    def _find(self, given: Json) -> SimulatedVocabulary:
        found = self.lists.get(str(given.get("vocabulary_id")))
        if found is None:
            raise invalid("The vocabulary does not exist.")  # the vendor's own error is not documented
        return found


def _check_entries(entries: object) -> list[Json]:
    if not isinstance(entries, list) or not entries or len(entries) > MAX_WORDS:
        raise invalid(f"vocabulary must have 1 to {MAX_WORDS} entries.")
    for entry in entries:
        weight = entry.get("weight") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
            raise invalid("An entry of vocabulary must have a text.")
        if not isinstance(weight, int) or isinstance(weight, bool) or not 1 <= weight <= 5:
            raise invalid("The weight of an entry must be an integer from 1 to 5.")
        try:
            check_words({entry["text"]: weight})
        except ValueError as error:
            raise invalid(f"vocabulary {error}.") from error
    return entries
