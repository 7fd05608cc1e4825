"""What one run of the submit function, or of the function for synchronous models, did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from dashscribe.domain.jobs.job import Job


@dataclass(frozen=True)
class SubmitReport:
    """The result of a run. Each step returns its own report, and `total` adds them up.

    The lists have the records as they were written. `ambiguous` counts jobs whose response was lost, `throttled` the
    submissions that the vendor refused because of their rate. `failed_message_ids` go back to the queue.
    """

    failed_message_ids: list[str] = field(default_factory=list)
    dead_lettered: int = 0
    submitted: list[Job] = field(default_factory=list)
    succeeded: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    waiting: list[Job] = field(default_factory=list)
    handed_over: list[Job] = field(default_factory=list)
    broken_batches: int = 0
    ambiguous: int = 0
    throttled: int = 0

    def __add__(self, other: SubmitReport) -> SubmitReport:
        return SubmitReport(
            **{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)}
        )

    @property
    def changed_anything(self) -> bool:
        """Whether the loop has something to do."""
        return bool(self.submitted or self.failed or self.waiting or self.broken_batches)


NOTHING = SubmitReport()


def total(reports: Iterable[SubmitReport]) -> SubmitReport:
    return sum(reports, NOTHING)
