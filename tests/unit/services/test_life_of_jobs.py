"""Jobs under everything at once: random faults, repeats, reorderings, crashes, functions in between, time passing.

A Hypothesis state machine drives the real services in `tests.support.world`. What must hold after every step is in its
invariants; at the end everything is mended, and every upload must have come to its one end. Below it, without chance:
another function, run whole, at every moment of an ordinary life.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
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

from dashscribe.domain.jobs.job import Job, Status
from dashscribe.domain.jobs.retry_policy import MAX_LOST_RESPONSES, MAX_RESUBMISSIONS
from dashscribe.domain.jobs.task import TaskPhase
from dashscribe.domain.jobs.timeouts import TASK_DEADLINE
from dashscribe.domain.recognition.media import Media
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable
from dashscribe.observability import logger
from dashscribe.services.messages import FinalizeRequest, ObjectCreated, parse_message
from tests.support.world import DETAIL_TYPES_SUBMITTED, World

MOST_UPLOADS = 6
MOST_SUBMISSIONS = 1 + MAX_RESUBMISSIONS + MAX_LOST_RESPONSES
BOUNDED_TIME = timedelta(hours=2)
"""How long after everything is mended the last job may end: the longest wait by plan is 15 minutes, a few in a row."""
NO_PROFILES = '{"profiles": {}, "rules": []}'
SILENCE = "SUCCESS_WITH_NO_VALID_FRAGMENT"
ANSWERS = [
    "ok",
    SILENCE,
    "FILE_403_FORBIDDEN",
    "DECODE_ERROR",
    "InternalError",
    "InvalidParameter",
    "NEW_CODE",
    "missing",
]
ANSWERS_OF_A_FILE = st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=5)
"""To its first submission, its second one, and so on; the last is repeated."""
REFUSALS: list[Callable[[], VendorError]] = [
    *(
        partial(VendorError, code, "refused", error_class, 400)
        for code, error_class in [
            ("InvalidParameter", ErrorClass.PERMANENT),
            ("ModelNotFound", ErrorClass.PERMANENT),
            ("InternalError", ErrorClass.RETRYABLE),
            ("Throttling.RateQuota", ErrorClass.THROTTLED),
            ("Arrearage", ErrorClass.ACCOUNT_WIDE),
            ("InvalidURL.Timeout", ErrorClass.URL_DIED),
            (SILENCE, ErrorClass.NO_SPEECH),
        ]
    ),
    partial(ResponseLost, "timed out"),
    partial(VendorUnreachable, "no connection"),
]
SOME_TIME = [1, 5, 30, 200, 400, 3_600, 20_000]
"""Seconds: within a wait, past a claim (180), past a lost message (300), past a task's deadline."""


