"""The three services together, in virtual time: what becomes of an upload."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.jobs.pause import start_pause
from dashscribe.domain.recognition.catalogue import CATALOGUE, ModelSpec
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable
from tests.support.world import World

SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"


def test_an_upload_becomes_six_files_and_two_events() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    detail = world.bus.ends_of("a.wav")[0]
    assert detail.result is not None
    assert set(detail.result.files.keys) == set(world.results.files)
    assert world.results.files[detail.result.files["text"]] == b"said a.wav.\n"
    assert (detail.attempts, detail.error, detail.warnings) == (1, None, [])


def test_nothing_that_is_stored_or_published_holds_a_signature() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    published = " ".join(detail.model_dump_json() for _, detail in world.bus.events)
    stored = b" ".join(world.results.files.values()).decode()
    assert "secret" not in published + stored
    assert json.loads(world.results.files[next(k for k in world.results.files if k.endswith("result.json"))])[
        "file_url"
    ] == ("s3://media/a.wav")


def test_a_hundred_files_leave_in_one_task_and_cost_few_questions() -> None:
    world = World()
    for number in range(100):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert len(world.vendor.tasks) == 1
    assert world.vendor.queries + 1 <= 10
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 100


def test_one_file_a_task_when_the_parameter_says_so() -> None:
    world = World(max_files_per_task=1)
    for number in range(3):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [1, 1, 1]


def test_files_with_different_options_go_in_different_tasks() -> None:
    world = World()
    world.upload("plain.wav")
    world.upload("two.wav", metadata={"dashscribe-parameters": '{"channel_id": [0, 1]}'})
    world.run_until_quiet()
    assert len(world.vendor.tasks) == 2


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_repeated_event_is_one_job_and_one_submission(repeats: int) -> None:
    world = World()
    body = world.upload("a.wav")
    world.queue += [body] * repeats
    world.run_until_quiet()
    world.queue.append(body)
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_new_upload_under_an_old_key_is_a_new_job() -> None:
    world = World()
    world.upload("a.wav")
    world.run_until_quiet()
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2
    assert len(world.records.jobs) == 2


def test_two_uploads_of_one_key_in_one_batch_never_share_a_task() -> None:
    world = World()
    world.upload("a.wav")
    world.upload("a.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [1, 1]


@pytest.mark.parametrize(
    ("key", "size", "code"),
    [
        ("notes.docx", 10, "UNSUPPORTED_FORMAT"),
        ("noextension", 10, "UNSUPPORTED_FORMAT"),
        ("empty.wav", 0, "EMPTY_FILE"),
        ("huge.wav", 2 * 1024**3 + 1, "FILE_TOO_LARGE"),
    ],
)
def test_what_cannot_be_transcribed_fails_without_a_vendor_call(key: str, size: int, code: str) -> None:
    world = World()
    world.upload(key, size=size)
    world.run_until_quiet()
    assert world.bus.of(key) == [FAILED]
    error = world.bus.ends_of(key)[0].error
    assert error is not None
    assert (error.code, error.category) == (code, "permanent")
    assert not world.vendor.tasks


@pytest.mark.parametrize("key", ["calls/", "calls_$folder$", f"a.wav/{'0' * 32}/transcript.txt"])
def test_folder_markers_and_our_own_outputs_are_ignored_in_silence(key: str) -> None:
    world = World()
    world.upload(key, size=0 if key[-1] in "/$" else 10)
    world.run_until_quiet()
    assert (world.bus.events, world.records.jobs, world.dead_lettered) == ([], {}, [])


def test_a_deleted_object_fails_as_gone() -> None:
    world = World()
    world.upload("a.wav")
    del world.media.objects["a.wav"]
    world.run_until_quiet()
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert error.code == "MEDIA_GONE"


def test_every_fault_in_the_options_is_named_at_once() -> None:
    world = World()
    world.upload(
        "a.wav", metadata={"dashscribe-parameters": '{"chanel": 1, "speaker_count": 1}', "dashscribe-profile": "x"}
    )
    world.run_until_quiet()
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert error.code == "INVALID_OPTIONS"
    assert all(part in error.message for part in ("chanel", "speaker_count", "'x'", "channel_id"))
    assert not world.vendor.tasks


@pytest.mark.parametrize("body", ["no json", "[]", "{}", '{"source": "aws.s3"}', '{"job_id": "nobody"}', "[" * 100_000])
def test_a_broken_message_is_buried_and_its_neighbours_go_on(body: str) -> None:
    world = World()
    world.queue.append(body)
    world.upload("a.wav")
    world.run_until_quiet()
    assert [dead_lettered for dead_lettered, _ in world.dead_lettered] == [body]
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_uploads_wait_for_the_key_and_then_go_on_by_themselves() -> None:
    world = World()
    world.key = None
    for number in range(5):
        world.upload(f"{number}.wav")
    for _ in range(20):
        world.step()
    assert (world.bus.events, world.vendor.tasks) == ([], {})
    assert world.submit_reports[-1].pause_reason == "API_KEY_MISSING"
    world.key = "sk-real"
    before = world.now
    world.run_until_quiet()
    assert world.now - before < timedelta(minutes=4)
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 5


def test_account_trouble_fails_nothing_and_probes_with_one_file_at_a_time() -> None:
    world = World(max_files_per_task=1)
    unpaid = VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)
    world.vendor.refusals = [unpaid] * 6
    for number in range(10):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert not [kind for kind, _ in world.bus.events if kind == FAILED]
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 10
    assert not world.vendor.refusals


def test_a_broken_profiles_document_keeps_uploads_waiting_until_it_is_mended() -> None:
    world = World(profiles="{broken")
    world.upload("a.wav")
    for _ in range(10):
        world.step()
    assert world.bus.events == []
    assert world.submit_reports[-1].pause_reason == "PROFILES_UNREADABLE"
    world.profiles_document = (
        '{"profiles": {"p": {"model": "fun-asr-mtl"}}, "rules": [{"prefix": "a", "profile": "p"}]}'
    )
    world.run_until_quiet()
    assert world.bus.ends_of("a.wav")[0].model == "fun-asr-mtl"
    assert world.bus.ends_of("a.wav")[0].profile == "p"


@pytest.mark.parametrize(
    "code", ["FILE_403_FORBIDDEN", "InvalidFile.DownloadFailed", "InternalError", "A_NEW_CODE", "missing"]
)
def test_a_file_that_the_vendor_could_not_take_is_submitted_again_with_a_fresh_url(code: str) -> None:
    world = World()
    world.vendor.answers["a.wav"] = [code, code, "ok"]
    world.upload("a.wav")
    world.upload("b.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.ends_of("a.wav")[0].attempts == 3
    assert world.bus.ends_of("b.wav")[0].attempts == 1
    assert world.vendor.submissions_of("b.wav") == 1
    assert world.media.signed >= 4


def test_resubmitting_ends_after_three_times() -> None:
    world = World()
    world.vendor.answers["a.wav"] = ["FILE_403_FORBIDDEN"]
    world.upload("a.wav")
    world.run_until_quiet()
    detail = world.bus.ends_of("a.wav")[0]
    assert detail.attempts == 4
    assert detail.error is not None
    assert detail.error.code == "FILE_403_FORBIDDEN"
    assert world.vendor.submissions_of("a.wav") == 4


@pytest.mark.parametrize("code", ["SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"])
def test_silence_is_a_success_with_an_empty_transcript_and_a_warning(code: str) -> None:
    world = World()
    world.vendor.answers["quiet.wav"] = [code]
    world.upload("quiet.wav")
    world.run_until_quiet()
    detail = world.bus.ends_of("quiet.wav")[0]
    assert (detail.status, detail.warnings, detail.error) == ("SUCCEEDED", [code], None)
    assert detail.result is not None
    assert world.results.files[detail.result.files["text"]] == b""
    assert json.loads(world.results.files[detail.result.files.job])["warnings"] == [code]


def test_a_bad_file_fails_alone() -> None:
    world = World()
    world.vendor.answers["bad.wav"] = ["DECODE_ERROR"]
    world.upload("good.wav")
    world.upload("bad.wav")
    world.run_until_quiet()
    assert world.bus.of("good.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.of("bad.wav") == [SUBMITTED, FAILED]
    assert len(world.vendor.tasks) == 1


def test_a_server_that_takes_one_file_a_task_is_given_one() -> None:
    world = World()
    world.vendor.most_files = 1
    for number in range(4):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 4
    assert all(world.vendor.submissions_of(f"{number}.wav") == 1 for number in range(4))


@pytest.mark.parametrize(
    "refusal",
    [
        VendorError("Throttling.RateQuota", "slow down", ErrorClass.THROTTLED, 429),
        VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500),
        VendorUnreachable("no connection"),
    ],
)
def test_passing_trouble_at_submission_is_waited_out(refusal: VendorError) -> None:
    world = World()
    world.vendor.refusals = [refusal] * 5
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.bus.ends_of("a.wav")[0].attempts == 1


def test_lasting_trouble_at_submission_ends_in_a_failure_that_says_so() -> None:
    world = World()
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)] * 100
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert (error.code, error.category) == ("InternalError", "retryable")
    assert "failed after 25 attempts" in error.message


def test_a_permanent_refusal_fails_at_once() -> None:
    world = World()
    world.vendor.refusals = [VendorError("Model.AccessDenied", "not yours", ErrorClass.PERMANENT, 403)]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [FAILED]


NO_LIST = VendorError("NotFound", "no such path", ErrorClass.PERMANENT, 404)


def test_a_lost_answer_of_an_accepted_submission_is_found_in_the_list_and_not_paid_again() -> None:
    world = World()
    world.vendor.answers_to_lose = 1
    world.upload("a.wav")
    world.upload("b.wav")
    world.run_until_quiet()
    for key in ("a.wav", "b.wav"):
        assert world.vendor.submissions_of(key) == 1
        assert world.bus.of(key) == [SUBMITTED, SUCCEEDED]
        assert world.bus.ends_of(key)[0].attempts == 1
    assert sum(report.ambiguous for report in world.submit_reports) == 2


def test_a_lost_submission_that_never_arrived_is_submitted_again() -> None:
    world = World()
    world.upload("b.wav")
    world.deliver()
    world.vendor.refusals = [ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_second_lost_response_fails_the_job_even_when_the_list_says_that_both_were_not_accepted() -> None:
    world = World()
    world.upload("b.wav")
    world.deliver()
    world.vendor.refusals = [ResponseLost("timed out"), ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert error.code == "SUBMISSION_UNCONFIRMED"
    assert world.vendor.submissions_of("a.wav") == 0


def test_somebody_else_s_tasks_on_the_account_are_not_taken_for_ours() -> None:
    world = World()
    for number in range(3):
        world.vendor.submit(CATALOGUE["fun-asr"], [f"https://other.s3.us-east-1.amazonaws.com/{number}.wav?X"], {})
    world.vendor.refusals = [ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


@pytest.mark.parametrize(
    "trouble",
    [NO_LIST, VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)],
    ids=["no list", "list broken"],
)
def test_without_a_list_a_lost_answer_is_repeated_once_and_counted(trouble: VendorError) -> None:
    world = World()
    world.vendor.list_refusal = trouble
    world.vendor.answers_to_lose = 1
    world.upload("a.wav")
    world.run_until_quiet(5000)  # a list that never answers is tried for 23 hours
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 2
    assert sum(report.ambiguous for report in world.submit_reports) == 1


def test_without_a_list_a_second_lost_answer_is_a_failure_and_no_third_submission() -> None:
    world = World()
    world.vendor.list_refusal = NO_LIST
    world.vendor.refusals = [ResponseLost("timed out"), ResponseLost("timed out")]
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert error.code == "SUBMISSION_UNCONFIRMED"
    assert not world.vendor.tasks


def test_a_lost_answer_is_settled_also_where_only_the_result_names_the_file() -> None:
    world = World()
    world.vendor.nameless = True
    world.vendor.answers_to_lose = 1
    world.upload("a.wav", metadata={"dashscribe-model": "qwen3-asr-flash-filetrans"})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.job_of("a.wav").status is Status.SUCCEEDED


def test_a_result_that_cannot_be_had_yet_settles_nothing_and_costs_nothing() -> None:
    world = World()
    world.vendor.nameless = True
    world.vendor.answers_to_lose = 1
    world.vendor.downloads_to_fail = 2
    world.upload("a.wav", metadata={"dashscribe-model": "qwen3-asr-flash-filetrans"})
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1


def test_diarization_of_more_than_two_hours_is_doubted_in_the_event() -> None:
    world = World()
    world.vendor.audio_ms = 2 * 3600 * 1000 + 1
    world.upload("a.wav", metadata={"dashscribe-parameters": '{"diarization_enabled": true}'})
    world.upload("b.wav")
    world.run_until_quiet()
    assert [world.bus.ends_of(key)[0].warnings for key in ("a.wav", "b.wav")] == [["DIARIZATION_OVER_TWO_HOURS"], []]


def test_a_forgotten_task_is_submitted_again() -> None:
    world = World()
    world.vendor.forgotten = {"task-0"}
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.ends_of("a.wav")[0].attempts == 2


def test_a_task_that_never_ends_is_given_up_and_its_file_submitted_again() -> None:
    world = World()
    world.vendor.seconds = 10**6
    world.upload("a.wav")
    world.step()
    world.vendor.seconds = 3
    world.run_until_quiet(most_steps=6000)
    detail = world.bus.ends_of("a.wav")[0]
    assert (detail.status, detail.attempts) == ("SUCCEEDED", 2)
    assert world.now - detail.timing.uploaded_at < timedelta(hours=5)


def test_queries_that_fail_are_repeated_later() -> None:
    world = World()
    world.vendor.query_errors = [
        VendorError("Throttling.RateQuota", "slow", ErrorClass.THROTTLED, 429),
        VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500),
        ResponseLost("reset"),
        VendorError("InvalidApiKey", "rotated", ErrorClass.ACCOUNT_WIDE, 401),
    ]
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_an_expired_result_is_asked_for_again_and_not_submitted_again() -> None:
    world = World()
    world.vendor.downloads_to_fail = 2
    world.upload("a.wav")
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_events_that_the_bus_refuses_are_published_later() -> None:
    world = World()
    world.upload("bad.txt")
    world.bus.failures = 1
    world.step()
    assert world.job_of("bad.txt").status is Status.FAILED
    world.run_until_quiet()
    assert world.bus.of("bad.txt") == [FAILED]


def test_a_lost_message_is_made_good_by_the_loop() -> None:
    world = World()
    body = world.upload("a.wav", queued=False)
    world.crashes.at(2, after=False)  # the function dies after the record and before anything else
    world.deliver([body])
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]
    assert world.vendor.submissions_of("a.wav") == 1


def test_a_record_is_not_changed_any_more_once_its_message_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on MiniStack: the submit function read the record, the loop wrote it, and the claim came too late."""
    world = World()
    world.vendor.refusals = [VendorError("InternalError", "oops", ErrorClass.RETRYABLE, 500)]
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=10)
    seen: list[int] = []
    monkeypatch.setattr(world.submit_queue, "requeue", lambda job_id: seen.append(world.records.jobs[job_id].revision))
    world.loop_pass()
    assert seen == [world.job_of("a.wav").revision]


