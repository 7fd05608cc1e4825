"""DashScope's hotword lists (docs/vendor-api.md#hotwords)."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from pydantic import ValidationError

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import CUSTOMIZATION_PATH
from dashscribe.domain.recognition.vocabulary import ListedVocabulary, VocabularyContent
from dashscribe.errors import ErrorClass, ResponseLost, VendorError
from dashscribe.redaction import redacted

TIMEOUT = httpx.Timeout(8.0, connect=3.0)
"""Short: up to three of these requests come before a submission, in one run of the submit function."""
PAGE_SIZE = 10
"""The vendor's default; its maximum is not documented."""
MAX_PAGES = 5
"""An account has at most 10 lists."""
MODEL = "speech-biasing"


class DashScopeVocabularies:
    """`VocabularyService` over HTTP. No request is repeated."""

    def __init__(self, http: DashScopeHttp) -> None:
        self._http = http

    def create_vocabulary(self, target_model: str, prefix: str, words: Mapping[str, int]) -> str:
        entries = [{"text": word, "weight": weight} for word, weight in words.items()]
        output = self._post("create_vocabulary", target_model=target_model, prefix=prefix, vocabulary=entries)
        vocabulary_id = output.get("vocabulary_id")
        if not isinstance(vocabulary_id, str) or not vocabulary_id:
            raise ResponseLost("DashScope created a hotword list, but its response has no id.")
        return redacted(vocabulary_id)

    def list_vocabularies(self, prefix: str = "") -> list[ListedVocabulary]:
        found: list[ListedVocabulary] = []
        for page in range(MAX_PAGES):
            filters = {"prefix": prefix} if prefix else {}
            output = self._post("list_vocabulary", **filters, page_index=page, page_size=PAGE_SIZE)
            listed = _read_list(output)
            found += [each for each in listed if each not in found]
            if len(listed) < PAGE_SIZE:
                break
        return found

    def query_vocabulary(self, vocabulary_id: str) -> VocabularyContent:
        try:
            return VocabularyContent.model_validate(self._post("query_vocabulary", vocabulary_id=vocabulary_id))
        except ValidationError as error:
            raise ResponseLost(
                f"DashScope's description of the hotword list {vocabulary_id} has an unknown shape."
            ) from error

    def delete_vocabulary(self, vocabulary_id: str) -> None:
        self._post("delete_vocabulary", vocabulary_id=vocabulary_id)

    def _post(self, action: str, **fields: object) -> JsonObject:
        body = {"model": MODEL, "input": {"action": action, **fields}}
        reply = self._http.post(CUSTOMIZATION_PATH, body, TIMEOUT)
        output = reply.get("output")
        return output if isinstance(output, dict) else {}


def _read_list(output: JsonObject) -> list[ListedVocabulary]:
    """Read a page. An entry without an id is left out."""
    entries = output.get("vocabulary_list")
    if not isinstance(entries, list):
        raise VendorError(
            "NO_LIST",
            "DashScope's response to a request for the hotword lists is not a list.",
            ErrorClass.RETRYABLE,
        )
    found: list[ListedVocabulary] = []
    for entry in entries:
        try:
            found.append(ListedVocabulary.model_validate(entry))
        except ValidationError:
            continue
    return found
