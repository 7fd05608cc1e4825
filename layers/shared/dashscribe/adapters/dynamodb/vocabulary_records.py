"""`VocabularyRecords` on the jobs table."""

from __future__ import annotations

from dashscribe.adapters.dynamodb.items import Table
from dashscribe.domain.recognition.vocabulary import Vocabulary


class DynamoDbVocabularyRecords(Table):
    """`pk` is `VOCABULARY#<prefix>`."""

    def find_vocabulary(self, prefix: str) -> Vocabulary | None:
        item = self._get(f"VOCABULARY#{prefix}")
        return Vocabulary.model_validate(item) if item else None

    def save_vocabulary(self, vocabulary: Vocabulary) -> Vocabulary:
        pk = f"VOCABULARY#{vocabulary.prefix}"
        return self._put_revision(pk, vocabulary, is_new=vocabulary.revision == 0)

    def delete_vocabulary_record(self, prefix: str) -> None:
        self._client.delete_item(TableName=self._table, Key={"pk": {"S": f"VOCABULARY#{prefix}"}})