def submissions(world: World) -> dict[str, list[str]]:
    """The vendor's own count: the accepted tasks of each upload (by its etag), in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for task_id, task in world.vendor.tasks.items():
        for url in task.urls:
            found[world.media.signed_for[url].etag or ""].append(task_id)
    return found


def is_unanswered(world: World, task_id: str) -> bool:
    """Accepted, and no record of ours says so: the answer was lost, or whoever read it died. That cannot be known."""
    return all(task.task_id != task_id for task in world.records.tasks.values())


def asks_for_another(world: World, task_id: str, media: Media) -> bool:
    """Whether this task came to no transcript of the file in a way that a new submission is the answer to."""
    task = world.vendor.tasks[task_id]
    if task_id in world.vendor.forgotten or task_id in world.vendor.endings:
        return True
    if task.ready_at - task.accepted_at > TASK_DEADLINE:
        return True
    url = next(url for url in task.urls if world.media.signed_for[url] == media)
    answer = world.vendor.answer_to(url, task_id)
    if answer in ("ok", "missing"):
        return answer == "missing"
    error_class = classify(answer, answer)
    about_the_request = answer == "InvalidParameter" and len(task.urls) > 1
    return about_the_request or error_class not in (ErrorClass.PERMANENT, ErrorClass.NO_SPEECH)


class LifeOfJobs(RuleBasedStateMachine):
    """The world, what it was told to do, and how far its records have been checked."""

    @initialize(
        most_files=st.sampled_from([1, 2, 100]),
        kind_of_list=st.sampled_from(["true", "none", "behind", "small pages", "calls nothing ended"]),
        answers=st.lists(ANSWERS_OF_A_FILE, min_size=3, max_size=3),
    )
    def begin(self, most_files: int, kind_of_list: str, answers: list[list[str]]) -> None:
        self.world = World(max_files_per_task=most_files)
        vendor = self.world.vendor
        if kind_of_list == "none":
            vendor.list_refusal = VendorError("HTTP_404", "no list here", ErrorClass.PERMANENT, 404)
        elif kind_of_list == "behind":
            vendor.list_seconds_behind = 10
        elif kind_of_list == "small pages":
            vendor.largest_page = 1
        elif kind_of_list == "calls nothing ended":
            vendor.never_over.update(f"task-{number}" for number in range(1000))
        self.uploaded: list[str] = []
        self.requests: list[FinalizeRequest] = []
        self.escaped: list[Exception] = []
        self.checked_saves = self.checked_events = 0
        self.end_of: dict[str, Status] = {}
        self.upload_three(answers)

    # uploads and their events

    @precondition(lambda self: self.world.uploads < MOST_UPLOADS)
    @rule(
        key=st.sampled_from(["a.wav", "b.wav", "c.wav", "d.mp4", "notes.txt", "empty.wav"]),
        answers=ANSWERS_OF_A_FILE,
        options=st.sampled_from(["{}", "{}", "{}", '{"channel_id": [0]}', "{broken"]),
    )
    def upload(self, key: str, answers: list[str], options: str) -> None:
        self.world.vendor.answers.setdefault(key, answers)
        size = 0 if key == "empty.wav" else 1000
        self.uploaded.append(self.world.upload(key, size=size, metadata={"dashscribe-parameters": options}))

    @precondition(lambda self: self.world.uploads <= MOST_UPLOADS - 3)
    @rule(answers=st.lists(ANSWERS_OF_A_FILE, min_size=3, max_size=3))
    def upload_three(self, answers: list[list[str]]) -> None:
        for key, answers_of_file in zip(("a.wav", "b.wav", "c.wav"), answers, strict=True):
            self.upload(key, answers_of_file, "{}")

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
        """Of an upload that has its record: before that, SQS's own promise is all there is."""
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
        """Perhaps for the second time, perhaps dead after so many files."""
        place = data.draw(st.integers(0, len(self.requests) - 1))
        request = self.requests[place] if again else self.requests.pop(place)
        self.world.finalize(request.model_copy(update={"job_ids": request.job_ids[:files]}))

    @rule(seconds=st.sampled_from(SOME_TIME))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    # crashes, and others in between

    @rule(effect=st.integers(1, 12), after=st.booleans())
    def kill(self, effect: int, after: bool) -> None:
        self.world.crashes.at(effect, after=after)

    @rule(
        moment=st.integers(1, 30),
        what=st.sampled_from(["redelivery", "pass", "pass alone", "old finalizers", "pause"]),
    )
    def intrude(self, moment: int, what: str) -> None:
        def intruder() -> None:
            try:
                self._happens(what)
            except Exception as error:  # noqa: BLE001 - the function that it came into must not see it; checked later
                self.escaped.append(error)

        self.world.crashes.intrude(moment, intruder)

    def _happens(self, what: str) -> None:
        match what:
            case "redelivery":
                self.world.deliver([*self.world.queue, *self.uploaded])
            case "pass":
                self.world.loop_pass()
            case "pass alone":
                self.pass_whose_finalizers_come_later()
            case "old finalizers":
                for request in self.requests:
                    self.world.finalize(request)
            case "pause":
                self.world.now += timedelta(seconds=10)

    # faults; one rule for each room they happen in, so that life goes on in most steps

    @rule(
        what=st.sampled_from(
            ["submissions", "submissions", "queries", "no answer", "downloads", "limit", "slow", "fast"]
        ),
        errors=st.lists(st.sampled_from(REFUSALS), min_size=1, max_size=2),
    )
    def vendor_trouble(self, what: str, errors: list[Callable[[], VendorError]]) -> None:
        vendor = self.world.vendor
        match what:
            case "submissions":
                vendor.refusals += [error() for error in errors]
            case "queries":
                vendor.query_errors += [error() for error in errors]
            case "no answer":  # to a submission that is accepted
                vendor.answers_to_lose += 1
            case "downloads":
                vendor.downloads_to_fail += len(errors)
            case "limit":
                vendor.most_files = 101 - vendor.most_files
            case "slow":
                vendor.seconds = 10**6

    @precondition(lambda self: self.world.vendor.tasks)
    @rule(data=st.data(), ending=st.sampled_from([None, ("CANCELED", ""), ("FAILED", "InternalError.Timeout")]))
    def task_comes_to_nothing(self, data: st.DataObject, ending: tuple[str, str] | None) -> None:
        """Also one that was over already: the vendor does not forget the ones that it is asked about only."""
        task_id = data.draw(st.sampled_from(sorted(self.world.vendor.tasks)))
        if ending is None:
            self.world.vendor.forgotten.add(task_id)
        else:
            self.world.vendor.endings[task_id] = ending

    @rule(what=st.sampled_from(["bus", "bus", "key", "profiles", "object"]), data=st.data())
    def trouble_in_the_house(self, what: str, data: st.DataObject) -> None:
        match what:
            case "bus":
                self.world.bus.failures += 2
            case "key":
                self.world.key = None
            case "profiles":
                self.world.profiles_document = "{broken"
            case "object" if self.world.media.objects:
                del self.world.media.objects[data.draw(st.sampled_from(sorted(self.world.media.objects)))]

    @rule()
    def repairs(self) -> None:
        world = self.world
        world.key, world.profiles_document, world.vendor.seconds = "sk-test", NO_PROFILES, 3

    # what always holds

    @invariant()
    def nothing_escapes_a_function(self) -> None:
        assert not self.escaped

    @invariant()
    def an_end_is_final(self) -> None:
        for saved in self.world.records.saves[self.checked_saves :]:
            assert self.end_of.get(saved.job_id, saved.status) is saved.status
            if saved.is_terminal:
                self.end_of[saved.job_id] = saved.status
        self.checked_saves = len(self.world.records.saves)

    @invariant()
    def events_tell_one_end_and_no_secret(self) -> None:
        for _, detail in self.world.bus.events[self.checked_events :]:
            assert "secret" not in detail.model_dump_json()
            if detail.status is not Status.SUBMITTED:
                assert detail.status is self.end_of[detail.job_id]
        self.checked_events = len(self.world.bus.events)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        for job in self.world.records.jobs.values():
            assert job.is_finished or (job.due_kind is not None and job.due_at is not None)
        for task in self.world.records.tasks.values():
            assert task.phase in (TaskPhase.POSTING, TaskPhase.CLOSED) or (task.due_kind and task.due_at)

    @invariant()
    def nothing_is_paid_for_twice_by_our_doing(self) -> None:
        """Of an upload's accepted submissions, each but the last was unanswered (once) or came to nothing."""
        of_upload = submissions(self.world)
        for job in self.world.records.jobs.values():
            accepted = of_upload.get(job.media.etag or "", [])
            assert job.attempts <= len(accepted) <= MOST_SUBMISSIONS
            assert sum(not is_unanswered(self.world, task_id) for task_id in accepted) <= 1 + MAX_RESUBMISSIONS
            unanswered = [task_id for task_id in accepted[:-1] if is_unanswered(self.world, task_id)]
            assert len(unanswered) <= MAX_LOST_RESPONSES
            for task_id in accepted[:-1]:
                assert task_id in unanswered or asks_for_another(self.world, task_id, job.media)

    # the end

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._mend()
        mended_at = self.world.now
        self.world.run_until_quiet()
        assert self.world.now - mended_at < BOUNDED_TIME
        submitted = len(self.world.vendor.tasks)
        self.world.deliver(self.uploaded)
        for request in self.requests:
            self.world.finalize(request)
        self.world.run_until_quiet()
        assert len(self.world.vendor.tasks) == submitted
        self._check_all()
        for body in self.uploaded:
            message = parse_message(body)
            assert isinstance(message, ObjectCreated)
            self._has_come_to_its_end(self.world.records.jobs[message.job_id])

    def _mend(self) -> None:
        world = self.world
        world.crashes.never()
        self.repairs()
        world.vendor.refusals, world.vendor.query_errors = [], []
        world.vendor.answers_to_lose = world.vendor.downloads_to_fail = world.bus.failures = 0
        world.now += TASK_DEADLINE + timedelta(minutes=1)  # whatever never ends is now given up

    def _check_all(self) -> None:
        self.nothing_escapes_a_function()
        self.an_end_is_final()
        self.events_tell_one_end_and_no_secret()
        self.nothing_is_forgotten()
        self.nothing_is_paid_for_twice_by_our_doing()

    def _has_come_to_its_end(self, job: Job) -> None:
        told = Counter(kind for kind, detail in self.world.bus.events if detail.job_id == job.job_id)
        announced = told.pop(DETAIL_TYPES_SUBMITTED, 0)
        assert told.keys() == {f"Transcription {job.status.capitalize()}"}
        answered = [
            task
            for task in self.world.records.tasks.values()
            if task.task_id is not None and job.job_id in task.job_ids
        ]
        assert job.attempts == len(answered)
        assert bool(announced) == bool(answered)
        if job.status is Status.SUCCEEDED:
            assert job.result is not None
            files = self.world.results.files
            assert set(job.result.files.keys) <= files.keys()
            said = "" if SILENCE in job.warnings else f"said {job.media.key}.\n"
            assert files[job.result.files["text"]].decode() == said
            assert not any(b"secret" in files[name] for name in job.result.files.keys)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of thousands of log lines take longer than what they tell of."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)


