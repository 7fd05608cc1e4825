"""The rates of submissions and queries, and how many files share a submission."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashscribe.domain.recognition.options import Options
from dashscribe.services.ports import VendorFacts

USED_SHARE_OF_RATE = 0.9
"""Slots are evenly spaced, but the vendor counts arrivals, and the time on the network varies: now and then an eleventh
POST arrives within one second. Measured in virtual time with 0.08 to 0.18 s on the way: 48 refusals in 1,000 at 95
%."""
MAX_SLOT_WAIT = timedelta(seconds=8)
"""A submit run waits at most this long for a slot. Jobs with a later slot join the backlog."""
QUERY_RATE_KEY = "query"
"""The rate limiter's key for queries and pages of the task list. All functions share it."""


def submit_rate(options: Options, setting: float) -> float:
    """Submissions a second: the stack's `setting`, or the catalogue's limit of the model when the setting is 0."""
    return (setting or options.spec.submit_requests_per_second) * USED_SHARE_OF_RATE


def query_rate(setting: float) -> float:
    """Queries and pages a second, of all functions together."""
    return setting * USED_SHARE_OF_RATE


def submit_rate_key(model: str) -> str:
    """The rate limiter's key for a model. Submissions and the release of the backlog share it."""
    return f"submit#{model}"


def files_per_task(options: Options, setting: int, facts: VendorFacts, now: datetime) -> int:
    """The smallest of the stack's `setting`, the model's limit, and what was learned of the vendor."""
    allowed = min(setting, options.spec.max_files_per_task)
    return 1 if allowed > 1 and facts.takes_one_file_only(options.model, now) else allowed
