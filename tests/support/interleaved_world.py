"""The in-memory world with interleaved runs, and the invariants that must hold after any schedule."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.task import Task
from dashscribe.errors import StaleRecord
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.ports import Message
from tests.support.constants import DELAYED, ONE_OUTPUT, SUBMITTED
from tests.support.interleaving import Faults, Interleaver, Story
from tests.support.records import Records
from tests.support.stores import Bus
from tests.support.world import World

DELAYS = [0.5, 2, 11, 95, 130, 400]
"""Seconds between rounds: within a wait, past a reconciliation, past a claim, past the time when absence counts."""


class InterleavedRecords(Records):
    """Records whose conditional writes can lose their response.

    The real adapter then recognises its own write (tests/integration/adapters/test_conditional_writes.py). Without that
    it would report a stale record, as `recognises_own_writes` = False does.
    """

    crashes: Interleaver
    recognises_own_writes = True

    def save(self, job: Job) -> Job:
        saved = super().save(job)
        if self.crashes.loses_response("save job") and not self.recognises_own_writes:
            raise StaleRecord(job.job_id)
        return saved

    def save_task(self, task: Task) -> Task:
        saved = super().save_task(task)
        if self.crashes.loses_response("save task") and not self.recognises_own_writes:
            raise StaleRecord(task.submission_id)
        return saved

    def create(self, job: Job) -> bool:
        created = super().create(job)
        return created and not (self.crashes.loses_response("create job") and not self.recognises_own_writes)


class InterleavedBus(Bus):
    """A bus that refuses some events of a call, and loses some replies."""

    crashes: Interleaver

    def publish(self, jobs: Sequence[Job], now: datetime) -> None:
        keys = [job.media.key for job in jobs]
        self.refusals = {key: int(self.crashes.refuses_event(key)) for key in keys}
        self.lost_replies = int(self.crashes.loses_publish_reply())
        super().publish(jobs, now)


class InterleavedWorld(World):
    """A world whose runs interleave by the schedule of one seed."""

    def __init__(self, seed: int, faults: Faults, *, max_files_per_task: int = 100) -> None:
        super().__init__(max_files_per_task=max_files_per_task, submit_environ=ONE_OUTPUT)
        self.random = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self.seed = seed
        self.schedule = Interleaver(seed, faults)
        self.has_kills = faults.kill > 0
        self.records = InterleavedRecords(self.schedule)
        self.bus = InterleavedBus(self.schedule)
        parts = (
            self,
            self.media,
            self.vendor,
            self.results,
            self.caller,
            self.submit_queue,
            self.synchronous_queue,
        )
        for part in parts:
            part.crashes = self.schedule
        self.to_finalize: list[FinalizeRequest] = []
        self.keys: list[str] = []

    def upload_files(self, count: int) -> None:
        for number in range(count):
            key = f"{number}.wav"
            self.keys.append(key)
            self.upload(key)

    def play(self, rounds: int) -> None:
        """Interleave two to four random runs in each round, then let time pass."""
        for _ in range(rounds):
            works = [self.random.choice(self._works()) for _ in range(self.random.randint(2, 4))]
            self.schedule.run_all({f"{number}:{work.__name__}": work for number, work in enumerate(works)})
            delay = self.random.choice(DELAYS)
            self.schedule.story.append(f"-- {delay} s later")
            self.now += timedelta(seconds=delay)

    def finish(self) -> None:
        """Without further faults, run until every job is finished."""
        self.schedule.faults = Faults()
        self.run_until_quiet(faults=True)

    def story_of_a_broken_promise(self) -> str:
        """The schedule, if an upload is not announced first, or has not exactly one kind of terminal event and one
        accepted submission. Empty otherwise.

        A file whose response was lost twice fails, and may be one that was never accepted
        (docs/operations/billed-twice.md).
        """
        for key in self.keys:
            ends = {detail.status for detail in self.bus.terminal_events_of(key)}
            submissions = self.vendor.submissions_of(key)
            is_announced = [kind for kind in self.bus.events_of(key) if kind != DELAYED][:1] == [SUBMITTED]
            if ends == {Status.FAILED} and submissions == 0 and self._lost_two_responses(key):
                continue
            if len(ends) != 1 or submissions != 1 or not is_announced:
                return str(Story(self.seed, [*self.schedule.story, f"{key}: ends {ends}, {submissions} submissions"]))
        return ""

    def _lost_two_responses(self, key: str) -> bool:
        """Whether two runs were killed between the POST of this file and its response."""
        [job] = [job for job in self.records.jobs.values() if job.media.key == key]
        return self.has_kills and job.ambiguous_submissions == 2

    def _works(self) -> list[Callable[[], object]]:
        return [self.submit, self.submit, self.poll, self.finalize_some]

    def submit(self) -> None:
        """One delivery of the queue's messages. They stay in the queue: every message is delivered more than once."""
        bodies = list(self.queue)
        self.submit_service().run([Message(str(number), body) for number, body in enumerate(bodies)])

    def take(self, most: int, wait_seconds: int) -> list[Message]:
        return []

    def poll(self) -> None:
        self.to_finalize += self.poll_service().run().result.finalize

    def finalize_some(self) -> None:
        """One finalizer for each file, or one for each task, as in a burst."""
        requests = list(self.to_finalize)
        if self.random.random() < 0.5:
            of_task: dict[str | None, list[str]] = {}
            for request in requests:
                of_task.setdefault(request.submission_id, []).extend(request.job_ids)
            requests = [FinalizeRequest(submission_id=name, job_ids=job_ids) for name, job_ids in of_task.items()]
        for request in requests:
            self.finalize_service().run(request.submission_id, request.job_ids)
