"""Starting, probing and ending pauses. Every change is one conditional write over the record that was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dashscribe.domain.jobs import pause as rules
from dashscribe.domain.jobs.pause import Pauses
from dashscribe.errors import PublishFailed
from dashscribe.observability import logger
from dashscribe.services.ports import Clock, EventPublisher, PauseStore

_ROUNDS = 5
"""How often a change is tried when other processes write the record at the same time."""


@dataclass(frozen=True)
class PauseKeeper:
    """The pauses of the account and of models. A scope is a model, or None for the account."""

    store: PauseStore
    clock: Clock

    def current(self) -> Pauses:
        return self.store.pauses()

    def start(self, reason: str, message: str, *, model: str | None = None, by_query: bool = False) -> None:
        """Start the pause of the model or of the account, or record another refusal during it."""
        now = self.clock()
        self._change(lambda seen: rules.start_pause(seen, reason, message, now, model=model, by_query=by_query))
        logger.error("submissions paused", reason=reason, explanation=message, model=model)

    def end(self, scopes: Iterable[str | None]) -> None:
        """End these pauses, where they are in force."""
        ended, now = list(scopes), self.clock()
        for pause in self._change(lambda seen: rules.end_pauses(seen, ended, now)).pauses:
            if pause.model in ended:
                logger.info("submissions resumed", after=pause.reason, model=pause.model)

    def claim_probes(self, seen: Pauses, scopes: Iterable[str | None]) -> bool:
        """Whether this process may send the probe of these pauses. Of several processes, one may."""
        return self.store.replace(seen, rules.claim_probes(seen, scopes, self.clock()))

    def announce(self, seen: Pauses, events: EventPublisher) -> None:
        """Publish the starts and ends that are not published yet. After an error they are published later."""
        try:
            events.announce(seen.announcements)
        except PublishFailed:
            logger.exception("event not published; the next pass publishes it")
            return
        self._change(lambda current: rules.announced(current, seen.announcements))

    def _change(self, change: Callable[[Pauses], Pauses]) -> Pauses:
        """Apply a change, and return the pauses as they were before it."""
        for _ in range(_ROUNDS):
            seen = self.store.pauses()
            following = change(seen)
            if following == seen or self.store.replace(seen, following):
                return seen
        logger.warning("pause not changed: other processes changed it at the same time")
        return Pauses()
