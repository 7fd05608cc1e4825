"""Hotword lists that users created: was a list created for the model of the request?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashscribe.domain.recognition.options import Options
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.observability import logger
from dashscribe.services.ports import Clock
from dashscribe.services.ports.vocabularies import VocabularyService

CHECKED_FOR = timedelta(hours=1)
"""How long the model of a list is remembered."""


@dataclass(frozen=True)
class GivenVocabularies:
    """Compares the model of a given list with that of the request, once an hour for each list and model.

    The vendor ignores a list of another model without an error (docs/vendor-api.md#hotwords).
    """

    service: VocabularyService
    clock: Clock
    checked: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def check(self, options: Options) -> None:
        """Raise `VendorError` if the list was created for another model, or if the account is refused.

        A list whose model cannot be found out is used: the vendor decides.
        """
        vocabulary_id, model = options.parameters.get("vocabulary_id"), options.model
        if not isinstance(vocabulary_id, str) or options.parameters.get("vocabulary"):
            return  # words in the request replace the list
        now, key = self.clock(), (vocabulary_id, model)
        if key in self.checked and self.checked[key] > now:
            return
        try:
            content = self.service.query_vocabulary(vocabulary_id)
        except VendorError as error:
            if error.error_class is ErrorClass.ACCOUNT_WIDE:
                raise
            logger.warning("hotword list not checked", vocabulary_id=vocabulary_id, code=error.code)
        else:
            if content.target_model not in (None, model):
                takes_words = "vocabulary" in options.spec.parameters.model_fields
                raise mismatch(vocabulary_id, content.target_model, model, takes_words=takes_words)
        self.checked[key] = now + CHECKED_FOR


def mismatch(vocabulary_id: str, target_model: str | None, model: str, *, takes_words: bool = True) -> VendorError:
    """Return the error of a list that was created for another model. `takes_words`: a profile can have the words."""
    alternative = "give the words as `vocabulary` in a profile" if takes_words else "give the words as a context"
    return VendorError(
        "VOCABULARY_MISMATCH",
        f"The hotword list {vocabulary_id} was created for {target_model}, but the upload uses {model}. DashScope "
        f"would ignore it without an error. Name a list of {model}, or {alternative}.",
        ErrorClass.PERMANENT,
    )
