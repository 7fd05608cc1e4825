"""Hotword lists: what the vendor allows in one, and our record of one (docs/vendor-api.md#hotwords)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt

from dashscribe.domain.recognition.tolerant import OnlyObjects, TextOrNone, to_whole_number
from dashscribe.domain.timestamps import Timestamp
from dashscribe.redaction import redacted

MAX_LISTS = 10
"""Hotword lists of one account."""
MAX_WORDS = 500
"""Words of one list."""
MAX_CHARACTERS = 15
"""Characters of a word that has other characters than ASCII."""
MAX_PIECES = 7
"""Pieces, separated by blanks, of a word in ASCII."""
USABLE = "OK"
"""The status of a list that requests can name. The vendor documents one other: UNDEPLOYED."""
PREFIX_CHARACTERS = 9
"""The vendor allows fewer than 10 characters, lower-case letters and digits."""
CHECK_EVERY = timedelta(hours=1)
"""A list can be deleted at the vendor, so that it exists is checked this often."""
CLAIM_LASTS = timedelta(minutes=1)
"""Creating a list takes three requests."""
KEEP_UNUSED = timedelta(days=90)
"""How long the record of a list is kept after its last check."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def check_words(words: dict[str, int]) -> dict[str, int]:
    """Return the words. Raises `ValueError` with a clause about the first word that the vendor does not allow."""
    if len(words) > MAX_WORDS:
        raise ValueError(f"has {len(words)} words; a hotword list has at most {MAX_WORDS}")
    for word in words:
        if not word.strip():
            raise ValueError("has an empty word")
        if not word.isascii() and len(word) > MAX_CHARACTERS:
            raise ValueError(
                f"has the word {word[:40]!r} of {len(word)} characters; a word with other characters than ASCII has at "
                f"most {MAX_CHARACTERS}"
            )
        if word.isascii() and len(word.split()) > MAX_PIECES:
            raise ValueError(
                f"has the word {word[:40]!r} of {len(word.split())} pieces; a word in ASCII has at most {MAX_PIECES}, "
                "separated by blanks"
            )
    return words


PreparedVocabulary = Annotated[
    dict[str, Annotated[StrictInt, Field(ge=1, le=5)]], Field(min_length=1), AfterValidator(check_words)
]
"""The words of a hotword list with their weights."""


def vocabulary_prefix(scope: str, target_model: str, words: Mapping[str, int]) -> str:
    """Return the prefix of the list with this content for this model.

    It is a digest, so that a list whose creation was not recorded is found again by its prefix. `scope` separates the
    lists of the stacks of one account: deleting the unused lists of one must not delete those of another.
    """
    content = json.dumps([scope, target_model, sorted(words.items())])
    number = int.from_bytes(hashlib.sha256(content.encode()).digest())
    return "".join(_DIGITS[number // len(_DIGITS) ** place % len(_DIGITS)] for place in range(PREFIX_CHARACTERS))


def prefix_of(vocabulary_id: str) -> str:
    """Return the prefix that an id contains (`vocab-<prefix>-<digits>`); empty if it has another form."""
    parts = vocabulary_id.split("-")
    return parts[1] if len(parts) > 2 else ""


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class ListedVocabulary(_Reply):
    """A list as the vendor's list of lists shows it."""

    vocabulary_id: Annotated[str, AfterValidator(redacted)]
    status: TextOrNone = None
    gmt_create: TextOrNone = None


class VocabularyContent(_Reply):
    """A list as the vendor returns it."""

    target_model: TextOrNone = None
    status: TextOrNone = None
    vocabulary: Annotated[list[dict[str, object]], OnlyObjects] = []

    @property
    def words(self) -> dict[str, int]:
        return {
            str(entry["text"]): weight
            for entry in self.vocabulary
            if isinstance(entry.get("text"), str) and (weight := to_whole_number(entry.get("weight"), 100)) is not None
        }

    @property
    def is_usable(self) -> bool:
        """A status that the reply lacks counts as usable."""
        return self.status in (None, USABLE)


class Vocabulary(BaseModel):
    """Our record of a list (`pk` = `VOCABULARY#<prefix>`). `revision` counts its writes.

    One run at a time prepares a list: `claimed_until` is set meanwhile. `checked_at` is also, to the hour, when the
    list was last used.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    prefix: str
    revision: int = 0
    target_model: str
    vocabulary_id: str | None = None
    is_ready: bool = False
    claimed_until: Timestamp | None = None
    checked_at: Timestamp | None = None
    expires_at: int | None = None

    def is_claimed(self, now: datetime) -> bool:
        return self.claimed_until is not None and self.claimed_until > now

    def needs_check(self, now: datetime) -> bool:
        return not self.is_ready or self.checked_at is None or now - self.checked_at >= CHECK_EVERY

    def claimed(self, now: datetime) -> Vocabulary:
        return self._changed(claimed_until=now + CLAIM_LASTS, expires_at=int((now + KEEP_UNUSED).timestamp()))

    def released(self) -> Vocabulary:
        """The run could not prepare the list. The next one may try at once."""
        return self._changed(claimed_until=None)

    def prepared(self, vocabulary_id: str, now: datetime, *, is_ready: bool) -> Vocabulary:
        """The list exists. It is ready when the vendor says that requests can name it."""
        return self._changed(
            vocabulary_id=vocabulary_id,
            is_ready=is_ready,
            checked_at=now,
            claimed_until=None,
            expires_at=int((now + KEEP_UNUSED).timestamp()),
        )

    def _changed(self, **changes: object) -> Vocabulary:
        return Vocabulary.model_validate({**self.model_dump(), **changes})
