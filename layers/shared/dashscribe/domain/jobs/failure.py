"""Why a job failed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dashscribe.errors import ErrorClass
from dashscribe.redaction import redact_signatures


class Failure(BaseModel):
    """`error` of the event `Transcription Failed`. `category` is the error class."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str
    message: str
    category: str


def failure(code: str, message: str, error_class: ErrorClass = ErrorClass.PERMANENT) -> Failure:
    """The failure, without secrets: a message may quote what the vendor or the host of a result sent."""
    return Failure(code=redact_signatures(code), message=redact_signatures(message), category=error_class.value)