def test_every_upload_comes_to_its_one_end_whatever_happens() -> None:
    run_state_machine_as_test(
        LifeOfJobs,
        settings=settings(
            derandomize=True,
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )


# without chance: one other function, at every moment


def an_ordinary_life(world: World) -> None:
    world.vendor.answers["bad.wav"] = ["DECODE_ERROR"]
    for key in ("a.wav", "bad.wav", "notes.txt"):
        world.upload(key)


def a_late_message(world: World) -> None:
    """The function died early, and its message comes back when the loop sends one of its own."""
    world.crashes.at(2, after=False)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_death_before_the_post(world: World) -> None:
    world.crashes.at(2, after=True)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_death_after_the_answer(world: World) -> None:
    world.crashes.at(5, after=True)
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(minutes=6)


def a_dead_url_and_a_missing_file(world: World) -> None:
    world.vendor.answers |= {"a.wav": ["FILE_403_FORBIDDEN", "ok"], "b.wav": ["missing", "ok"]}
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_vendor_that_takes_one_file_a_task(world: World) -> None:
    world.vendor.most_files = 1
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def trouble_with_the_account(world: World) -> None:
    world.vendor.refusals = [VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)] * 2
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def no_key_at_first(world: World) -> None:
    world.key = None
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_refusal_for_good(world: World) -> None:
    world.vendor.refusals = [VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)] * 9
    for key in ("a.wav", "b.wav"):
        world.upload(key)


