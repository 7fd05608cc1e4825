"""Random histories of jobs: faults, repeated and reordered messages, kills, overlapping runs, and time that passes.

A Hypothesis state machine drives the real services in `tests.support.world`. Its invariants must hold after every step.
At the end all faults are removed, and every upload must reach exactly one terminal state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dashscribe.domain.jobs.job import TERMINAL, Job, Status
from dashscribe.domain.jobs.retry_policy import MAX_LOST_RESPONSES, MAX_RESUBMISSIONS
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE, TASK_SAFETY_NET
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable
from dashscribe.services.finalize_requests import FinalizeRequest
from dashscribe.services.upload_events import ObjectCreated, parse_message
from tests.support.constants import DELAYED, ONE_OUTPUT, SUBMITTED
from tests.support.world import World, accepted_tasks

MAX_UPLOADS = 6
MAX_SUBMISSIONS = 1 + MAX_RESUBMISSIONS + MAX_LOST_RESPONSES
MAX_RECOVERY_TIME = timedelta(hours=2)
"""When the last job must have ended after all faults are removed. The longest planned wait is 15 minutes, and a job may
have a few of them."""
NO_PROFILES = '{"profiles": {}, "rules": []}'
SILENCE = "SUCCESS_WITH_NO_VALID_FRAGMENT"
OUTCOMES = [
    "ok",
    SILENCE,
    "FILE_403_FORBIDDEN",
    "DECODE_ERROR",
    "InternalError",
    "InvalidParameter",
    "NEW_CODE",
    "missing",
]
OUTCOMES_OF_A_FILE = st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5)
"""Of its submissions, in order. The last one is repeated."""
REFUSALS: list[Callable[[], VendorError]] = [
    *(
        partial(VendorError, code, "refused", error_class, 400)
        for code, error_class in [
            ("InvalidParameter", ErrorClass.PERMANENT),
            ("ModelNotFound", ErrorClass.PERMANENT),
            ("InternalError", ErrorClass.RETRYABLE),
            ("Throttling.RateQuota", ErrorClass.THROTTLED),
            ("Arrearage", ErrorClass.ACCOUNT_WIDE),
            ("AllocationQuota.FreeTierOnly", ErrorClass.MODEL_WIDE),
            ("AccessDenied", ErrorClass.MODEL_WIDE),
            ("InvalidURL.Timeout", ErrorClass.URL_DIED),
            (SILENCE, ErrorClass.NO_SPEECH),
        ]
    ),
    partial(ResponseLost, "timed out"),
    partial(VendorUnreachable, "no connection"),
]
PASSING_SECONDS = [1, 5, 30, 200, 400, 3_600, 20_000]
"""Within a wait, after a claim, after a lost message, after a task's deadline."""


def is_unrecorded(world: World, task_id: str) -> bool:
    """Whether the vendor accepted the task and no record says so: the response was lost, or its reader was killed."""
    return all(task.task_id != task_id for task in world.records.tasks.values())


def is_unreadable(world: World, task_id: str) -> bool:
    """Whether the record of this task cannot be read: its submission may count as one whose response was lost."""
    names = world.records.unreadable & world.records.tasks.keys()
    return any(world.records.tasks[name].task_id == task_id for name in names)


def needs_resubmission(world: World, task_id: str, media: Media) -> bool:
    """Whether this task returned no transcript of the file, and a resubmission is the right reaction."""
    task = world.vendor.tasks[task_id]
    if is_unreadable(world, task_id):
        return True
    if task_id in world.vendor.forgotten or task_id in world.vendor.endings:
        return True
    if task.ready_at - task.accepted_at > TASK_DEADLINE:
        return True
    url = next(url for url in task.urls if world.media.signed_for[url] == media)
    outcome = world.vendor.outcome_of(url, task_id)
    if outcome in ("ok", "missing"):
        return outcome == "missing"
    error_class = classify(outcome, outcome)
    about_the_request = outcome == "InvalidParameter" and len(task.urls) > 1
    return about_the_request or error_class not in (ErrorClass.PERMANENT, ErrorClass.NO_SPEECH)


