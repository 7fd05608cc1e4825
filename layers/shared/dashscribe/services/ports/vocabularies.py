"""Hotword lists: those of the vendor, and our records of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dashscribe.domain.recognition.vocabulary import ListedVocabulary, Vocabulary, VocabularyContent


class VocabularyService(Protocol):
    """The vendor's hotword lists. Every method raises `VendorError`."""

    def create_vocabulary(self, target_model: str, prefix: str, words: Mapping[str, int]) -> str:
        """Create a list and return its id."""
        ...

    def list_vocabularies(self, prefix: str = "") -> list[ListedVocabulary]: ...

    def query_vocabulary(self, vocabulary_id: str) -> VocabularyContent: ...

    def delete_vocabulary(self, vocabulary_id: str) -> None: ...


class VocabularyRecords(Protocol):
    """Our records of the lists of this stack."""

    def find_vocabulary(self, prefix: str) -> Vocabulary | None: ...

    def save_vocabulary(self, vocabulary: Vocabulary) -> Vocabulary:
        """Write over the revision that was read, and return the written record. Raises `StaleRecord`."""
        ...

    def delete_vocabulary_record(self, prefix: str) -> None: ...
