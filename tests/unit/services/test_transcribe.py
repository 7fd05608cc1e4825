"""The synchronous models: the same guarantees without a task. One recording, one call, one end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from dashscribe.domain.jobs import retry_policy, timeouts
from dashscribe.domain.jobs.job import Due, Status
from dashscribe.services.transcribe import MAX_CALL_SLOT_WAIT
from tests.support.caller import SAID, reply
from tests.support.world import World

PARAMETERS = {"asr_options": {"language": "en"}, "context": "Names"}
PROFILES = json.dumps(
    {
        "profiles": {
            "notes": {
                "model": "qwen3-asr-flash",
                "parameters": {"asr_options": {"language": "en"}, "context": "Names"},
            },
            "any": {"model": "qwen3-asr-flash", "fallback_model": "qwen3-asr-flash-filetrans"},
        },
        "rules": [{"prefix": "notes/", "profile": "notes"}, {"prefix": "any/", "profile": "any"}],
    }
)
MB = 1024**2


def made() -> World:
    return World(profiles=PROFILES)


def transcript_of(world: World, key: str) -> dict[str, object]:
    result = world.job_of(key).result
    assert result is not None
    found: dict[str, object] = json.loads(world.results.files[result.files.transcript])
    return found


def test_a_short_recording_is_called_for_once_and_ends_like_any_other() -> None:
    world = made()
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert world.bus.of("notes/a.wav") == ["Transcription Submitted", "Transcription Succeeded"]
    assert transcript_of(world, "notes/a.wav")["text"] == SAID
    assert transcript_of(world, "notes/a.wav")["timing"] == "none"
    [end] = world.bus.ends_of("notes/a.wav")
    assert (end.model, end.profile, end.task_id, end.attempts) == ("qwen3-asr-flash", "notes", None, 1)
    assert end.usage is not None
    assert (end.usage.billed_seconds, end.usage.estimated_cost_usd) == (4, 0.00014)
    options, extension = world.caller.asked[0]
    assert options.parameters == PARAMETERS
    assert extension == "wav"


def test_a_slow_call_keeps_no_asynchronous_upload_waiting() -> None:
    world = made()
    world.upload("notes/slow.wav")
    world.upload("board.wav")
    report = world.deliver()
    assert [job.media.key for job in report.submitted] == ["board.wav"]
    assert [job.media.key for job in report.handed_over] == ["notes/slow.wav"]
    assert world.caller.calls == []


def test_a_repeated_event_is_handed_over_again_and_called_for_once() -> None:
    world = made()
    body = world.upload("notes/a.wav")
    world.deliver([body, body])
    world.deliver([body])
    assert len(world.synchronous.messages) == 2
    world.run_until_quiet()
    world.deliver([body])
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert world.bus.of("notes/a.wav") == ["Transcription Submitted", "Transcription Succeeded"]


def test_the_record_says_that_a_call_may_be_out_before_it_is() -> None:
    world = made()
    world.upload("notes/a.wav")
    world.deliver()
    seen: list[Status] = []
    world.crashes.intrude("before call", lambda: seen.append(world.job_of("notes/a.wav").status))
    world.call()
    assert seen == [Status.SUBMITTING]


def one_note(world: World) -> None:
    world.upload("notes/a.wav")


def silence(world: World) -> None:
    world.caller.answers["notes/a.wav"] = ["silent"]
    world.upload("notes/a.wav")


def a_note_too_large(world: World) -> None:
    world.upload("any/a.wav", size=11 * MB)


def a_note_too_long(world: World) -> None:
    world.lengths["any/a.wav"] = 301.0
    world.upload("any/a.wav")


def a_bad_note(world: World) -> None:
    world.caller.answers["notes/a.wav"] = ["DECODE_ERROR"] * 2
    world.upload("notes/a.wav")


def no_money_for_a_while(world: World) -> None:
    world.caller.answers["notes/a.wav"] = ["Arrearage"]
    world.upload("notes/a.wav")


SCENARIOS: list[Callable[[World], None]] = [
    one_note,
    silence,
    a_note_too_large,
    a_note_too_long,
    a_bad_note,
    no_money_for_a_while,
]


def side_effects(scenario: Callable[[World], None]) -> list[str]:
    world = made()
    scenario(world)
    world.run_until_quiet()
    return world.crashes.names


@pytest.mark.parametrize(
    ("scenario", "number", "after", "name"),
    [
        pytest.param(
            scenario, number, after, name, id=f"{scenario.__name__}-{'after' if after else 'before'}-{number}-{name}"
        )
        for scenario in SCENARIOS
        for number, name in enumerate(side_effects(scenario), start=1)
        for after in (False, True)
    ],
)
def test_a_kill_at_any_side_effect_loses_nothing(
    scenario: Callable[[World], None], number: int, after: bool, name: str
) -> None:
    undisturbed, world = made(), made()
    scenario(undisturbed)
    undisturbed.run_until_quiet()
    world.crashes.at(number, after=after)
    scenario(world)
    world.run_until_quiet()
    assert world.crashes.count >= number, "the kill was never reached"
    [job] = undisturbed.records.jobs.values()
    key = job.media.key
    assert {end.status for end in world.bus.ends_of(key)} == {job.status}
    assert set(world.results.files) == set(undisturbed.results.files)
    # Whether a call was answered can be seen nowhere but in what was stored of it: in that window alone it is repeated.
    names = undisturbed.crashes.names
    called = names.index("call") + 1 if "call" in names else None
    unknown = called is not None and (number, after) in {(called, True), (called + 1, False)}
    most = len(undisturbed.caller.calls) + (1 if unknown else 0)
    assert len(undisturbed.caller.calls) <= len(world.caller.calls) <= most
    assert world.vendor.submissions_of(key) == undisturbed.vendor.submissions_of(key)


def test_an_answer_that_was_stored_is_not_paid_for_again() -> None:
    names = side_effects(one_note)
    world = made()
    world.crashes.at(names.index("put result") + 1, after=True)
    one_note(world)
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert transcript_of(world, "notes/a.wav")["text"] == SAID


def test_a_lost_answer_is_asked_for_again_three_times_at_most() -> None:
    world = made()
    world.caller.answers["notes/a.wav"] = ["lost"] * 10
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert len(world.caller.calls) == 1 + retry_policy.MAX_RESUBMISSIONS
    [end] = world.bus.ends_of("notes/a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == ("SUBMISSION_UNCONFIRMED", "retryable")
    assert "4 times" in end.error.message


def test_a_stream_that_broke_once_is_only_a_delay() -> None:
    world = made()
    world.caller.answers["notes/a.wav"] = ["lost", "ok"]
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED
    assert world.bus.of("notes/a.wav") == ["Transcription Submitted", "Transcription Succeeded"]


@pytest.mark.parametrize("answer", ["cut", "InvalidFile.AudioLengthError", "BadRequest.TooLarge"])
def test_what_the_vendor_finds_too_long_goes_to_the_fallback(answer: str) -> None:
    world = made()
    world.caller.answers["any/a.wav"] = [answer]
    world.upload("any/a.wav")
    world.run_until_quiet()
    job = world.job_of("any/a.wav")
    assert job.options is not None
    assert (job.status, job.options.model) == (Status.SUCCEEDED, "qwen3-asr-flash-filetrans")
    assert world.vendor.submissions_of("any/a.wav") == 1


def test_half_a_transcript_is_none() -> None:
    world = made()
    world.caller.answers["notes/a.wav"] = ["cut"]
    world.upload("notes/a.wav")
    world.run_until_quiet()
    [end] = world.bus.ends_of("notes/a.wav")
    assert end.error is not None
    assert end.error.code == "TRANSCRIPT_CUT_OFF"
    assert [key.rpartition("/")[2] for key in world.results.files] == ["job.json"]


@pytest.mark.parametrize(
    ("size", "length", "code"), [(10 * MB + 1, None, "FILE_TOO_LARGE"), (1000, 300.5, "AUDIO_DURATION_TOO_LONG")]
)
def test_what_is_too_much_for_the_model_is_refused_before_any_call(size: int, length: float | None, code: str) -> None:
    world = made()
    world.lengths["notes/a.wav"] = length
    world.upload("notes/a.wav", size=size)
    world.run_until_quiet()
    [end] = world.bus.ends_of("notes/a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == (code, "permanent")
    assert "fallback_model" in end.error.message
    assert world.caller.asked == []


@pytest.mark.parametrize(("size", "length"), [(11 * MB, None), (1000, 3600.0)])
def test_what_is_too_much_for_the_model_goes_to_its_fallback_unasked(size: int, length: float | None) -> None:
    world = made()
    world.lengths["any/a.wav"] = length
    world.upload("any/a.wav", size=size)
    world.run_until_quiet()
    assert world.caller.asked == []
    assert world.vendor.submissions_of("any/a.wav") == 1
    [end] = world.bus.ends_of("any/a.wav")
    assert (end.status, end.model) == (Status.SUCCEEDED, "qwen3-asr-flash-filetrans")


def test_the_longest_and_largest_that_are_allowed_are_called_for() -> None:
    world = made()
    world.lengths["notes/a.wav"] = 300.0
    world.upload("notes/a.wav", size=10 * MB)
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED


def test_silence_succeeds_with_an_empty_text_and_says_so() -> None:
    world = made()
    world.caller.answers["notes/a.wav"] = ["silent"]
    world.upload("notes/a.wav")
    world.run_until_quiet()
    [end] = world.bus.ends_of("notes/a.wav")
    assert (end.status, end.warnings) == (Status.SUCCEEDED, ["ASR_RESPONSE_HAVE_NO_WORDS"])
    assert transcript_of(world, "notes/a.wav")["text"] == ""


def test_a_recording_that_is_deleted_before_its_call_is_gone() -> None:
    world = made()
    world.upload("notes/a.wav")
    world.deliver()
    world.media.objects.clear()
    world.run_until_quiet()
    [end] = world.bus.ends_of("notes/a.wav")
    assert end.error is not None
    assert end.error.code == "MEDIA_GONE"


def test_unpaid_bills_close_the_gate_for_all_and_one_call_opens_it() -> None:
    world = made()
    world.caller.answers["notes/a.wav"] = ["Arrearage"]
    world.upload("notes/a.wav")
    world.deliver()
    world.call()
    assert world.job_of("notes/a.wav").due_kind is Due.PAUSED
    world.upload("board.wav")
    world.deliver()
    assert world.job_of("board.wav").due_kind is Due.PAUSED
    world.run_until_quiet()
    assert world.records.closed is None
    assert {job.status for job in world.records.jobs.values()} == {Status.SUCCEEDED}


def test_throttled_calls_wait_and_fail_for_nothing() -> None:
    world = made()
    world.caller.answers["notes/a.wav"] = ["Throttling.RateQuota"] * 40
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED
    assert world.job_of("notes/a.wav").failed_attempts == 0


def test_calls_begin_no_faster_than_the_model_allows_and_the_rest_wait_in_the_table() -> None:
    world = made()
    for number in range(200):
        world.upload(f"notes/{number}.wav")
    world.deliver()
    started = world.now
    report = world.call()
    assert world.now - started >= timedelta(seconds=len(report.succeeded) / 5 - 1)
    assert {job.last_error_code for job in report.waiting} <= {"RATE_LIMITED"}
    world.run_until_quiet()
    assert len(world.caller.calls) == len(set(world.caller.calls)) == 200
    assert MAX_CALL_SLOT_WAIT < timeouts.CALL_CLAIM_LASTS


def test_a_call_that_lasts_is_not_made_by_somebody_else_too() -> None:
    world = made()
    body = world.upload("notes/a.wav")

    def meanwhile() -> None:
        world.now += timeouts.CALL_CLAIM_LASTS - timedelta(seconds=1)
        world.deliver([body])
        world.call(list(world.synchronous.messages))

    world.deliver()
    world.crashes.intrude("before call", meanwhile)
    world.call()
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]


def test_a_job_that_waits_in_the_queue_for_days_is_not_given_up() -> None:
    world = made()
    world.upload("notes/a.wav")
    world.deliver()
    for _ in range(200):
        world.now += timedelta(minutes=31)
        world.synchronous.messages.clear()  # others are before it
        world.loop_pass()
        world.deliver()
    assert world.job_of("notes/a.wav").status is Status.RECEIVED
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED


def test_an_echoed_url_of_an_odd_key_is_replaced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = made()
    monkeypatch.setattr(world.caller, "transcribe", lambda _, url, __: {**reply("Hi."), "heard": f"at {url}"})
    key = 'notes/say "hi" \\ there.wav'
    world.upload(key)
    world.run_until_quiet()
    assert world.job_of(key).status is Status.SUCCEEDED
    assert b"secret" not in b"".join(world.results.files.values())


def test_a_stranger_in_the_synchronous_queue_is_buried() -> None:
    world = made()
    world.call([world.upload("notes/a.wav", queued=False), "nonsense", json.dumps({"job_id": "unknown"})])
    assert len(world.dead_lettered) == 3
    assert world.caller.calls == []


def test_a_signed_url_that_is_echoed_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    world = made()
    monkeypatch.setattr(
        world.caller, "transcribe", lambda options, url, extension: {**reply("Hi."), "heard": f"at {url}"}
    )
    world.upload("notes/a.wav")
    world.run_until_quiet()
    kept = b"".join(world.results.files.values()).decode()
    assert "Hi." in kept
    assert "secret" not in kept
    assert "at s3://media/notes/a.wav" in kept


def test_a_call_whose_events_cannot_be_sent_is_not_made_again() -> None:
    world = made()
    world.upload("notes/a.wav")
    world.deliver()
    world.bus.failures = 3
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert world.bus.of("notes/a.wav")[-1] == "Transcription Succeeded"