class JobHistories(RuleBasedStateMachine):
    """The world, the messages and requests of its history, and how far its records are checked."""

    @initialize(
        max_files=st.sampled_from([1, 2, 100]),
        kind_of_list=st.sampled_from(["correct", "absent", "behind", "small pages", "all running"]),
        outcomes=st.lists(OUTCOMES_OF_A_FILE, min_size=3, max_size=3),
    )
    def begin(self, max_files: int, kind_of_list: str, outcomes: list[list[str]]) -> None:
        self.world = World(max_files_per_task=max_files, submit_environ=ONE_OUTPUT)
        vendor = self.world.vendor
        if kind_of_list == "absent":
            vendor.list_refusal = VendorError("HTTP_404", "no task list", ErrorClass.PERMANENT, 404)
        elif kind_of_list == "behind":
            vendor.list_seconds_behind = 10
        elif kind_of_list == "small pages":
            vendor.largest_page = 1
        elif kind_of_list == "all running":
            vendor.listed_as_running.update(f"task-{number}" for number in range(1000))
        self.uploaded: list[str] = []
        self.requests: list[FinalizeRequest] = []
        self.escaped_errors: list[Exception] = []
        self.checked_saves = self.checked_events = 0
        self.terminal_statuses: dict[str, Status] = {}
        self.upload_three(outcomes)

    # uploads and their events

    @precondition(lambda self: self.world.uploads < MAX_UPLOADS)
    @rule(
        key=st.sampled_from(["a.wav", "b.wav", "c.wav", "d.mp4", "notes.txt", "empty.wav"]),
        outcomes=OUTCOMES_OF_A_FILE,
        options=st.sampled_from(["{}", "{}", "{}", '{"channel_id": [0]}', "{broken"]),
    )
    def upload(self, key: str, outcomes: list[str], options: str) -> None:
        self.world.vendor.file_outcomes.setdefault(key, outcomes)
        size = 0 if key == "empty.wav" else 1000
        self.uploaded.append(self.world.upload(key, size=size, metadata={"dashscribe-parameters": options}))

    @precondition(lambda self: self.world.uploads <= MAX_UPLOADS - 3)
    @rule(outcomes=st.lists(OUTCOMES_OF_A_FILE, min_size=3, max_size=3))
    def upload_three(self, outcomes: list[list[str]]) -> None:
        for key, outcomes_of_file in zip(("a.wav", "b.wav", "c.wav"), outcomes, strict=True):
            self.upload(key, outcomes_of_file, "{}")

    @precondition(lambda self: self.uploaded)
    @rule(data=st.data())
    def repeat_an_event(self, data: st.DataObject) -> None:
        self.world.queue.append(data.draw(st.sampled_from(self.uploaded)))

    # the queue

    @precondition(lambda self: self.world.queue)
    @rule(how=st.sampled_from(["all", "all", "backwards", "first", "last", "twice"]))
    def deliver(self, how: str) -> None:
        queue = self.world.queue
        self.world.deliver(
            {"backwards": queue[::-1], "first": queue[:1], "last": queue[-1:], "twice": queue * 2}.get(how, list(queue))
        )

    @precondition(lambda self: any(self._is_recorded(body) for body in self.world.queue))
    @rule(data=st.data())
    def lose_a_message(self, data: st.DataObject) -> None:
        """Only a message of an upload that is recorded: before that, the queue alone keeps the upload."""
        places = [place for place, body in enumerate(self.world.queue) if self._is_recorded(body)]
        del self.world.queue[data.draw(st.sampled_from(places))]

    def _is_recorded(self, body: str) -> bool:
        return parse_message(body).job_id in self.world.records.jobs

    # the loop, and time

    @rule(times=st.integers(1, 8))
    def everything_runs(self, times: int) -> None:
        for _ in range(times):
            self.world.step()

    @rule()
    def loop_pass(self) -> None:
        self.world.loop_pass()

    @rule()
    def pass_whose_finalizers_come_later(self) -> None:
        report = self.world.poll_pass()
        self.requests += report.result.finalize if report else []

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), again=st.booleans(), files=st.integers(1, 5))
    def late_finalizer(self, data: st.DataObject, again: bool, files: int) -> None:
        """A finalizer that runs late, perhaps for the second time, and perhaps only for its first files."""
        place = data.draw(st.integers(0, len(self.requests) - 1))
        request = self.requests[place] if again else self.requests.pop(place)
        self.world.finalize(request.model_copy(update={"job_ids": request.job_ids[:files]}))

    @rule(seconds=st.sampled_from(PASSING_SECONDS))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    # kills and overlapping runs

    @rule(effect=st.integers(1, 12), after=st.booleans())
    def kill(self, effect: int, after: bool) -> None:
        self.world.crashes.kill_at(effect, after=after)

    @rule(
        moment=st.integers(1, 30),
        what=st.sampled_from(["redelivery", "pass", "pass without finalizers", "old finalizers", "wait"]),
    )
    def interleave(self, moment: int, what: str) -> None:
        def run() -> None:
            try:
                self._run(what)
            except Exception as error:  # noqa: BLE001 - the interrupted function must not see it; checked later
                self.escaped_errors.append(error)

        self.world.crashes.interleave_at(moment, run)

    def _run(self, what: str) -> None:
        match what:
            case "redelivery":
                self.world.deliver([*self.world.queue, *self.uploaded])
            case "pass":
                self.world.loop_pass()
            case "pass without finalizers":
                self.pass_whose_finalizers_come_later()
            case "old finalizers":
                for request in self.requests:
                    self.world.finalize(request)
            case "wait":
                self.world.now += timedelta(seconds=10)

    # faults: few rules, so that most steps are not faults

    @rule(
        what=st.sampled_from(
            ["submissions", "submissions", "queries", "lost response", "downloads", "limit", "slow", "fast"]
        ),
        errors=st.lists(st.sampled_from(REFUSALS), min_size=1, max_size=2),
    )
    def vendor_fault(self, what: str, errors: list[Callable[[], VendorError]]) -> None:
        vendor = self.world.vendor
        match what:
            case "submissions":
                vendor.refusals += [error() for error in errors]
            case "queries":
                vendor.query_errors += [error() for error in errors]
            case "lost response":  # of an accepted submission
                vendor.responses_to_lose += 1
            case "downloads":
                vendor.downloads_to_fail += len(errors)
            case "limit":
                vendor.max_files = 101 - vendor.max_files
            case "slow":
                vendor.seconds = 10**6

    @precondition(lambda self: self.world.vendor.tasks)
    @rule(data=st.data(), ending=st.sampled_from([None, ("CANCELED", ""), ("FAILED", "InternalError.Timeout")]))
    def task_ends_without_transcripts(self, data: st.DataObject, ending: tuple[str, str] | None) -> None:
        """Also a task that has already ended."""
        task_id = data.draw(st.sampled_from(sorted(self.world.vendor.tasks)))
        if ending is None:
            self.world.vendor.forgotten.add(task_id)
        else:
            self.world.vendor.endings[task_id] = ending

    @rule(what=st.sampled_from(["bus", "reply of the bus", "event", "key", "profiles", "object"]), data=st.data())
    def fault_of_the_stack(self, what: str, data: st.DataObject) -> None:
        match what:
            case "bus":
                self.world.bus.failures += 2
            case "reply of the bus":
                self.world.bus.lost_replies += 1
            case "event" if self.world.records.jobs:
                jobs = list(self.world.records.jobs.values())  # in the order of creation
                self.world.bus.refusals[jobs[data.draw(st.integers(0, len(jobs) - 1))].media.key] = 2
            case "key":
                self.world.key = None
            case "profiles":
                self.world.profiles_document = "{broken"
            case "object" if self.world.media.objects:
                del self.world.media.objects[data.draw(st.sampled_from(sorted(self.world.media.objects)))]

    @precondition(lambda self: len(self.world.records.unreadable) < 2)
    @rule(data=st.data())
    def record_becomes_unreadable(self, data: st.DataObject) -> None:
        records = self.world.records
        known = [*records.jobs, *records.tasks]  # in the order of creation: the ids of submissions are random
        if known:
            records.unreadable.add(known[data.draw(st.integers(0, len(known) - 1))])

    @rule()
    def remove_lasting_faults(self) -> None:
        world = self.world
        world.key, world.profiles_document, world.vendor.seconds = "sk-test", NO_PROFILES, 3

    # what always holds

    @invariant()
    def nothing_escapes_a_function(self) -> None:
        assert not self.escaped_errors

    @invariant()
    def a_terminal_status_is_final(self) -> None:
        for saved in self.world.records.saves[self.checked_saves :]:
            assert self.terminal_statuses.get(saved.job_id, saved.status) is saved.status
            if saved.is_terminal:
                self.terminal_statuses[saved.job_id] = saved.status
        self.checked_saves = len(self.world.records.saves)

    @invariant()
    def events_have_one_terminal_status_and_no_secret(self) -> None:
        for _, detail in self.world.bus.events[self.checked_events :]:
            assert "secret" not in detail.model_dump_json()
            if detail.status in TERMINAL:
                assert detail.status is self.terminal_statuses[detail.job_id]
        self.checked_events = len(self.world.bus.events)

    @invariant()
    def every_unfinished_record_is_due(self) -> None:
        aside = self.world.records.moved_aside
        for job in self.world.records.jobs.values():
            assert job.is_finished or job.job_id in aside or (job.due_kind is not None and job.due_at is not None)
        for task in self.world.records.tasks.values():
            assert (
                task.submission_id in aside
                or task.phase in (TaskPhase.POSTING, TaskPhase.CLOSED)
                or (task.due_kind and task.due_at)
            )

    @invariant()
    def no_transcript_is_paid_twice(self) -> None:
        """Of the accepted submissions of an upload, each but the last is unrecorded or returned no transcript."""
        of_upload = accepted_tasks(self.world)
        for job in self.world.records.jobs.values():
            accepted = of_upload.get(job.media.etag or "", [])
            assert job.attempts <= len(accepted) <= MAX_SUBMISSIONS
            recorded = [task_id for task_id in accepted if not is_unrecorded(self.world, task_id)]
            assert sum(not is_unreadable(self.world, task_id) for task_id in recorded) <= 1 + MAX_RESUBMISSIONS
            unrecorded = [task_id for task_id in accepted[:-1] if is_unrecorded(self.world, task_id)]
            assert len(unrecorded) <= MAX_LOST_RESPONSES
            for task_id in accepted[:-1]:
                assert task_id in unrecorded or needs_resubmission(self.world, task_id, job.media)

    # the end

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._remove_faults()
        faults_removed_at = self.world.now
        self.world.run_until_quiet(faults=True)
        longest = MAX_RECOVERY_TIME + (TASK_SAFETY_NET if self.world.records.unreadable else timedelta(0))
        assert self.world.now - faults_removed_at < longest
        submitted = len(self.world.vendor.tasks)
        self.world.deliver(self.uploaded)
        for request in self.requests:
            self.world.finalize(request)
        self.world.run_until_quiet(faults=bool(self.world.records.unreadable))
        assert len(self.world.vendor.tasks) == submitted
        self._check_all()
        for body in self.uploaded:
            message = parse_message(body)
            assert isinstance(message, ObjectCreated)
            if message.job_id in self.world.records.unreadable:
                assert message.job_id in self.world.records.moved_aside
            else:
                self._check_end(self.world.records.jobs[message.job_id])

    def _remove_faults(self) -> None:
        world = self.world
        world.crashes.clear()
        self.remove_lasting_faults()
        world.vendor.refusals, world.vendor.query_errors = [], []
        world.vendor.responses_to_lose = world.vendor.downloads_to_fail = 0
        world.bus.failures, world.bus.lost_replies, world.bus.refusals = 0, 0, {}
        world.now += TASK_DEADLINE + timedelta(minutes=1)  # tasks that never end time out now

    def _check_all(self) -> None:
        self.nothing_escapes_a_function()
        self.a_terminal_status_is_final()
        self.events_have_one_terminal_status_and_no_secret()
        self.every_unfinished_record_is_due()
        self.no_transcript_is_paid_twice()

    def _check_end(self, job: Job) -> None:
        published = Counter(kind for kind, detail in self.world.bus.events if detail.job_id == job.job_id)
        submitted = published.pop(SUBMITTED, 0)
        published.pop(DELAYED, None)
        assert published.keys() == {f"Transcription {job.status.capitalize()}"}
        accepted = [
            task
            for task in self.world.records.tasks.values()
            if task.task_id is not None and job.job_id in task.job_ids
        ]
        if not any(task.submission_id in self.world.records.unreadable for task in accepted):
            assert job.attempts == len(accepted)
            assert bool(submitted) == bool(accepted)
        if job.status is Status.SUCCEEDED:
            assert job.result is not None
            files = self.world.results.files
            assert set(job.result.files.keys) <= files.keys()
            text = "" if SILENCE in job.warnings else f"said {job.media.key}.\n"
            assert files[job.result.files["text"]].decode() == text
            assert not any(b"secret" in files[name] for name in job.result.files.keys)


@pytest.mark.timeout(600)  # a hundred histories take longer than one test may
@pytest.mark.usefixtures("quiet_logs")
def test_every_upload_reaches_exactly_one_terminal_state_whatever_happens() -> None:
    run_state_machine_as_test(
        JobHistories,
        settings=settings(
            derandomize=True,
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
