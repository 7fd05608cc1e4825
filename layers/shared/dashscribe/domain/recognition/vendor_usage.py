"""What the vendor reports as used by a task or a synchronous call (docs/vendor-api.md#usage)."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_REPORTED = 10**9
"""A larger number is an error. It is also more than any file can use."""


def _whole_number_or_none(value: object) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < MAX_REPORTED:
        return None
    return math.ceil(value)


_WholeNumber = Annotated[int | None, BeforeValidator(_whole_number_or_none)]


class Tokens(BaseModel):
    """Tokens that the vendor reports. A number is null where the model does not report it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    input: int | None = None
    output: int | None = None
    total: int | None = None
    audio: int | None = Field(default=None, description="the part of the input that is audio")


class TaskUsage(BaseModel):
    """What the vendor bills for a task or a synchronous call, in seconds or in tokens.

    The names of the fields depend on the model family and on the endpoint. A fraction is rounded up.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    duration: _WholeNumber = None
    seconds: _WholeNumber = None
    prompt_tokens: _WholeNumber = None
    completion_tokens: _WholeNumber = None
    input_tokens: _WholeNumber = None
    output_tokens: _WholeNumber = None
    total_tokens: _WholeNumber = None
    audio_tokens: _WholeNumber = None
    output_text_tokens: _WholeNumber = None

    @model_validator(mode="before")
    @classmethod
    def _read_details(cls, given: Any) -> Any:
        """Take the numbers of the details to the top. The vendor says to ignore the text tokens of the input."""
        if not isinstance(given, dict):
            return given
        inputs = given.get("prompt_tokens_details") or given.get("input_tokens_details")
        outputs = given.get("output_tokens_details")
        return {
            **given,
            "audio_tokens": inputs.get("audio_tokens") if isinstance(inputs, dict) else None,
            "output_text_tokens": outputs.get("text_tokens") if isinstance(outputs, dict) else None,
        }

    @property
    def billed_seconds(self) -> int | None:
        return self.duration if self.seconds is None else self.seconds

    @property
    def tokens(self) -> Tokens | None:
        """The tokens; None if no number of them is reported."""
        found = Tokens(
            input=self.prompt_tokens if self.input_tokens is None else self.input_tokens,
            output=next(
                (n for n in (self.completion_tokens, self.output_tokens, self.output_text_tokens) if n is not None),
                None,
            ),
            total=self.total_tokens,
            audio=self.audio_tokens,
        )
        return None if found == Tokens() else found