def test_an_overdue_task_is_cancelled_before_its_file_is_submitted_again() -> None:
    world = World()
    world.vendor.seconds = 10**6
    world.upload("a.wav")
    world.step()
    world.vendor.seconds = 3
    world.run_until_quiet(most_steps=6000)
    assert world.vendor.cancelled == ["task-0"]


def test_the_age_of_the_oldest_unfinished_job_is_reported() -> None:
    world = World()
    world.key = None
    world.upload("old.wav")
    world.step()
    world.now += timedelta(hours=6)
    world.loop_pass()
    assert world.passes[-1].oldest_job_seconds > 6 * 3600


def test_a_run_ends_in_its_time_and_the_rest_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(max_files_per_task=1)
    for number in range(100):
        world.upload(f"{number}.wav")
    quick = world.vendor.submit

    def slow(spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> str:
        world.now += timedelta(seconds=3)
        return quick(spec, file_urls, parameters)

    monkeypatch.setattr(world.vendor, "submit", slow)
    before = world.now
    world.deliver()
    assert world.now - before < timedelta(seconds=60)
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 100


def test_an_unknown_refusal_is_tried_a_few_times_and_then_failed_with_the_vendor_s_word() -> None:
    world = World()
    world.vendor.refusals = [VendorError("SomethingNew", "we do not like it", ErrorClass.RETRYABLE, 400)] * 50
    world.upload("a.wav")
    world.run_until_quiet()
    error = world.bus.ends_of("a.wav")[0].error
    assert error is not None
    assert (error.code, error.category) == ("SomethingNew", "retryable")
    assert len(world.vendor.refusals) == 45
    assert world.now - world.job_of("a.wav").uploaded_at < timedelta(minutes=15)


@pytest.mark.parametrize("odd", [{"time": "2026-01-01T00:00:00"}, {"time": "0001-01-01T00:00:00+14:00"}, {"size": -5}])
def test_an_event_with_an_impossible_time_or_size_is_buried_at_once(odd: dict[str, object]) -> None:
    world = World()
    event = json.loads(world.upload("a.wav", queued=False))
    event["detail"]["object"]["size"] = odd.get("size", 1000)
    event["time"] = odd.get("time", event["time"])
    world.queue.append(json.dumps(event))
    world.run_until_quiet()
    assert len(world.dead_lettered) == 1
    assert not world.records.jobs


def test_that_a_server_takes_one_file_a_task_is_remembered_for_a_day() -> None:
    world = World()
    world.vendor.most_files = 1
    for number in range(4):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    refused = sum(len(report.waiting) for report in world.submit_reports)
    for number in range(4, 8):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert sum(len(report.waiting) for report in world.submit_reports) == refused
    world.vendor.most_files = 100
    world.now += timedelta(hours=25)
    tasks_so_far = len(world.vendor.tasks)
    for number in range(8, 12):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert len(world.vendor.tasks) == tasks_so_far + 1


def test_that_only_the_first_file_of_a_task_is_processed_is_remembered_too() -> None:
    world = World()
    world.vendor.answers |= {"b.wav": ["missing", "ok"], "c.wav": ["missing", "ok"]}
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("d.wav")
    world.upload("e.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [3, 1, 1, 1, 1]


def test_one_missing_file_among_others_says_nothing_of_their_number() -> None:
    world = World()
    world.vendor.answers["b.wav"] = ["missing", "ok"]
    for key in ("a.wav", "b.wav", "c.wav"):
        world.upload(key)
    world.run_until_quiet()
    world.upload("d.wav")
    world.upload("e.wav")
    world.run_until_quiet()
    assert [len(task.urls) for task in world.vendor.tasks.values()] == [3, 1, 2]


def test_a_finalizer_that_dies_before_its_event_is_made_good_within_a_minute() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=4)
    world.bus.failures = 1
    world.loop_pass()
    assert world.job_of("a.wav").status is Status.SUCCEEDED
    assert not world.bus.ends_of("a.wav")
    ended = world.now
    while not world.bus.ends_of("a.wav"):
        world.step()
    assert world.now - ended <= timedelta(minutes=1)
    world.run_until_quiet()
    assert world.bus.of("a.wav") == [SUBMITTED, SUCCEEDED]


def test_an_event_that_cannot_be_sent_for_days_turns_no_success_into_a_failure() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.bus.failures = 10_000
    for _ in range(600):
        world.step()
        world.now += timedelta(minutes=5)
    world.bus.failures = 0
    world.run_until_quiet()
    assert {end.status for end in world.bus.ends_of("a.wav")} == {Status.SUCCEEDED}


def test_a_list_that_was_not_read_back_to_the_post_does_not_deny_it() -> None:
    world = World()
    world.vendor.seconds = 100
    world.vendor.answers_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    newer = world.now + timedelta(seconds=1)
    world.vendor.largest_page = 10
    world.vendor.foreign = [(newer + timedelta(minutes=3), False) for _ in range(300)]
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 2, "it cannot be known, so it is repeated once, as documented"
    assert world.job_of("a.wav").ambiguous_submissions == 1


def test_a_list_longer_than_a_thousand_tasks_is_read_back_to_the_post() -> None:
    world = World()
    world.vendor.seconds = 100
    world.vendor.answers_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.vendor.foreign = [(world.now + timedelta(minutes=3), False) for _ in range(1500)]
    world.run_until_quiet()
    assert world.vendor.submissions_of("a.wav") == 1
    assert world.job_of("a.wav").status is Status.SUCCEEDED


def test_a_gate_that_closed_while_everybody_stood_in_line_is_probed() -> None:
    world = World(max_files_per_task=1)
    for number in range(400):
        world.upload(f"{number}.wav")
    world.deliver()
    assert [job for job in world.records.jobs.values() if job.due_kind is Due.RATE_LIMITED]
    world.records.save_pause(start_pause("Arrearage", "unpaid", world.now))
    world.run_until_quiet()
    assert {job.status for job in world.records.jobs.values()} == {Status.SUCCEEDED}


def test_a_lost_answer_does_not_keep_a_new_upload_from_being_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.vendor.answers_to_lose = 1
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=30)
    [lost] = world.records.jobs

    def hangs(*_: object) -> None:
        world.now += timedelta(seconds=30)
        assert len(world.records.jobs) == 2, "the new upload has no record yet"
        raise ResponseLost("timed out")

    monkeypatch.setattr(world.vendor, "list_page", hangs)
    world.deliver([json.dumps({"job_id": lost}), world.upload("b.wav", queued=False)])
    assert world.job_of("b.wav").due_kind is not None
