"""From the hotwords of a profile to the id of the vendor's hotword list that a submission names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.vocabulary import MAX_LISTS, Vocabulary, vocabulary_prefix
from dashscribe.errors import ErrorClass, StaleRecord, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import Clock
from dashscribe.services.ports.vocabularies import VocabularyRecords, VocabularyService
from dashscribe.services.submission.given_vocabularies import GivenVocabularies, mismatch

WAITS_FOR_ANOTHER_RUN = 4
"""How often a run waits for another run that prepares the same list, one second each time."""
LISTS_FULL = "Throttling.AllocationQuota"
"""The vendor's code for one list too many (docs/vendor-api.md#hotwords)."""


@dataclass(frozen=True)
class RequestParameters:
    """The parameters of a submission. `vocabulary_id` is the list that was prepared for it."""

    parameters: JsonObject
    vocabulary_id: str | None = None


@dataclass(frozen=True)
class Vocabularies:
    """Creates a list once for each model and content, and finds it again.

    Of several runs one prepares a list: a conditional write decides which one. A list whose creation was not recorded
    is found by its prefix, so no content has two lists. `scope` is what the stack's lists have in common.
    """

    records: VocabularyRecords
    service: VocabularyService
    clock: Clock
    scope: str
    given: GivenVocabularies
    sleep: Callable[[float], None] = time.sleep

    def request_parameters(self, options: Options) -> RequestParameters:
        """Return what to send for these options. Raises `VendorError` if the list cannot be used."""
        given = options.parameters
        words = given.get("vocabulary")
        if options.spec.parameters.prepares_vocabulary and words:
            prepared_id = self._find_id(options.model, words)
            kept = {name: value for name, value in given.items() if name != "vocabulary"}
            return RequestParameters({**kept, "vocabulary_id": prepared_id}, prepared_id)
        self.given.check(options)
        return RequestParameters(given)

    def _find_id(self, model: str, words: Mapping[str, int]) -> str:
        prefix = vocabulary_prefix(self.scope, model, words)
        for _ in range(1 + WAITS_FOR_ANOTHER_RUN):
            known = self.records.find_vocabulary(prefix)
            now = self.clock()
            is_claimed = known is not None and known.is_claimed(now)
            is_ready = known is not None and known.is_ready
            if known is not None and known.vocabulary_id and is_ready and (is_claimed or not known.needs_check(now)):
                return known.vocabulary_id
            if is_claimed:
                self.sleep(1)
                continue
            try:
                claim = self.records.save_vocabulary(
                    (known or Vocabulary(prefix=prefix, target_model=model)).claimed(now)
                )
            except StaleRecord:
                continue  # another run claimed it at this moment
            return self._prepare(claim, words)
        raise VendorError(
            "VOCABULARY_NOT_READY",
            f"Another submission is creating the hotword list of {model}.",
            ErrorClass.RETRYABLE,
        )

    def _prepare(self, claim: Vocabulary, words: Mapping[str, int]) -> str:
        """Find the list at the vendor, or create it. Its content is compared, and recorded as ready when it is."""
        try:
            vocabulary_id = self._find_at_vendor(claim, words) or self._create(claim, words)
            content = self.service.query_vocabulary(vocabulary_id)
            if content.target_model not in (None, claim.target_model):
                raise mismatch(vocabulary_id, content.target_model, claim.target_model)
        except VendorError:
            self._save(claim.released())
            raise
        self._save(claim.prepared(vocabulary_id, self.clock(), is_ready=content.is_usable))
        if not content.is_usable:
            raise VendorError(
                "VOCABULARY_NOT_READY",
                f"The hotword list {vocabulary_id} has the status {content.status}; it cannot be used yet.",
                ErrorClass.RETRYABLE,
            )
        return vocabulary_id

    def _save(self, vocabulary: Vocabulary) -> None:
        """Write the record, unless the claim has expired and another run has written it."""
        try:
            self.records.save_vocabulary(vocabulary)
        except StaleRecord:
            logger.info("another run prepares this hotword list", vocabulary_id=vocabulary.vocabulary_id)

    def _find_at_vendor(self, claim: Vocabulary, words: Mapping[str, int]) -> str | None:
        for listed in self.service.list_vocabularies(claim.prefix):
            content = self.service.query_vocabulary(listed.vocabulary_id)
            if content.target_model == claim.target_model and content.words == words:
                return listed.vocabulary_id
        return None

    def _create(self, claim: Vocabulary, words: Mapping[str, int]) -> str:
        try:
            vocabulary_id = self.service.create_vocabulary(claim.target_model, claim.prefix, words)
        except VendorError as error:
            if error.code != LISTS_FULL or error.http_status != 400:
                raise
            raise VendorError(
                "TOO_MANY_VOCABULARIES",
                f"The account has {MAX_LISTS} hotword lists, which is DashScope's limit, so no list was created for "
                f"{claim.target_model}. Delete unused lists with `dashscribe vocabularies --delete-unused`, or use the "
                "same words in several profiles, and upload the file again.",
                ErrorClass.PERMANENT,
                error.http_status,
                error.request_id,
            ) from error
        logger.info("hotword list created", vocabulary_id=vocabulary_id, model=claim.target_model)
        return vocabulary_id
