"""Submissions paused for the account, and resumed."""

from __future__ import annotations

from datetime import timedelta

from dashscribe.domain.jobs.job import Due, Status
from dashscribe.errors import ErrorClass, VendorError
from tests.support.constants import DELAYED, FAILED, SUCCEEDED
from tests.support.world import World


def test_uploads_wait_for_the_api_key_and_are_transcribed_once_it_exists() -> None:
    world = World()
    world.key = None
    for number in range(5):
        world.upload(f"{number}.wav")
    for _ in range(20):
        world.step()
    assert {kind for kind, _ in world.bus.events} == {DELAYED}
    assert world.vendor.tasks == {}
    assert [pause.reason for kind, pause in world.bus.pauses] == ["API_KEY_MISSING"]
    world.key = "sk-real"
    key_stored_at = world.now
    world.run_until_quiet()
    assert world.now - key_stored_at < timedelta(minutes=4)
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 5


def test_a_function_that_still_has_the_old_key_does_not_end_the_pause() -> None:
    world = World()
    world.key = None
    world.upload("a.wav")
    world.deliver()
    world.key = "sk-old"  # another function read it before it was removed
    world.upload("b.wav")
    world.deliver()
    account = world.records.pauses().account
    assert account is not None
    assert account.reason == "API_KEY_MISSING"
    assert world.vendor.tasks == {}
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 2


def test_an_account_wide_error_fails_no_job_and_is_probed_with_one_file_at_a_time() -> None:
    world = World(max_files_per_task=1)
    arrears = VendorError("Arrearage", "in arrears", ErrorClass.ACCOUNT_WIDE, 400)
    world.vendor.refusals = [arrears] * 6
    for number in range(10):
        world.upload(f"{number}.wav")
    world.run_until_quiet()
    assert not [kind for kind, _ in world.bus.events if kind == FAILED]
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 10
    assert not world.vendor.refusals


def test_uploads_wait_until_a_broken_profiles_document_is_fixed() -> None:
    world = World(profiles="{broken")
    world.upload("a.wav")
    for _ in range(10):
        world.step()
    assert world.bus.events == []
    assert [pause.reason for kind, pause in world.bus.pauses] == ["PROFILES_UNREADABLE"]
    world.profiles_document = (
        '{"profiles": {"p": {"model": "fun-asr-mtl"}}, "rules": [{"prefix": "a", "profile": "p"}]}'
    )
    world.run_until_quiet()
    assert world.bus.terminal_events_of("a.wav")[0].model == "fun-asr-mtl"
    assert world.bus.terminal_events_of("a.wav")[0].profile == "p"


def test_a_pause_that_began_while_all_jobs_were_in_the_backlog_is_probed() -> None:
    world = World(max_files_per_task=1)
    for number in range(400):
        world.upload(f"{number}.wav")
    world.deliver()
    assert [job for job in world.records.jobs.values() if job.due_kind is Due.RATE_LIMITED]
    world.pause()
    world.run_until_quiet()
    assert {job.status for job in world.records.jobs.values()} == {Status.SUCCEEDED}
