"""Calls, table requests and lag of the poll loop as tasks in flight grow, in virtual time. `make bench`.

The real `PollService` on the fakes of `tests.support.world`; nothing is judged on a clock. A pass reserves slots of the
account's rate and takes no other time. A finalizer takes `FINALIZE` a file; 40 finalizers run at once, and the loop
waits for them.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median, quantiles

import pytest

from dashscribe.domain.jobs import task as tasks
from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.domain.jobs.task import Task
from dashscribe.domain.jobs.task_list_scan import TaskListState
from dashscribe.domain.recognition.file_outcomes import FileOutcome
from dashscribe.domain.recognition.task_replies import ListedTask, TaskList
from dashscribe.errors import ErrorClass, VendorError
from dashscribe.observability import logger
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.polling.poll import PassResult
from dashscribe.services.polling.task_poller import CONCURRENT_FINALIZERS
from dashscribe.services.ports import DueRecord, DueTask
from local.event_documents import sample_job
from tests.support.constants import START
from tests.support.records import Records
from tests.support.vendor import Vendor, VendorTask
from tests.support.world import World

FINALIZE = timedelta(seconds=0.3)
A_PASS = timedelta(seconds=0.2)
"""States, reads and writes of one pass, without its queries (test_burst.py has them one by one)."""
SUBMITS_PER_SECOND = 10
"""Of Fun-ASR (docs/vendor-api.md#rate-limits)."""
USD_A_WRITE, USD_A_READ = 0.625e-6, 0.125e-6
"""On demand, as in `prices.json`."""
INDEX_ENTRY_KB = 0.25


@dataclass
class MeteredRecords(Records):
    """Counts request units: a write of the task's record is one for each KB and two for its place in the index."""

    reads: float = 0
    writes: float = 0

    def find_task(self, submission_id: str) -> Task | None:
        found = super().find_task(submission_id)
        self.reads += 1 + (len(found.job_ids) * 0.06 // 4 if found else 0)
        return found

    def find_many(self, job_ids: list[str]) -> dict[str, Job]:  # type: ignore[override]  # the loop has lists only
        self.reads += len(job_ids)
        return super().find_many(job_ids)

    def save_task(self, task: Task) -> Task:
        self.writes += 3 + len(task.job_ids) * 0.08 // 1
        return super().save_task(task)

    def save_outcomes(self, submission_id: str, outcomes: dict[str, FileOutcome]) -> None:  # type: ignore[override]
        self.writes += 1 + len(outcomes)
        super().save_outcomes(submission_id, outcomes)

    def due(self, kind: Due, until: datetime, limit: int) -> list[DueRecord]:
        self.reads += 0.5
        return super().due(kind, until, limit)

    def due_tasks(self, until: datetime, limit: int) -> list[DueTask]:
        found = super().due_tasks(until, limit)
        self.reads += max(0.5, len(found) * INDEX_ENTRY_KB / 8)
        return found

    def next_due(self, kind: Due) -> datetime | None:
        self.reads += 0.5
        return super().next_due(kind)

    def oldest_received(self) -> datetime | None:
        self.reads += 2 * 200 * INDEX_ENTRY_KB / 8
        return None

    def task_list_state(self, model: str) -> TaskListState | None:
        self.reads += 1
        return super().task_list_state(model)

    def save_task_list_state(self, model: str, state: TaskListState) -> None:
        self.writes += 1
        super().save_task_list_state(model, state)

    def reserve(self, name: str, per_second: float, now: datetime, horizon: timedelta) -> timedelta | None:
        self.writes += 1 if self.next_slots.get(name, now) > now else 2
        return super().reserve(name, per_second, now, horizon)


@dataclass
class Run:
    """One stream of tasks through the loop, and what it cost."""

    world: World
    records: MeteredRecords
    files: int
    lags: list[float] = field(default_factory=list)
    passes: int = 0
    most_in_flight: int = 0

    @property
    def calls(self) -> int:
        return len(self.world.vendor.tasks) + self.world.vendor.queries + self.world.vendor.list_pages

    @property
    def calls_per_file(self) -> float:
        return self.calls / self.files

    @property
    def usd_per_1000_files(self) -> float:
        return 1000 * (self.records.writes * USD_A_WRITE + self.records.reads * USD_A_READ) / self.files

    def lag(self, share: int) -> float:
        return quantiles(self.lags, n=100)[share - 1] if len(self.lags) > 1 else self.lags[0]

    def line(self) -> str:
        vendor = self.world.vendor
        return (
            f"{self.files:6} {len(vendor.tasks):6} {self.most_in_flight:6} {vendor.queries / self.files:7.3f} "
            f"{vendor.list_pages / self.files:7.3f} {self.calls_per_file:7.3f} {self.passes:6} "
            f"{self.records.reads / self.files:7.2f} {self.records.writes / self.files:7.2f} "
            f"{self.usd_per_1000_files:8.4f} {median(self.lags):6.1f} {self.lag(95):6.1f}"
        )


HEAD = " files  tasks flight queries   pages   calls passes   reads  writes usd/1000 lag50s lag95s"


RESULT_OF = "https://media/f.wav?X-Amz-Signature=00"
"""Each task has the result of this file. A task that succeeds without results is queried again for two minutes."""


@dataclass
class OrderedVendor(Vendor):
    """Tasks are accepted in the order of time, so a page of the list is a slice. This makes long lists fast."""

    order: list[tuple[datetime, str]] = field(default_factory=list)

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        self.list_pages += 1
        if self.list_refusal is not None:
            raise self.list_refusal
        size = min(page_size, self.largest_page)
        end = max(0, len(self.order) - (page - 1) * size)
        now = self.clock()
        listed = [  # built without validation: some runs have millions of entries
            ListedTask.model_construct(
                task_id=name,
                status="SUCCEEDED" if name in self.tasks and self.tasks[name].ready_at <= now else "RUNNING",
                gmt_create=int(created.timestamp() * 1000),
            )
            for created, name in self.order[max(0, end - size) : end][::-1]
        ]
        return TaskList.model_construct(total_page=-(-len(self.order) // size), page_size=size, data=listed)


@dataclass(frozen=True)
class Arrival:
    """One task: when the vendor accepts it and when it ends. A foreign task belongs to another user of the account."""

    accepted: datetime
    ready: datetime
    files: int = 1
    is_foreign: bool = False


def play(
    number: int,
    *,
    seconds: float,
    files_per_task: int = 1,
    lists: bool = True,
    spread: float = 0,
    largest_page: int = 100,
    all_end_at: float | None = None,
    per_second: float = SUBMITS_PER_SECOND,
    memoryless: bool = False,
) -> Run:
    """`number` tasks, submitted at the vendor's rate, each of `seconds` ± `spread` of it."""
    chance = random.Random(1)  # noqa: S311 - it guards nothing
    arrivals = []
    for n in range(number):
        length = chance.expovariate(1 / seconds) if memoryless else seconds * (1 + chance.uniform(-spread, spread))
        accepted = START + timedelta(seconds=n / per_second)
        ready = START + timedelta(seconds=all_end_at) if all_end_at else accepted + timedelta(seconds=length)
        arrivals.append(Arrival(accepted, ready, files_per_task))
    return play_arrivals(arrivals, lists=lists, largest_page=largest_page)


def play_arrivals(arrivals: list[Arrival], *, lists: bool = True, largest_page: int = 100) -> Run:
    """These tasks, in the order of acceptance."""
    world = World()
    records = MeteredRecords(world.crashes)
    world.records = records
    vendor = OrderedVendor(world.crashes, world.clock, world.api_key, largest_page=largest_page)
    world.vendor = vendor
    if not lists:
        vendor.list_refusal = VendorError("NotFound", "no list here", ErrorClass.PERMANENT, 404)
    run = Run(world, records, sum(arrival.files for arrival in arrivals if not arrival.is_foreign))
    template = sample_job(Status.SUBMITTED)
    running, found = 0, PassResult(finalize=[], wait_seconds=0, work_left=True)
    coming = deque(arrivals)
    while coming or running:
        finalized_at = _finalize(run, found.finalize)
        alone = bool(found.finalize) and not found.poll_meanwhile
        world.now = finalized_at if alone else world.now + timedelta(seconds=found.wait_seconds)
        if not running and coming and not found.finalize:  # the loop has ended; the next submission starts it
            world.now = max(world.now, coming[0].accepted)
        world.now += A_PASS
        while coming and coming[0].accepted <= world.now:
            running += _accept(world, vendor, template, coming.popleft())
        run.most_in_flight = max(run.most_in_flight, running)
        report = world.poll_service().run([] if alone else found.finalize)
        run.passes += 1
        running -= report.finished_tasks
        found = report.result
        world.now = max(world.now, finalized_at)
        world.crashes.moments.clear()
        world.crashes.names.clear()
    _finalize(run, found.finalize)
    return run


def _accept(world: World, vendor: OrderedVendor, template: Job, arrival: Arrival) -> bool:
    """Whether the task is ours."""
    if arrival.is_foreign:
        vendor.order.append((arrival.accepted, f"foreign-{len(vendor.order)}"))
        return False
    name = f"{len(vendor.tasks):032x}"
    job_ids = [f"{name}-{n}" for n in range(arrival.files)]
    task_id = f"task-{name}"
    opened = tasks.open_task(name, "fun-asr", job_ids, arrival.accepted)
    accepted = tasks.accepted(opened, task_id, arrival.accepted)
    world.records.tasks[name] = accepted.model_copy(update={"revision": 1})
    for job_id in job_ids:
        fields = {"job_id": job_id, "submission_id": name, "due_kind": None, "due_at": None, "revision": 1}
        world.records.jobs[job_id] = template.model_copy(update=fields)
    vendor.tasks[task_id] = VendorTask([RESULT_OF], arrival.ready, arrival.accepted)
    vendor.order.append((arrival.accepted, task_id))
    return True


def _finalize(run: Run, requests: list[FinalizeRequest]) -> datetime:
    """The Map: a free finalizer takes the next request and handles its files concurrently."""
    world = run.world
    free = [world.now] * CONCURRENT_FINALIZERS
    for request in requests:
        at = min(range(CONCURRENT_FINALIZERS), key=free.__getitem__)
        task = world.records.tasks[request.submission_id or ""]
        ended = world.vendor.tasks[task.task_id or ""].ready_at
        free[at] += FINALIZE
        for job_id in request.job_ids:
            run.lags.append((free[at] - ended).total_seconds())
            update = {"status": Status.SUCCEEDED, "published_at": free[at]}
            world.records.jobs[job_id] = world.records.jobs[job_id].model_copy(update=update)
    return max(free)


def _table(title: str, rows: dict[str, Run]) -> None:
    print(f"\n{title}\n{HEAD}")
    for name, run in rows.items():
        print(f"{run.line()}  {name}")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel("INFO")


def test_calls_as_tasks_in_flight_grow() -> None:
    """Tasks that take n/10 seconds, ten of them a second: about n in flight."""
    rows: dict[str, Run] = {}
    for number in (10, 100, 1000, 10_000):
        files = min(10_000, max(200, 2 * number))
        rows[f"{number} in flight, list"] = play(files, seconds=number / 10)
        if number <= 1000:
            rows[f"{number} in flight, singly"] = play(files, seconds=number / 10, lists=False)
    _table("One file a task, as tasks in flight grow", rows)
    # The target is for up to 1,000 tasks in flight. With 10,000, a pass reads 27 to 54 pages, and few tasks end.
    limits = {
        "10 in flight, list": 2.5,
        "100 in flight, list": 2.5,
        "1000 in flight, list": 2.5,
        "10000 in flight, list": 4.0,
    }
    assert {
        name: rows[name].calls_per_file for name, limit in limits.items() if rows[name].calls_per_file > limit
    } == {}


def test_a_burst_of_a_thousand_files_with_one_a_task() -> None:
    rows = {}
    for seconds in (10, 60, 600, 3600):
        rows[f"{seconds} s, list"] = play(1000, seconds=seconds)
        rows[f"{seconds} s, singly"] = play(1000, seconds=seconds, lists=False)
    for seconds in (10, 60):
        rows[f"{seconds} s ± half, list"] = play(1000, seconds=seconds, spread=0.5)
        rows[f"{seconds} s on average, list"] = play(1000, seconds=seconds, memoryless=True)
        rows[f"{seconds} s, list of 10 a page"] = play(1000, seconds=seconds, largest_page=10)
    rows["all end at once, list"] = play(1000, seconds=0, all_end_at=120)
    _table("1,000 files, one a task, by how long a task takes", rows)
    for name in ("10 s, list", "60 s, list", "10 s ± half, list", "60 s ± half, list", "10 s, singly"):
        assert rows[name].calls_per_file <= 2.5, name
    assert all(run.usd_per_1000_files <= 0.05 for name, run in rows.items() if name.startswith(("10 s", "60 s")))


def test_a_hundred_files_a_task() -> None:
    rows = {
        f"{number} tasks, one every {1 / per_second:.1f} s, of {seconds} s": play(
            number, seconds=seconds, files_per_task=100, per_second=per_second
        )
        for number, per_second, seconds in ((1, 1, 10), (10, 10, 10), (10, 10, 60), (20, 1, 10), (20, 1 / 3, 10))
    }
    _table("100 files a task", rows)
    assert [name for name, run in rows.items() if run.files >= 1000 and run.calls_per_file > 0.1] == []
