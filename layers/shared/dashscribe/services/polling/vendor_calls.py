"""Slots for the queries of a pass, and the client that sends them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from dashscribe.services.polling.pass_budget import PassBudget
from dashscribe.services.ports import Clock, RateLimiter, SpeechService
from dashscribe.services.rate_limits import QUERY_RATE_KEY, query_rate


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
