"""Hotword lists for the in-memory test world: the vendor's, and our records of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dashscribe.domain.recognition.vocabulary import ListedVocabulary, Vocabulary, VocabularyContent
from dashscribe.errors import ErrorClass, ResponseLost, StaleRecord, VendorError
from tests.support.crashes import Crashes


@dataclass
class VendorVocabularies:
    """DashScope's hotword lists: id → content. `created` are the target models of all creations, in order.

    The next creations and queries raise `refusals`. The responses of the next `responses_to_lose` creations are lost.
    New lists have the `status`.
    """

    crashes: Crashes
    api_key: Callable[[], str]
    lists: dict[str, VocabularyContent] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refusals: list[VendorError] = field(default_factory=list)
    responses_to_lose: int = 0
    status: str = "OK"
    max_lists: int = 10

    def create_vocabulary(self, target_model: str, prefix: str, words: Mapping[str, int]) -> str:
        self._count("create")
        if self.refusals:
            raise self.refusals.pop(0)
        if len(self.lists) >= self.max_lists:
            raise VendorError("Throttling.AllocationQuota", "Allocated quota exceeded.", ErrorClass.THROTTLED, 400)
        vocabulary_id = f"vocab-{prefix}-{len(self.created):032x}"
        entries: list[dict[str, object]] = [{"text": word, "weight": weight} for word, weight in words.items()]
        content = VocabularyContent(target_model=target_model, status=self.status, vocabulary=entries)

        def effect() -> None:
            self.created.append(target_model)
            self.lists[vocabulary_id] = content

        self.crashes.around("create vocabulary", effect)
        if self.responses_to_lose:
            self.responses_to_lose -= 1
            raise ResponseLost("reset after the request was sent")
        return vocabulary_id

    def list_vocabularies(self, prefix: str = "") -> list[ListedVocabulary]:
        self._count("list")
        return [
            ListedVocabulary(vocabulary_id=vocabulary_id, status=content.status)
            for vocabulary_id, content in self.lists.items()
            if prefix in vocabulary_id
        ]

    def query_vocabulary(self, vocabulary_id: str) -> VocabularyContent:
        self._count("query")
        if self.refusals:
            raise self.refusals.pop(0)
        if vocabulary_id not in self.lists:
            raise VendorError("InvalidParameter", "no such vocabulary", ErrorClass.PERMANENT, 400)
        return self.crashes.read("query vocabulary", self.lists[vocabulary_id])

    def delete_vocabulary(self, vocabulary_id: str) -> None:
        self._count("delete")
        del self.lists[vocabulary_id]

    def _count(self, request: str) -> None:
        self.api_key()
        self.requests.append(request)


@dataclass
class VocabularyRecordsFake:
    """`VocabularyRecords` in a dict, with the same conditional write."""

    crashes: Crashes
    records: dict[str, Vocabulary] = field(default_factory=dict)

    def find_vocabulary(self, prefix: str) -> Vocabulary | None:
        return self.crashes.read("find vocabulary", self.records.get(prefix))

    def save_vocabulary(self, vocabulary: Vocabulary) -> Vocabulary:
        def effect() -> Vocabulary:
            stored = self.records.get(vocabulary.prefix)
            if (stored.revision if stored else 0) != vocabulary.revision:
                raise StaleRecord(vocabulary.prefix)
            following = vocabulary.model_copy(update={"revision": vocabulary.revision + 1})
            self.records[vocabulary.prefix] = following
            return following

        saved: Vocabulary = self.crashes.around("save vocabulary", effect)
        return saved

    def delete_vocabulary_record(self, prefix: str) -> None:
        self.records.pop(prefix, None)
