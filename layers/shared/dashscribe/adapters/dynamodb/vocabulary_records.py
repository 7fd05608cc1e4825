"""`VocabularyRecords` on the jobs table."""

from __future__ import annotations

from dashscribe.adapters.dynamodb.items import Table
from dashscribe.domain.recognition.vocabulary import Vocabulary
from dashscribe.errors import StaleRecord


class DynamoDbVocabularyRecords(Table):
    """`pk` is `VOCABULARY#<prefix>`."""

    def find_vocabulary(self, prefix: str) -> Vocabulary | None:
        item = self._get(f"VOCABULARY#{prefix}")
        return Vocabulary.model_validate(item) if item else None

    def save_vocabulary(self, vocabulary: Vocabulary) -> Vocabulary:
        pk = f"VOCABULARY#{vocabulary.prefix}"
        following = vocabulary.model_copy(update={"revision": vocabulary.revision + 1})
        attributes = {name: value for name, value in following.model_dump(mode="json").items() if value is not None}
        if vocabulary.revision == 0:
            is_written = self._put_if(pk, attributes, "attribute_not_exists(pk)", {})
        else:
            seen = {":seen": {"N": str(vocabulary.revision)}}
            is_written = self._put_if(pk, attributes, "revision = :seen", seen)
        if not is_written:
            raise StaleRecord(f"{pk} was changed by another process.")
        return following

    def delete_vocabulary_record(self, prefix: str) -> None:
        self._client.delete_item(TableName=self._table, Key={"pk": {"S": f"VOCABULARY#{prefix}"}})
