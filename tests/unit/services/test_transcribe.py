"""The synchronous models: one call per recording, with the same guarantees as a task."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from dashscribe.domain.jobs import retry_policy, timeouts
from dashscribe.domain.jobs.job import Due, Job, Status
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.options import Options
from dashscribe.errors import PublishFailed
from dashscribe.services.transcribe import MAX_CALL_SLOT_WAIT
from tests.support.caller import SAID, reply
from tests.support.constants import ENVIRON, SUBMITTED, SUCCEEDED
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


def world_with_profiles() -> World:
    return World(profiles=PROFILES)


def transcript_of(world: World, key: str) -> dict[str, object]:
    result = world.job_of(key).result
    assert result is not None
    found: dict[str, object] = json.loads(world.results.files[result.files.transcript])
    return found


def test_a_short_recording_is_transcribed_with_one_call_and_has_the_usual_events() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert world.bus.events_of("notes/a.wav") == [SUBMITTED, SUCCEEDED]
    assert transcript_of(world, "notes/a.wav")["text"] == SAID
    assert transcript_of(world, "notes/a.wav")["timing"] == "none"
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert (end.model, end.profile, end.task_id, end.attempts) == ("qwen3-asr-flash", "notes", None, 1)
    assert end.usage is not None
    assert (end.usage.billed_seconds, end.usage.estimated_cost_usd) == (4, 0.00014)
    options, extension = world.caller.asked[0]
    assert options.parameters == PARAMETERS
    assert extension == "wav"


def test_a_synchronous_upload_does_not_delay_an_asynchronous_one() -> None:
    world = world_with_profiles()
    world.upload("notes/slow.wav")
    world.upload("board.wav")
    report = world.deliver()
    assert [job.media.key for job in report.submitted] == ["board.wav"]
    assert [job.media.key for job in report.handed_over] == ["notes/slow.wav"]
    assert world.caller.calls == []


def test_a_stack_of_asynchronous_models_only_fails_the_upload_and_says_what_to_do() -> None:
    """Nothing polls the queue of the synchronous models there."""
    world = world_with_profiles()
    world.submit_environ["ASYNCHRONOUS_MODELS_ONLY"] = "true"
    world.upload("notes/a.wav")
    world.upload("board.wav")
    world.run_until_quiet()
    failure = world.job_of("notes/a.wav").failure
    assert failure is not None
    assert failure.code == "INVALID_OPTIONS"
    assert "'qwen3-asr-flash' is synchronous" in failure.message
    assert "AsynchronousModelsOnly=false" in failure.message
    assert world.caller.calls == []
    assert world.job_of("board.wav").status is Status.SUCCEEDED


def test_an_accepted_upload_fails_too_when_the_stack_drops_the_synchronous_models() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    assert world.deliver().handed_over
    world.synchronous_queue.messages.clear()
    world.submit_environ["ASYNCHRONOUS_MODELS_ONLY"] = "true"
    world.now += timedelta(days=1)
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.FAILED


def test_a_repeated_event_causes_one_synchronous_call() -> None:
    world = world_with_profiles()
    body = world.upload("notes/a.wav")
    world.deliver([body, body])
    world.deliver([body])
    assert len(world.synchronous_queue.messages) == 2
    world.run_until_quiet()
    world.deliver([body])
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert world.bus.events_of("notes/a.wav") == [SUBMITTED, SUCCEEDED]


def test_the_job_is_recorded_as_submitting_before_the_call() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    statuses: list[Status] = []
    world.crashes.interleave_at("before call", lambda: statuses.append(world.job_of("notes/a.wav").status))
    world.deliver_synchronous()
    assert statuses == [Status.SUBMITTING]


def one_note(world: World) -> None:
    world.upload("notes/a.wav")


def silent_audio(world: World) -> None:
    world.caller.answers["notes/a.wav"] = ["silent"]
    world.upload("notes/a.wav")


def a_note_too_large(world: World) -> None:
    world.upload("any/a.wav", size=11 * MB)


def a_note_too_long(world: World) -> None:
    world.audio_lengths["any/a.wav"] = 301.0
    world.upload("any/a.wav")


def a_bad_note(world: World) -> None:
    world.caller.answers["notes/a.wav"] = ["DECODE_ERROR"] * 2
    world.upload("notes/a.wav")


def an_account_in_arrears(world: World) -> None:
    world.caller.answers["notes/a.wav"] = ["Arrearage"]
    world.upload("notes/a.wav")


SCENARIOS: list[Callable[[World], None]] = [
    one_note,
    silent_audio,
    a_note_too_large,
    a_note_too_long,
    a_bad_note,
    an_account_in_arrears,
]


def side_effects(scenario: Callable[[World], None]) -> list[str]:
    world = world_with_profiles()
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
def test_a_kill_at_any_side_effect_loses_no_synchronous_upload(
    scenario: Callable[[World], None], number: int, after: bool, name: str
) -> None:
    undisturbed, world = world_with_profiles(), world_with_profiles()
    scenario(undisturbed)
    undisturbed.run_until_quiet()
    world.crashes.kill_at(number, after=after)
    scenario(world)
    world.run_until_quiet()
    assert world.crashes.count >= number, "the kill was never reached"
    [job] = undisturbed.records.jobs.values()
    key = job.media.key
    assert {end.status for end in world.bus.terminal_events_of(key)} == {job.status}
    assert set(world.results.files) == set(undisturbed.results.files)
    # Only the stored response shows that a call was made. After a kill between both, the call is repeated.
    names = undisturbed.crashes.names
    call = names.index("call") + 1 if "call" in names else None
    is_unknown = call is not None and (number, after) in {(call, True), (call + 1, False)}
    max_calls = len(undisturbed.caller.calls) + is_unknown
    assert len(undisturbed.caller.calls) <= len(world.caller.calls) <= max_calls
    assert world.vendor.submissions_of(key) == undisturbed.vendor.submissions_of(key)


def test_a_stored_response_is_used_after_a_kill_and_not_paid_for_again() -> None:
    names = side_effects(one_note)
    world = world_with_profiles()
    world.crashes.kill_at(names.index("put result") + 1, after=True)
    one_note(world)
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]
    assert transcript_of(world, "notes/a.wav")["text"] == SAID


def test_a_call_whose_response_is_lost_is_repeated_at_most_three_times() -> None:
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = ["lost"] * 10
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert len(world.caller.calls) == 1 + retry_policy.MAX_RESUBMISSIONS
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == ("SUBMISSION_UNCONFIRMED", "retryable")
    assert "4 times" in end.error.message


def test_one_lost_response_only_delays_the_transcript() -> None:
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = ["lost", "ok"]
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED
    assert world.bus.events_of("notes/a.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize("answer", ["cut", "InvalidFile.AudioLengthError", "BadRequest.TooLarge"])
def test_a_recording_that_the_vendor_refuses_as_too_long_goes_to_the_fallback_model(answer: str) -> None:
    world = world_with_profiles()
    world.caller.answers["any/a.wav"] = [answer]
    world.upload("any/a.wav")
    world.run_until_quiet()
    job = world.job_of("any/a.wav")
    assert job.options is not None
    assert (job.status, job.options.model) == (Status.SUCCEEDED, "qwen3-asr-flash-filetrans")
    assert world.vendor.submissions_of("any/a.wav") == 1


@pytest.mark.parametrize("answer", ["BadRequest.UnsupportedFileFormat", "DECODE_ERROR", "InvalidParameter: format"])
def test_a_recording_whose_format_the_vendor_refuses_goes_to_the_fallback_model(answer: str) -> None:
    world = world_with_profiles()
    for key in ("any/a.mkv", "notes/a.mkv"):
        world.caller.answers[key] = [answer]
        world.upload(key)
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("any/a.mkv")
    assert (end.status, end.model) == (Status.SUCCEEDED, "qwen3-asr-flash-filetrans")
    [without_fallback] = world.bus.terminal_events_of("notes/a.mkv")
    assert without_fallback.error is not None
    assert without_fallback.error.category == "permanent"


def test_a_large_recording_is_sent_to_a_model_without_a_documented_limit() -> None:
    world = World(profiles=json.dumps({"profiles": {"default": {"model": "qwen3-omni-flash"}}}))
    world.audio_lengths["a.wav"] = 3600.0
    world.upload("a.wav", size=11 * MB)
    world.run_until_quiet()
    assert world.job_of("a.wav").status is Status.SUCCEEDED
    world.upload("gone.wav")
    world.deliver()
    del world.media.objects["gone.wav"]
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("gone.wav")
    assert end.error is not None
    assert end.error.code == "MEDIA_GONE"


def test_the_event_of_a_call_has_the_warnings_about_its_options() -> None:
    default = {"model": "next", "family": "qwen3-asr-flash", "parameters": {"mood": "calm"}}
    world = World(profiles=json.dumps({"profiles": {"default": default}}))
    world.caller.answers["quiet.wav"] = ["ASR_RESPONSE_HAVE_NO_WORDS"]
    for key in ("a.wav", "quiet.wav"):
        world.upload(key)
    world.run_until_quiet()
    assert world.bus.terminal_events_of("a.wav")[0].warnings == ["PARAMETERS_NOT_CHECKED"]
    assert world.bus.terminal_events_of("quiet.wav")[0].warnings == [
        "PARAMETERS_NOT_CHECKED",
        "ASR_RESPONSE_HAVE_NO_WORDS",
    ]


def test_a_cut_off_transcript_fails_the_job_and_is_not_stored() -> None:
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = ["cut"]
    world.upload("notes/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert end.error is not None
    assert end.error.code == "TRANSCRIPT_CUT_OFF"
    assert [key.rpartition("/")[2] for key in world.results.files] == ["job.json"]


@pytest.mark.parametrize(
    ("size", "length", "code"), [(10 * MB + 1, None, "FILE_TOO_LARGE"), (1000, 300.5, "AUDIO_DURATION_TOO_LONG")]
)
def test_a_recording_too_large_or_long_for_the_model_fails_before_any_call(
    size: int, length: float | None, code: str
) -> None:
    world = world_with_profiles()
    world.audio_lengths["notes/a.wav"] = length
    world.upload("notes/a.wav", size=size)
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == (code, "permanent")
    assert "fallback_model" in end.error.message
    assert world.caller.asked == []


@pytest.mark.parametrize(("size", "length"), [(11 * MB, None), (1000, 3600.0)])
def test_a_recording_too_large_or_long_for_the_model_goes_to_its_fallback_model_without_a_call(
    size: int, length: float | None
) -> None:
    world = world_with_profiles()
    world.audio_lengths["any/a.wav"] = length
    world.upload("any/a.wav", size=size)
    world.run_until_quiet()
    assert world.caller.asked == []
    assert world.vendor.submissions_of("any/a.wav") == 1
    [end] = world.bus.terminal_events_of("any/a.wav")
    assert (end.status, end.model) == (Status.SUCCEEDED, "qwen3-asr-flash-filetrans")


def test_a_recording_of_the_maximum_length_and_size_is_transcribed() -> None:
    world = world_with_profiles()
    world.audio_lengths["notes/a.wav"] = 300.0
    world.upload("notes/a.wav", size=10 * MB)
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED


def test_silent_audio_of_a_synchronous_model_succeeds_with_a_warning() -> None:
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = ["silent"]
    world.upload("notes/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert (end.status, end.warnings) == (Status.SUCCEEDED, ["ASR_RESPONSE_HAVE_NO_WORDS"])
    assert transcript_of(world, "notes/a.wav")["text"] == ""


def test_a_recording_deleted_before_its_call_fails_with_media_gone() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    world.media.objects.clear()
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert end.error is not None
    assert end.error.code == "MEDIA_GONE"


def test_an_account_wide_error_of_a_call_pauses_all_submissions_until_a_call_succeeds() -> None:
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = ["Arrearage"]
    world.upload("notes/a.wav")
    world.deliver()
    world.deliver_synchronous()
    assert world.job_of("notes/a.wav").due_kind is Due.PAUSED
    world.upload("board.wav")
    world.deliver()
    assert world.job_of("board.wav").due_kind is Due.PAUSED
    world.run_until_quiet()
    assert world.records.pauses().pauses == []
    assert {job.status for job in world.records.jobs.values()} == {Status.SUCCEEDED}


def test_throttled_calls_are_repeated_and_count_no_failed_attempt() -> None:
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = ["Throttling.RateQuota"] * 40
    world.upload("notes/a.wav")
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED
    assert world.job_of("notes/a.wav").failed_attempts == 0


def test_calls_keep_the_models_rate_and_the_other_jobs_join_the_backlog() -> None:
    world = world_with_profiles()
    for number in range(200):
        world.upload(f"notes/{number}.wav")
    world.deliver()
    started = world.now
    report = world.deliver_synchronous()
    assert world.now - started >= timedelta(seconds=len(report.succeeded) / 5 - 1)
    assert {job.last_error_code for job in report.waiting} <= {"RATE_LIMITED"}
    world.run_until_quiet()
    assert len(world.caller.calls) == len(set(world.caller.calls)) == 200
    assert MAX_CALL_SLOT_WAIT < timeouts.CALL_CLAIM_LASTS


def test_a_call_whose_slot_is_far_away_joins_the_backlog() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    world.records.next_slots["submit#qwen3-asr-flash"] = world.now + timedelta(minutes=1)
    report = world.deliver_synchronous()
    assert report.failed_message_ids == []
    assert [(job.due_kind, job.last_error_code) for job in report.waiting] == [(Due.RATE_LIMITED, "RATE_LIMITED")]
    assert world.job_of("notes/a.wav").failed_attempts == 0


def test_calls_keep_the_rate_that_the_stack_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRON, "SUBMIT_REQUESTS_PER_SECOND", "0.2")
    world = world_with_profiles()
    for key in ("notes/a.wav", "notes/b.wav"):
        world.upload(key)
    world.deliver()
    began = world.now
    world.deliver_synchronous()
    assert len(world.caller.calls) == 2
    assert world.now - began >= timedelta(seconds=5)


def test_a_long_call_is_not_repeated_by_another_run() -> None:
    world = world_with_profiles()
    body = world.upload("notes/a.wav")

    def run_again() -> None:
        world.now += timeouts.CALL_CLAIM_LASTS - timedelta(seconds=1)
        world.deliver([body])
        world.deliver_synchronous(list(world.synchronous_queue.messages))

    world.deliver()
    world.crashes.interleave_at("before call", run_again)
    world.deliver_synchronous()
    world.run_until_quiet()
    assert world.caller.calls == ["notes/a.wav"]


def test_a_job_that_waits_in_the_queue_for_days_is_still_transcribed() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    for _ in range(200):
        world.now += timedelta(minutes=31)
        world.synchronous_queue.messages.clear()  # the message waits behind others
        world.loop_pass()
        world.deliver()
    assert world.job_of("notes/a.wav").status is Status.RECEIVED
    world.run_until_quiet()
    assert world.job_of("notes/a.wav").status is Status.SUCCEEDED


def test_a_presigned_url_of_an_unusual_key_in_the_response_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with_profiles()
    monkeypatch.setattr(world.caller, "transcribe", lambda _, url, __: {**reply("Hi."), "heard": f"at {url}"})
    key = 'notes/say "hi" \\ there.wav'
    world.upload(key)
    world.run_until_quiet()
    assert world.job_of(key).status is Status.SUCCEEDED
    assert b"secret" not in b"".join(world.results.files.values())


def test_messages_that_do_not_belong_in_the_synchronous_queue_are_dead_lettered() -> None:
    world = world_with_profiles()
    world.deliver_synchronous(
        [world.upload("notes/a.wav", queued=False), "nonsense", json.dumps({"job_id": "unknown"})]
    )
    assert len(world.dead_lettered) == 3
    assert world.caller.calls == []


def test_a_repeated_message_about_a_job_that_fell_back_makes_no_call() -> None:
    world = world_with_profiles()
    world.caller.answers["any/a.wav"] = ["BadRequest.TooLarge"]
    world.upload("any/a.wav")
    world.deliver()
    [message] = world.synchronous_queue.messages
    world.deliver_synchronous()
    fallen_back = world.job_of("any/a.wav")
    assert fallen_back.last_error_code == "BadRequest.TooLarge"
    world.deliver_synchronous([message])
    assert len(world.caller.asked) == 1
    assert world.job_of("any/a.wav") == fallen_back
    world.run_until_quiet()
    assert world.bus.events_of("any/a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_message_about_a_job_without_options_makes_no_call() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    job = world.job_of("notes/a.wav")
    world.records.jobs[job.job_id] = job.model_copy(update={"options": None})
    assert world.deliver_synchronous().failed_message_ids == []
    assert world.caller.calls == []


def test_a_job_fails_without_a_call_when_a_new_version_has_dropped_its_model() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    job = world.job_of("notes/a.wav")
    dropped = Options(profile="notes", model="retired-asr", parameters={})
    world.records.jobs[job.job_id] = job.model_copy(update={"options": dropped, "model": dropped.model})
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert end.error is not None
    assert end.error.code == "UNKNOWN_MODEL"
    assert world.caller.calls == []


def test_a_presigned_url_in_the_response_is_replaced_by_the_s3_address(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with_profiles()
    monkeypatch.setattr(
        world.caller, "transcribe", lambda options, url, extension: {**reply("Hi."), "heard": f"at {url}"}
    )
    world.upload("notes/a.wav")
    world.run_until_quiet()
    stored = b"".join(world.results.files.values()).decode()
    assert "Hi." in stored
    assert "secret" not in stored
    assert "at s3://media/notes/a.wav" in stored


def test_a_call_whose_events_cannot_be_published_is_not_repeated() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    world.bus.failures = 3
    world.run_until_quiet(faults=True)
    assert world.caller.calls == ["notes/a.wav"]
    assert world.bus.events_of("notes/a.wav")[-1] == SUCCEEDED


@pytest.mark.parametrize("answer", ["ok", "ASR_RESPONSE_HAVE_NO_WORDS"])
def test_the_times_of_a_call_are_those_of_its_start_and_its_end(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """It starts after the wait for its slot."""
    world = world_with_profiles()
    world.caller.answers["notes/a.wav"] = [answer]
    world.upload("notes/a.wav")
    world.deliver()
    transcribe, started = world.caller.transcribe, world.now + timedelta(seconds=12)
    world.records.next_slots["submit#qwen3-asr-flash"] = started
    world.now += timedelta(seconds=2)

    def slow(options: Options, file_url: str, extension: str) -> JsonObject:
        world.now += timedelta(seconds=30)
        return transcribe(options, file_url, extension)

    monkeypatch.setattr(world.caller, "transcribe", slow)
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert (end.timing.submitted_at, end.timing.completed_at) == (started, started + timedelta(seconds=30))
    [submitted] = [detail for kind, detail in world.bus.events if kind == SUBMITTED]
    assert (submitted.timing.submitted_at, submitted.attempts) == (started, 1)


def test_the_loop_is_signalled_when_the_end_of_a_call_cannot_be_published(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    signals, publish = world.wake_ups, world.bus.publish

    def refuse_ends(jobs: Sequence[Job], now: datetime) -> None:
        if any(job.is_terminal for job in jobs):
            raise PublishFailed("refused", [job.job_id for job in jobs])
        publish(jobs, now)

    with monkeypatch.context() as patch:
        patch.setattr(world.bus, "publish", refuse_ends)
        world.deliver_synchronous()
    assert world.wake_ups == signals + 1
    world.run_until_quiet()
    assert (world.caller.calls, world.bus.events_of("notes/a.wav")) == (["notes/a.wav"], [SUBMITTED, SUCCEEDED])


def test_a_stored_response_has_the_time_of_its_claim() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    claimed = world.now
    names = world.crashes.names
    world.crashes.kill_at(3, after=True)  # the claim, the call, the first stored file
    world.deliver_synchronous()
    assert names[-1] == "put result"
    world.crashes.clear()
    world.now += timedelta(hours=1)
    world.run_until_quiet(faults=True)
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert (world.caller.calls, end.timing.submitted_at) == (["notes/a.wav"], claimed)


def test_the_end_is_recorded_before_its_event_is_published() -> None:
    world = world_with_profiles()
    world.upload("notes/a.wav")
    world.deliver()
    world.deliver_synchronous()
    order = [name for name in world.crashes.names if name in ("save job as SUCCEEDED", "publish")]
    assert order == ["publish", "save job as SUCCEEDED", "publish", "save job as SUCCEEDED"]
