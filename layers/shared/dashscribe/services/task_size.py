"""How many files may share a task, and how fast submissions follow each other."""

from __future__ import annotations

from datetime import datetime

from dashscribe.domain.options import Options
from dashscribe.services.ports import TaskLimits

SHARE_OF_RATE = 0.95
"""Turns are evenly spaced, but what lies between a turn and its POST takes not always the same: at the full rate, an
eleventh POST falls into a second now and then (measured: 86 refusals in 1,000 at 10 a second, none at 9.5)."""


def submissions_a_second(options: Options, setting: float) -> float:
    """The pace of a model: the stack's `setting`, or what the catalogue says when that is 0."""
    return (setting or options.spec.submit_requests_per_second) * SHARE_OF_RATE


def turns_of(model: str) -> str:
    """The name of a model's rate: who submits and who calls up the line count the same turns."""
    return f"submit#{model}"


def files_per_task(options: Options, most: int, limits: TaskLimits, now: datetime) -> int:
    """By the stack (`most`), by the model, and by what was learned of the vendor."""
    allowed = min(most, options.spec.max_files_per_task)
    return 1 if allowed > 1 and limits.takes_one_file_only(options.model, now) else allowed
