"""Faults that last for minutes or for days: each ends, and a delay of 15 minutes is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.events import Detail
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import ModelSpec
from dashscribe.domain.recognition.task_replies import AcceptedTask, TaskReply
from dashscribe.errors import ErrorClass, ResponseLost, ResultUnavailable, ResultUnreadable, VendorError
from tests.end_to_end.fault_table import LASTING, End, LastingRow
from tests.support.constants import DELAYED, FAILED, SUBMITTED, SUCCEEDED
from tests.support.world import World

THROTTLED = VendorError("Throttling.RateQuota", "too fast", ErrorClass.THROTTLED, 429)
ARREARAGE = VendorError("Arrearage", "pay", ErrorClass.ACCOUNT_WIDE, 400)
BROKEN = VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)
MINUTE = timedelta(minutes=1)


def play(world: World, duration: timedelta) -> None:
    """Let the stack run, with a pass of the loop at least about every minute."""
    until = world.now + duration
    while world.now < until:
        world.step()
        world.now += timedelta(seconds=20 if duration < timedelta(hours=2) else 50)


def run_until_ended(world: World) -> None:
    """Run until every job is finished, with a pass of the loop about every minute: the faults last for days."""
    for _ in range(3000):
        if all(job.is_finished for job in world.records.jobs.values()) and not world.queue:
            return
        world.step()
        world.now += timedelta(seconds=50)
    raise AssertionError(f"not ended: {[job.last_error_code for job in world.records.jobs.values()]}")


def delays(world: World, key: str = "a.wav") -> list[Detail]:
    return [detail for kind, detail in world.bus.events if kind == DELAYED and detail.media.key == key]


def assert_delayed_once(world: World, code: str, key: str = "a.wav") -> Detail:
    [event] = delays(world, key)
    assert event.delay is not None
    assert (event.delay.code, event.error, event.result) == (code, None, None)
    assert timedelta(0) <= event.timing.published_at - event.delay.since - 15 * MINUTE <= 2 * MINUTE
    return event


def upload_and_refuse(error: VendorError) -> World:
    world = World()
    world.vendor.refusals = [error] * 100_000
    world.upload("a.wav")
    return world


def upload_and_fail_download(error: ResultUnavailable) -> World:
    world = World()

    def download(url: str, *, small_only: bool = False) -> JsonObject:
        raise error

    world.vendor.download = download  # type: ignore[method-assign]  # the same for every file
    world.upload("a.wav")
    return world


# the table of faults


def refuse_submissions(error: VendorError, lasts: timedelta = timedelta(days=9)) -> Callable[[World], None]:
    def refuse(world: World) -> None:
        submit, recovers = world.vendor.submit, world.now + lasts

        def refused(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
            if world.now >= recovers:
                return submit(spec, file_urls, parameters)
            raise error

        world.vendor.submit = refused  # type: ignore[method-assign]

    return refuse


def know_late(world: World) -> None:
    world.vendor.unknown_for = timedelta(seconds=100)


def forget(world: World) -> None:
    world.vendor.forgotten = {f"task-{number}" for number in range(10)}


def refuse_queries(world: World) -> None:
    query, recovers = world.vendor.query, world.now + timedelta(hours=1)

    def refused(task_id: str) -> TaskReply:
        if world.now >= recovers:
            return query(task_id)
        raise BROKEN

    world.vendor.query = refused  # type: ignore[method-assign]


def fail_downloads(error: ResultUnavailable, lasts: timedelta = timedelta(days=9)) -> Callable[[World], None]:
    def fail(world: World) -> None:
        download, recovers = world.vendor.download, world.now + lasts

        def failing(url: str, *, small_only: bool = False) -> JsonObject:
            if world.now >= recovers:
                return download(url, small_only=small_only)
            raise error

        world.vendor.download = failing  # type: ignore[method-assign]

    return fail


def send_other_json(world: World) -> None:
    def download(url: str, *, small_only: bool = False) -> JsonObject:
        return {"transcripts": "none"}

    world.vendor.download = download  # type: ignore[method-assign]


def name_without_query(world: World) -> None:
    world.vendor.echo = lambda url: url.partition("?")[0]


FAULTS: dict[str, Callable[[World], None]] = {
    "throttled": refuse_submissions(THROTTLED),
    "overloaded": refuse_submissions(BROKEN),
    "unpaid": refuse_submissions(ARREARAGE, timedelta(hours=3)),
    "unknown-at-first": know_late,
    "unknown": forget,
    "no-queries": refuse_queries,
    "no-downloads": fail_downloads(ResultUnavailable("HTTP 503"), timedelta(hours=23)),
    "never-downloaded": fail_downloads(ResultUnavailable("HTTP 503")),
    "pages": fail_downloads(ResultUnreadable("not JSON", b"<html>")),
    "other-json": send_other_json,
    "redirects": fail_downloads(ResultUnreadable("a redirect", code="RESULT_HOST_NOT_ALLOWED")),
    "no-query": name_without_query,
}


@pytest.mark.parametrize("row", LASTING, ids=lambda row: row.name)
def test_an_upload_ends_as_the_table_says(row: LastingRow) -> None:
    world = World()
    FAULTS[row.name](world)
    for key in ("a.wav", "b.wav"):
        world.upload(key, version_id="v1")
    run_until_ended(world)
    for key in ("a.wav", "b.wav"):
        [end] = world.bus.terminal_events_of(key)
        code = end.error.code if end.error else None
        assert End(code, end.attempts, world.vendor.submissions_of(key)) == row.end
        assert [event.delay.code for event in delays(world, key) if event.delay] == ([row.delay] if row.delay else [])


def test_each_row_of_the_table_is_played() -> None:
    assert {row.name for row in LASTING} == FAULTS.keys()


# delays


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (THROTTLED, "RECEIVED", "because of its rate"),
        (ARREARAGE, "RECEIVED", "Submissions are paused"),
        (BROKEN, "SUBMITTING", "is submitted again"),
    ],
)
def test_a_file_that_is_not_accepted_for_15_minutes_is_reported_once_with_the_reason(
    error: VendorError, status: str, words: str
) -> None:
    world = upload_and_refuse(error)
    play(world, 14 * MINUTE)
    assert not delays(world)
    play(world, 60 * MINUTE)
    event = assert_delayed_once(world, error.code)
    assert event.delay is not None
    assert (event.status, words in event.delay.message) == (status, True)
    world.vendor.refusals = []
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [DELAYED, SUBMITTED, SUCCEEDED]


def test_every_paused_file_is_reported() -> None:
    world = World()
    world.key = None
    for number in range(250):
        world.upload(f"{number}.wav")
    play(world, 25 * MINUTE)
    assert [len(delays(world, f"{number}.wav")) for number in range(250)] == [1] * 250


def test_a_file_that_is_accepted_in_time_is_not_reported() -> None:
    world = upload_and_refuse(BROKEN)
    play(world, 10 * MINUTE)
    world.vendor.refusals = []
    world.vendor.seconds = 3600
    play(world, 50 * MINUTE)
    assert world.bus.events_of("a.wav") == [SUBMITTED]
    assert not world.records.delay_watches


def test_a_file_in_the_backlog_is_not_reported() -> None:
    world = World(max_files_per_task=1)
    for number in range(40):
        world.upload(f"{number}.wav")
    world.vendor.seconds = 1
    world.records.next_slots["submit#fun-asr"] = world.now + timedelta(minutes=20)
    world.run_until_quiet(max_steps=20_000)
    assert world.now - world.job_of("0.wav").received_at > timedelta(minutes=20)
    assert DELAYED not in {kind for kind, _ in world.bus.events}


def test_an_upload_that_no_function_handles_is_reported() -> None:
    world = World()
    body = world.upload("a.wav")
    world.key = None
    world.crashes.kill_at(2, after=False)  # the function dies after it has recorded the upload
    world.deliver([body])
    world.crashes.clear()
    world.queue.clear()
    until = world.now + 40 * MINUTE
    while world.now < until:
        world.loop_pass()
        world.queue.clear()
        world.now += timedelta(seconds=30)
    assert_delayed_once(world, "NOT_PROCESSED")


def test_a_task_that_cannot_be_queried_is_reported() -> None:
    world = World()
    world.upload("a.wav")
    world.upload("b.wav")
    world.vendor.query_errors = [BROKEN] * 100_000
    play(world, 14 * MINUTE)
    assert not delays(world)
    play(world, 30 * MINUTE)
    for key in ("a.wav", "b.wav"):
        assert assert_delayed_once(world, "InternalError", key).status == "SUBMITTED"
    world.vendor.query_errors = []
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, DELAYED, SUCCEEDED]


def test_a_task_that_runs_for_an_hour_is_not_reported_though_some_of_its_queries_fail() -> None:
    world = World()
    world.vendor.seconds = 3600
    world.upload("a.wav")
    for _ in range(50):
        world.vendor.query_errors = [BROKEN]
        play(world, MINUTE)
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_result_that_cannot_be_downloaded_is_reported_and_shown() -> None:
    world = upload_and_fail_download(ResultUnavailable("HTTP 503"))
    play(world, 14 * MINUTE)
    assert not delays(world)
    assert world.job_of("a.wav").last_error_code == "RESULT_UNAVAILABLE"
    play(world, 5 * MINUTE)
    event = assert_delayed_once(world, "RESULT_UNAVAILABLE")
    assert event.status == "SUBMITTED"
    assert any(report.not_downloaded for report in world.finalize_reports)


def test_files_that_cannot_be_stored_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def store(_: object) -> None:
        raise OSError("the bucket refuses writes")

    monkeypatch.setattr(world.results, "store", store)
    world.upload("a.wav")
    play(world, 30 * MINUTE)
    assert_delayed_once(world, "INTERNAL_ERROR")
    monkeypatch.undo()
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, DELAYED, SUCCEEDED]


def test_a_delay_that_cannot_be_published_is_published_later() -> None:
    world = upload_and_refuse(ARREARAGE)
    play(world, 14 * MINUTE)
    world.bus.failures = 3
    play(world, 10 * MINUTE)
    assert len(delays(world)) == 1


# ends


def test_a_file_that_is_throttled_for_a_day_fails_with_that_reason() -> None:
    world = upload_and_refuse(THROTTLED)
    began = world.now
    run_until_ended(world)
    assert world.bus.events_of("a.wav") == [DELAYED, FAILED]
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == ("VENDOR_THROTTLED", "retryable")
    assert "Throttling.RateQuota" in end.error.message
    assert timedelta(hours=24) <= world.now - began <= timedelta(hours=24, minutes=5)
    assert world.vendor.submissions_of("a.wav") == 0


def test_a_pause_does_not_count_as_throttling() -> None:
    world = World()
    world.vendor.refusals = [THROTTLED, ARREARAGE]
    world.upload("a.wav")
    play(world, MINUTE)
    world.vendor.refusals = [ARREARAGE] * 100_000
    play(world, timedelta(hours=25))
    world.vendor.refusals = [THROTTLED] * 5
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [DELAYED, SUBMITTED, SUCCEEDED]


def test_a_result_is_downloaded_again_for_as_long_as_the_vendor_keeps_it() -> None:
    world = upload_and_fail_download(ResultUnavailable("HTTP 503"))
    play(world, timedelta(hours=23, minutes=30))
    assert world.bus.events_of("a.wav") == [SUBMITTED, DELAYED]
    del world.vendor.download  # the real one is back
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, DELAYED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.job_of("a.wav").last_error_code is None


def test_a_result_that_was_never_available_fails_before_the_vendor_forgets_its_task() -> None:
    world = upload_and_fail_download(ResultUnavailable("HTTP 503"))
    run_until_ended(world)
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.error is not None
    assert end.error.code == "RESULT_UNAVAILABLE"
    assert timedelta(hours=23, minutes=30) <= world.now - end.timing.uploaded_at <= timedelta(hours=24)
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_task_that_the_vendor_forgets_after_its_end_is_not_submitted_again() -> None:
    world = upload_and_fail_download(ResultUnavailable("HTTP 503"))
    play(world, timedelta(hours=20))
    world.vendor.forgotten = {"task-0"}
    run_until_ended(world)
    assert world.vendor.submissions_of("a.wav") == 1
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.error is not None
    assert end.error.code == "RESULT_UNAVAILABLE"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ResultUnreadable("not JSON", b"<html>"), "RESULT_UNREADABLE"),
        (ResultUnreadable("a redirect", code="RESULT_HOST_NOT_ALLOWED"), "RESULT_HOST_NOT_ALLOWED"),
    ],
)
def test_a_result_that_is_never_a_transcript_fails_after_five_downloads_within_15_minutes(
    error: ResultUnreadable, code: str
) -> None:
    downloads = 0
    world = upload_and_fail_download(error)
    fail = world.vendor.download

    def download(url: str, *, small_only: bool = False) -> JsonObject:
        nonlocal downloads
        downloads += 1
        return fail(url, small_only=small_only)

    world.vendor.download = download  # type: ignore[method-assign]
    began = world.now
    world.run_until_quiet(faults=True)
    assert world.bus.events_of("a.wav") == [SUBMITTED, FAILED]
    [end] = world.bus.terminal_events_of("a.wav")
    assert end.error is not None
    assert (end.error.code, downloads) == (code, 5)
    assert world.now - began <= 15 * MINUTE


def test_a_result_that_is_no_transcript_is_tried_for_minutes_though_another_file_of_its_task_is_tried_sooner() -> None:
    world = World()
    times: list[timedelta] = []
    began = world.now

    def download(url: str, *, small_only: bool = False) -> JsonObject:
        if "/a.wav" in url:
            times.append(world.now - began)
            raise ResultUnreadable("not JSON", b"<html>")
        raise ResultUnavailable("HTTP 503")

    world.vendor.download = download  # type: ignore[method-assign]
    world.upload("a.wav")
    world.upload("b.wav")
    play(world, 15 * MINUTE)
    assert world.bus.events_of("a.wav") == [SUBMITTED, FAILED]
    assert len(times) == 5
    assert times[-1] - times[0] >= 8 * MINUTE


def test_a_lost_response_that_stays_unclear_is_reported() -> None:
    world = World()
    world.vendor.refusals = [ResponseLost("reset")] * 2
    world.vendor.list_refusal = BROKEN
    world.upload("a.wav")
    play(world, 20 * MINUTE)
    assert_delayed_once(world, "RESPONSE_LOST")
