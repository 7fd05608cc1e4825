"""How many files may share a task."""

from __future__ import annotations

from datetime import datetime

from dashscribe.domain.options import Options
from dashscribe.services.ports import TaskLimits


def files_per_task(options: Options, most: int, limits: TaskLimits, now: datetime) -> int:
    """By the stack (`most`), by the model, and by what was learned of the vendor."""
    allowed = min(most, options.spec.max_files_per_task)
    return 1 if allowed > 1 and limits.takes_one_file_only(options.model, now) else allowed
