"""The hotwords of a profile: one list at the vendor for each model and content, whatever happens."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job_files import job_result_folder
from dashscribe.domain.recognition.vocabulary import CHECK_EVERY, VocabularyContent
from dashscribe.errors import ErrorClass, VendorError
from tests.support.constants import FAILED, RESULTS_BUCKET, SUCCEEDED
from tests.support.world import World

FUN_FLASH = "fun-asr-flash-2026-06-15"
WORDS = {"Bulge Bracket": 4, "阙里人家": 5}
PROFILES = json.dumps(
    {
        "profiles": {
            "banks": {"vocabulary": WORDS},
            "same": {"parameters": {"vocabulary": WORDS}},
            "mtl": {"model": "fun-asr-mtl", "vocabulary": WORDS},
            "own": {"parameters": {"vocabulary_id": "vocab-own-1"}},
            "both": {
                "model": "qwen-audio-3.0-asr-flash",
                "parameters": {"vocabulary": {"Tang": 5}, "vocabulary_id": "vocab-own-1"},
            },
            "call": {"model": FUN_FLASH, "parameters": {"vocabulary_id": "vocab-own-1"}},
        },
        "rules": [{"prefix": f"{name}/", "profile": name} for name in ("banks", "same", "mtl", "own", "both", "call")],
    }
)


@pytest.fixture
def world() -> World:
    return World(profiles=PROFILES)


def sent_parameters(world: World) -> list[dict[str, object]]:
    return [task.parameters for task in world.vendor.tasks.values()]


def end_of(world: World, key: str) -> str:
    [end] = world.bus.terminal_events_of(key)
    return end.error.code if end.error else SUCCEEDED


def test_the_first_upload_creates_a_list_and_later_ones_use_it(world: World) -> None:
    world.upload("banks/a.wav")
    world.run_until_quiet()
    [vocabulary_id] = world.vocabularies.lists
    world.upload("same/b.wav")
    world.run_until_quiet()
    assert sent_parameters(world) == [{"vocabulary_id": vocabulary_id}] * 2
    assert world.vocabularies.created == ["fun-asr"]
    assert world.vocabularies.lists[vocabulary_id].words == WORDS


def test_job_json_has_the_words_and_the_id_of_their_list(world: World) -> None:
    world.upload("banks/a.wav")
    world.run_until_quiet()
    folder = job_result_folder(RESULTS_BUCKET, world.job_of("banks/a.wav"))
    report = json.loads(world.results.files[folder.files.job])
    assert [report["vocabulary_id"]] == list(world.vocabularies.lists)
    assert report["options"]["parameters"]["vocabulary"] == WORDS


def test_each_model_has_a_list_of_its_own(world: World) -> None:
    world.upload("banks/a.wav")
    world.upload("mtl/a.wav")
    world.run_until_quiet()
    assert sorted(world.vocabularies.created) == ["fun-asr", "fun-asr-mtl"]
    assert len({str(sent["vocabulary_id"]) for sent in sent_parameters(world)}) == 2


def test_a_changed_word_creates_another_list(world: World) -> None:
    world.upload("banks/a.wav")
    world.run_until_quiet()
    world.profiles_document = PROFILES.replace('"Bulge Bracket": 4', '"Bulge Bracket": 5')
    world.upload("banks/b.wav")
    world.run_until_quiet()
    assert len(world.vocabularies.lists) == 2


@pytest.mark.parametrize(
    "moment",
    ["after find vocabulary", "before save vocabulary", "before create vocabulary", "after query vocabulary"],
)
def test_two_runs_at_the_same_time_create_one_list(world: World, moment: str) -> None:
    first, second = world.upload("banks/a.wav", queued=False), world.upload("same/b.wav", queued=False)
    world.crashes.interleave_at(moment, lambda: world.deliver([second]))
    world.deliver([first])
    world.run_until_quiet(faults=True)
    assert world.vocabularies.created == ["fun-asr"]
    assert [end_of(world, key) for key in ("banks/a.wav", "same/b.wav")] == [SUCCEEDED, SUCCEEDED]
    assert sum(report.broken_batches for report in world.submit_reports) == 0


def test_a_list_whose_creation_was_not_recorded_is_found_again(world: World) -> None:
    world.vocabularies.responses_to_lose = 1
    world.upload("banks/a.wav")
    world.run_until_quiet()
    assert world.vocabularies.created == ["fun-asr"]
    assert end_of(world, "banks/a.wav") == SUCCEEDED


def test_a_run_that_dies_after_the_creation_leaves_no_second_list(world: World) -> None:
    rehearsal = World(profiles=PROFILES)
    rehearsal.upload("banks/a.wav")
    rehearsal.deliver()
    world.upload("banks/a.wav")
    world.crashes.kill_at(1 + rehearsal.crashes.names.index("create vocabulary"), after=True)
    world.deliver()
    assert world.vocabularies.created == ["fun-asr"]
    world.crashes.clear()
    world.now += timedelta(minutes=2)
    world.run_until_quiet()
    assert world.vocabularies.created == ["fun-asr"]
    assert end_of(world, "banks/a.wav") == SUCCEEDED


def test_a_run_whose_claim_expired_while_it_created_the_list_still_submits(world: World) -> None:
    second = world.upload("same/b.wav", queued=False)

    def overtake() -> None:
        world.now += timedelta(minutes=2)
        world.deliver([second])

    world.upload("banks/a.wav")
    world.crashes.interleave_at("after query vocabulary", overtake)
    world.run_until_quiet()
    assert [end_of(world, key) for key in ("banks/a.wav", "same/b.wav")] == [SUCCEEDED, SUCCEEDED]
    assert world.vocabularies.created == ["fun-asr"]


def test_a_list_that_was_deleted_at_the_vendor_is_created_again_within_an_hour(world: World) -> None:
    world.upload("banks/a.wav")
    world.run_until_quiet()
    world.vocabularies.lists.clear()
    world.now += CHECK_EVERY
    world.upload("banks/b.wav")
    world.run_until_quiet()
    [vocabulary_id] = world.vocabularies.lists
    assert sent_parameters(world)[-1] == {"vocabulary_id": vocabulary_id}


def test_a_list_that_is_in_use_needs_no_request(world: World) -> None:
    world.upload("banks/a.wav")
    world.run_until_quiet()
    world.vocabularies.requests.clear()
    world.upload("banks/b.wav")
    world.run_until_quiet()
    assert world.vocabularies.requests == []


def test_an_upload_fails_with_the_limit_when_the_account_has_ten_lists(world: World) -> None:
    for number in range(10):
        world.vocabularies.lists[f"vocab-other-{number}"] = VocabularyContent()
    world.upload("banks/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("banks/a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == ("TOO_MANY_VOCABULARIES", "permanent")
    assert len(world.submit_reports) == 1, "it fails at once"
    assert "10 hotword lists" in end.error.message
    assert "dashscribe vocabularies --delete-unused" in end.error.message
    assert not world.vendor.tasks


def test_uploads_wait_until_a_new_list_is_usable(world: World) -> None:
    world.vocabularies.status = "UNDEPLOYED"
    world.upload("banks/a.wav")
    world.deliver()
    assert not world.vendor.tasks
    [(vocabulary_id, content)] = world.vocabularies.lists.items()
    world.vocabularies.lists[vocabulary_id] = content.model_copy(update={"status": "OK"})
    world.run_until_quiet()
    assert world.vocabularies.created == ["fun-asr"]
    assert end_of(world, "banks/a.wav") == SUCCEEDED


def test_a_refused_key_pauses_submissions_and_loses_nothing(world: World) -> None:
    world.vocabularies.refusals = [VendorError("InvalidApiKey", "no", ErrorClass.ACCOUNT_WIDE, 401)]
    world.upload("banks/a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("banks/a.wav")[-1] == SUCCEEDED


def test_a_list_that_the_vendor_refuses_fails_every_file_of_the_batch_at_once(world: World) -> None:
    """The number of files is not the cause, so the files are not tried one by one."""
    world.vocabularies.refusals = [VendorError("InvalidParameter", "a bad word", ErrorClass.PERMANENT, 400)]
    for key in ("banks/a.wav", "banks/b.wav"):
        world.upload(key)
    world.deliver()
    for key in ("banks/a.wav", "banks/b.wav"):
        [end] = world.bus.terminal_events_of(key)
        assert end.error is not None
        assert (end.error.code, end.error.message) == ("InvalidParameter", "a bad word")
    assert not world.vendor.tasks


def test_a_list_of_another_model_fails_the_upload_before_it_costs_anything(world: World) -> None:
    world.vocabularies.lists["vocab-own-1"] = VocabularyContent(target_model="paraformer-v2")
    world.upload("own/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("own/a.wav")
    assert end.error is not None
    assert end.error.code == "VOCABULARY_MISMATCH"
    assert all(part in end.error.message for part in ("vocab-own-1", "paraformer-v2", "fun-asr"))
    assert not world.vendor.tasks
    assert world.bus.events_of("own/a.wav") == [FAILED]


def test_a_list_that_cannot_be_queried_is_sent_as_given(world: World) -> None:
    world.upload("own/a.wav")
    world.run_until_quiet()
    assert sent_parameters(world) == [{"vocabulary_id": "vocab-own-1"}]


# the same for a synchronous model


def test_a_synchronous_call_with_a_list_of_another_model_fails_before_it_costs_anything(world: World) -> None:
    world.vocabularies.lists["vocab-own-1"] = VocabularyContent(target_model="fun-asr")
    world.upload("call/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("call/a.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == ("VOCABULARY_MISMATCH", "permanent")
    assert all(part in end.error.message for part in ("vocab-own-1", "created for fun-asr,", FUN_FLASH, "a context"))
    assert world.caller.calls == []
    assert world.bus.events_of("call/a.wav") == [FAILED]


def test_synchronous_calls_use_a_list_of_their_model_and_query_it_once_an_hour(world: World) -> None:
    world.vocabularies.lists["vocab-own-1"] = VocabularyContent(target_model=FUN_FLASH)
    service = world.transcribe_service()
    world.transcribe_service = lambda: service  # type: ignore[method-assign]  # one execution environment
    for key in ("call/a.wav", "call/b.wav"):
        world.upload(key)
    world.run_until_quiet()
    assert sorted(world.caller.calls) == ["call/a.wav", "call/b.wav"]
    assert [options.parameters["vocabulary_id"] for options, _ in world.caller.asked] == ["vocab-own-1"] * 2
    assert world.vocabularies.requests == ["query"]
    world.now += timedelta(hours=1)
    world.upload("call/c.wav")
    world.run_until_quiet()
    assert world.vocabularies.requests == ["query"] * 2


def test_a_list_that_words_in_the_request_replace_is_not_queried(world: World) -> None:
    world.vocabularies.lists["vocab-own-1"] = VocabularyContent(target_model="fun-asr")
    world.upload("both/a.wav")
    world.run_until_quiet()
    assert end_of(world, "both/a.wav") == SUCCEEDED
    assert world.vocabularies.requests == []


def test_a_synchronous_call_uses_a_list_that_cannot_be_queried(world: World) -> None:
    world.upload("call/a.wav")
    world.run_until_quiet()
    assert world.caller.calls == ["call/a.wav"]
    assert end_of(world, "call/a.wav") == SUCCEEDED


def test_a_refused_key_while_a_list_is_queried_pauses_calls_and_loses_none(world: World) -> None:
    world.vocabularies.lists["vocab-own-1"] = VocabularyContent(target_model=FUN_FLASH)
    world.vocabularies.refusals = [VendorError("InvalidApiKey", "no", ErrorClass.ACCOUNT_WIDE, 401)]
    world.upload("call/a.wav")
    world.deliver()
    world.deliver_synchronous()
    assert world.caller.calls == []
    assert world.records.pause_record.account is not None
    world.run_until_quiet()
    assert world.caller.calls == ["call/a.wav"]
    assert end_of(world, "call/a.wav") == SUCCEEDED


def test_a_secret_in_the_reply_about_a_hotword_list_is_stored_nowhere(world: World) -> None:
    secret = "sk-5ec7e7a1b2c3d4e5f6a7b8c9"

    def query(vocabulary_id: str) -> VocabularyContent:
        return VocabularyContent(target_model=f"model {secret}", status=f"X-Amz-Signature={secret}")

    world.vocabularies.query_vocabulary = query  # type: ignore[method-assign]
    world.upload("banks/a.wav")
    world.run_until_quiet(faults=True)
    failure = world.job_of("banks/a.wav").failure
    assert failure is not None
    assert failure.code == "VOCABULARY_MISMATCH"
    stored = [record.model_dump_json() for record in world.records.saves]
    events = [detail.model_dump_json() for _, detail in world.bus.events]
    assert "5ec7e7" not in str([stored, events, world.results.files])
