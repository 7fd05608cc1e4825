"""Slots for the queries of a pass, and the client that sends them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from dashscribe.domain.recognition.task_replies import TaskList
from dashscribe.services.polling.pass_budget import PassBudget
from dashscribe.services.ports import Clock, RateLimiter, SpeechService
from dashscribe.services.rate_limits import QUERY_RATE_KEY, query_rate

CONCURRENT_QUERIES = 8
"""A query takes a round trip to the vendor: one after the other, queries would not use up the rate."""
ReadPage = Callable[[int], TaskList | None]
"""Reads this page of a task list. It is None when the pass has no slot left."""


@dataclass(frozen=True)
class VendorCalls:
    """`speech` makes its client once, at the first call: most passes of an idle stack send no query."""

    speech: Callable[[], SpeechService]
    rate_limiter: RateLimiter
    clock: Clock
    query_requests_per_second: float
    sleep: Callable[[float], None] = time.sleep

    @property
    def query_rate(self) -> float:
        return query_rate(self.query_requests_per_second)

    def calls_in(self, duration: timedelta) -> int:
        """How many queries and pages the rate allows in this time. A low rate allows one concurrent batch at least."""
        return max(CONCURRENT_QUERIES, int(self.query_rate * duration.total_seconds()))

    def reserve_query(self, budget: PassBudget) -> bool:
        """Wait for a slot of the query rate. False when the slot comes after the end of the pass."""
        now = self.clock()
        if budget.is_spent(now):
            return False
        horizon = max(timedelta(0), budget.until - now)
        wait = self.rate_limiter.reserve(QUERY_RATE_KEY, self.query_rate, now, horizon)
        if wait is None:
            return False
        self.sleep(wait.total_seconds())
        return True

    def page_reader(self, model: str, page_size: int, budget: PassBudget) -> ReadPage:
        """Reads pages of the model's task list. Each of them takes a slot of the query rate."""
        speech = self.speech()  # made here, before concurrent reads would each make one

        def read(page: int) -> TaskList | None:
            return speech.list_page(model, page, page_size) if self.reserve_query(budget) else None

        return read
