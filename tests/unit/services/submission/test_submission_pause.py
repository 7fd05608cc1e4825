"""Submissions paused for the account, and resumed."""

from __future__ import annotations

from datetime import timedelta

from dashscribe.domain.jobs.job import Due, Status
from dashscribe.domain.jobs.pause import start_pause
from dashscribe.errors import ErrorClass, VendorError
from tests.support.world import World

SUBMITTED, SUCCEEDED, FAILED = "Transcription Submitted", "Transcription Succeeded", "Transcription Failed"


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
    assert world.bus.terminal_events_of("a.wav")[0].model == "fun-asr-mtl"
    assert world.bus.terminal_events_of("a.wav")[0].profile == "p"


def test_a_gate_that_closed_while_everybody_stood_in_line_is_probed() -> None:
    world = World(max_files_per_task=1)
    for number in range(400):
        world.upload(f"{number}.wav")
    world.deliver()
    assert [job for job in world.records.jobs.values() if job.due_kind is Due.RATE_LIMITED]
    world.records.save_pause(start_pause("Arrearage", "unpaid", world.now))
    world.run_until_quiet()
    assert {job.status for job in world.records.jobs.values()} == {Status.SUCCEEDED}
