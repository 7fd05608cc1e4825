"""A stored record leaves out fields that have their default. So a default must keep its meaning in later versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.domain.recognition.vocabulary import Vocabulary

EMPTY: tuple[object, ...] = (None, False, 0, "", (), [], {})


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def defaults(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, object]]:
    """The defaults of a model and of the models in it that are more than an empty value, by the path of the field."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if default is not PydanticUndefined and default not in EMPTY and not isinstance(default, BaseModel):
            yield path + name, default
        for inner in models_in(field.annotation):
            yield from defaults(inner, f"{path}{name}.")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            Job,
            {
                "options.outputs": ("txt", "srt", "vtt"),
                "options.send": "url",
                "options.subtitles.labels": True,
                "options.subtitles.lines": 2,
                "options.subtitles.maximum_ms": 7000,
                "options.subtitles.minimum_ms": 833,
                "result.outputs": ("txt", "srt", "vtt"),
            },
        ),
        (Task, {}),
        (FileOutcome, {}),
        (Vocabulary, {}),
    ],
)
def test_the_defaults_of_stored_fields_do_not_change(model: type[BaseModel], expected: dict[str, object]) -> None:
    """A changed entry gives unfinished jobs, which an older version stored, the new value."""
    assert dict(defaults(model)) == expected