def a_refusal_for_now(world: World) -> None:
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 2
    for key in ("a.wav", "b.wav"):
        world.upload(key)


SCENARIOS: list[Callable[[World], None]] = [
    an_ordinary_life,
    a_late_message,
    a_death_before_the_post,
    a_death_after_the_answer,
    a_dead_url_and_a_missing_file,
    a_vendor_that_takes_one_file_a_task,
    trouble_with_the_account,
    no_key_at_first,
    a_refusal_for_good,
    a_refusal_for_now,
]


def the_same_messages_again(world: World, sent: list[str]) -> None:
    world.deliver([*world.queue, *sent])


def another_loop(world: World, _: list[str]) -> None:
    world.loop_pass()


@pytest.mark.parametrize("intruder", [the_same_messages_again, another_loop])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_another_function_at_any_moment_changes_neither_the_end_nor_the_price(
    scenario: Callable[[World], None], intruder: Callable[[World, list[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", max)  # without jitter, so that each life has the same moments
    undisturbed = lived(scenario)
    price = Counter({etag: len(tasks) for etag, tasks in submissions(undisturbed).items()})
    ends = {job.media.key: job.status for job in undisturbed.records.jobs.values()}
    for moment, name in enumerate(undisturbed.crashes.moments, start=1):
        world = lived(scenario, moment, intruder)
        where = f"{intruder.__name__} at moment {moment}, {name}"
        assert not world.crashes.intruders, where
        assert {job.media.key: job.status for job in world.records.jobs.values()} == ends, where
        assert {key: {end.status for end in world.bus.ends_of(key)} for key in ends} == {
            key: {status} for key, status in ends.items()
        }, where
        assert Counter({etag: len(tasks) for etag, tasks in submissions(world).items()}) <= price, where
        assert sum(report.ambiguous for report in world.submit_reports) == 0, where
        assert not any(report.broken_batches or report.failed_message_ids for report in world.submit_reports), where
        assert not any(report.failed_steps for report in world.passes), where
        assert all(job.attempts == price[job.media.etag or ""] for job in world.records.jobs.values()), where


def lived(
    scenario: Callable[[World], None],
    moment: int | None = None,
    intruder: Callable[[World, list[str]], None] | None = None,
) -> World:
    """The scenario until all is quiet; from its first moment on, the intruder comes at that one."""
    world = World()
    scenario(world)
    sent = list(world.queue)
    world.crashes.moments.clear()
    escaped: list[Exception] = []

    def guarded() -> None:
        try:
            intruder(world, sent) if intruder else None
        except Exception as error:  # noqa: BLE001 - the function that it came into must not see it
            escaped.append(error)

    if moment is not None:
        world.crashes.intrude(moment, guarded)
    for _ in range(3):
        world.step()
    world.key = "sk-late"
    world.run_until_quiet()
    assert not escaped
    return world
