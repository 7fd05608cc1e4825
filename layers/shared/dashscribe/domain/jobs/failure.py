"""Why a job failed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dashscribe.errors import ErrorClass


class Failure(BaseModel):
    """`error` of the event `Transcription Failed`. `category` is the error class."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    code: str
    message: str
    category: str


def failure(code: str, message: str, error_class: ErrorClass = ErrorClass.PERMANENT) -> Failure:
    return Failure(code=code, message=message, category=error_class.value)
