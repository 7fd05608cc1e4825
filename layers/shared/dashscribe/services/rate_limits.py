"""How fast requests follow each other, and how many files may share one."""

from __future__ import annotations

from datetime import datetime

from dashscribe.domain.recognition.options import Options
from dashscribe.services.ports import TaskLimits

USED_SHARE_OF_RATE = 0.9
"""Turns are evenly spaced, but the vendor counts arrivals, and what lies between takes not always the same: an eleventh
POST falls into a second now and then (virtual time, 0.08 to 0.18 s on the way: 48 refusals in 1,000 at 95 %)."""
QUERY_RATE_KEY = "query"
"""The name of the account's rate for questions and pages of the list."""


def submit_rate(options: Options, setting: float) -> float:
    """The pace of a model: the stack's `setting`, or what the catalogue says when that is 0."""
    return (setting or options.spec.submit_requests_per_second) * USED_SHARE_OF_RATE


def query_rate(setting: float) -> float:
    """The pace of questions and pages, of all functions together."""
    return setting * USED_SHARE_OF_RATE


def submit_rate_key(model: str) -> str:
    """The name of a model's rate: who submits and who calls up the line count the same turns."""
    return f"submit#{model}"


def files_per_task(options: Options, most: int, limits: TaskLimits, now: datetime) -> int:
    """By the stack (`most`), by the model, and by what was learned of the vendor."""
    allowed = min(most, options.spec.max_files_per_task)
    return 1 if allowed > 1 and limits.takes_one_file_only(options.model, now) else allowed
