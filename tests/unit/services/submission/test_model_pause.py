"""A missing entitlement pauses the submissions of its model; the other models go on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.domain.jobs.job import Due
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import VendorError
from tests.support.constants import DELAYED, FAILED, SUCCEEDED
from tests.support.world import World

OTHER = {"dashscribe-model": "fun-asr-mtl"}
PAUSED, RESUMED = "Submissions Paused", "Submissions Resumed"
ENTITLEMENTS = [
    ("AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."),
    ("AccessDenied.Unpurchased", "Access to model denied."),
    ("AccessDenied", "Access to model denied."),
    ("Model.AccessDenied", "Model access denied."),
    ("Throttling.AllocationQuota", "Free allocated quota exceeded."),
]


def refusal(code: str = "AllocationQuota.FreeTierOnly", message: str = "used up") -> VendorError:
    return VendorError(code, message, classify(code, message, 403), 403)


def fill_backlogs(world: World) -> None:
    """Ten jobs in the backlog of each of two models."""
    for number in range(10):
        world.upload(f"paused{number:03}.wav")
        world.upload(f"other{number:03}.wav", metadata=OTHER)
    for model in ("fun-asr", "fun-asr-mtl"):
        world.records.next_slots[f"submit#{model}"] = world.now + timedelta(seconds=30)
    world.deliver()
    assert {job.due_kind for job in world.records.jobs.values()} == {Due.RATE_LIMITED}
    world.now += timedelta(seconds=28)


def steps(world: World, number: int) -> None:
    for _ in range(number):
        world.step()


@pytest.mark.parametrize(("code", "message"), ENTITLEMENTS)
def test_one_models_missing_entitlement_does_not_delay_the_other_models(code: str, message: str) -> None:
    world = World()
    world.vendor.refused_models["fun-asr"] = refusal(code, message)
    for number in range(3):
        world.upload(f"refused{number}.wav")
        world.upload(f"other{number}.wav", metadata=OTHER)
    uploaded = world.now
    steps(world, 10)
    for number in range(3):
        [end] = world.bus.terminal_events_of(f"other{number}.wav")
        assert end.timing.published_at - uploaded < timedelta(minutes=1)
        assert world.job_of(f"refused{number}.wav").status == "RECEIVED"
    later = world.now
    world.upload("later.wav", metadata=OTHER)
    steps(world, 10)
    assert world.bus.terminal_events_of("later.wav")[0].timing.published_at - later < timedelta(minutes=1)
    del world.vendor.refused_models["fun-asr"]
    fixed = world.now
    world.run_until_quiet()
    assert world.now - fixed < timedelta(minutes=4)
    assert not [kind for kind, _ in world.bus.events if kind == FAILED]
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 7


def test_the_events_say_what_is_paused_and_when_it_resumed() -> None:
    world = World()
    world.vendor.refused_models["fun-asr"] = refusal()
    world.upload("a.wav")
    steps(world, 3)
    [(kind, detail)] = world.bus.pauses
    assert (kind, detail.scope, detail.model) == (PAUSED, "model", "fun-asr")
    assert (detail.reason, detail.message, detail.resumed_at) == ("AllocationQuota.FreeTierOnly", "used up", None)
    assert detail.paused_at <= world.now
    report = world.passes[-1]
    assert report.pauses is not None
    assert list(report.pauses.of_models) == ["fun-asr"]
    assert report.pauses.account is None
    world.vendor.refused_models.clear()
    world.run_until_quiet()
    kinds = [kind for kind, _ in world.bus.pauses]
    assert kinds == [PAUSED, RESUMED]
    resumed = world.bus.pauses[-1][1]
    assert (resumed.model, resumed.paused_at) == ("fun-asr", detail.paused_at)
    assert resumed.resumed_at is not None
    assert resumed.resumed_at > resumed.paused_at


def test_an_event_about_a_pause_that_the_bus_refuses_is_published_later() -> None:
    world = World()
    world.pause()
    world.bus.failures = 2
    steps(world, 4)
    assert [(kind, detail.scope) for kind, detail in world.bus.pauses] == [(PAUSED, "account")]


def test_the_job_that_is_refused_does_not_take_every_probe() -> None:
    """One job is refused for a reason of its own, such as a vocabulary of another account."""
    world = World(max_files_per_task=1)
    world.vendor.refused_keys["bad.wav"] = refusal("AccessDenied", "no permission")
    world.upload("bad.wav")
    world.deliver()
    for number in range(5):
        world.upload(f"good{number}.wav")
    uploaded = world.now
    steps(world, 30)
    for number in range(5):
        [end] = world.bus.terminal_events_of(f"good{number}.wav")
        assert end.status == "SUCCEEDED"
        assert end.timing.published_at - uploaded < timedelta(minutes=5)


def test_a_job_that_alone_is_refused_again_and_again_fails_with_the_vendors_reason() -> None:
    world = World(max_files_per_task=1)
    world.vendor.refused_keys["bad.wav"] = refusal("AccessDenied", "no permission")
    world.upload("bad.wav")
    for number in range(40):
        if not world.bus.terminal_events_of("bad.wav"):
            world.upload(f"good{number}.wav")
        steps(world, 3)
    [end] = world.bus.terminal_events_of("bad.wav")
    assert end.error is not None
    assert (end.error.code, end.error.category) == ("AccessDenied", "permanent")
    assert "accepted other files of this model" in end.error.message
    world.run_until_quiet()
    assert sum(kind == FAILED for kind, _ in world.bus.events) == 1
    assert world.records.pauses().pauses == []


def test_a_model_without_entitlement_fails_no_job_however_long_it_lasts() -> None:
    world = World()
    world.vendor.refused_models["fun-asr"] = refusal()
    for number in range(5):
        world.upload(f"{number}.wav")
    steps(world, 300)
    assert [kind for kind, _ in world.bus.events] == [DELAYED] * 5
    world.vendor.refused_models.clear()
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 5


def test_a_paused_models_backlog_waits_and_another_models_backlog_is_released() -> None:
    world = World(max_files_per_task=1)
    fill_backlogs(world)
    world.pause("AllocationQuota.FreeTierOnly", model="fun-asr")
    backlog = {job.media.key for job in world.records.jobs.values() if job.due_kind is Due.RATE_LIMITED}
    world.poll_pass()
    released = {key for key in backlog if world.job_of(key).due_kind is not Due.RATE_LIMITED}
    assert released
    assert all(key.startswith("other") for key in released)


def test_a_pause_of_a_model_that_began_while_its_jobs_were_in_the_backlog_is_probed() -> None:
    world = World(max_files_per_task=1)
    fill_backlogs(world)
    world.pause("AllocationQuota.FreeTierOnly", model="fun-asr")
    world.run_until_quiet()
    assert sum(kind == SUCCEEDED for kind, _ in world.bus.events) == 20


def test_a_pause_of_the_account_and_one_of_a_model_end_separately() -> None:
    world = World()
    world.vendor.refused_models["fun-asr"] = refusal()
    world.upload("a.wav")
    world.deliver()
    world.vendor.refusals = [refusal_of_the_account()]
    world.upload("b.wav", metadata=OTHER)
    world.deliver()
    assert {pause.model for pause in world.records.pauses().pauses} == {None, "fun-asr"}
    steps(world, 10)
    assert [pause.model for pause in world.records.pauses().pauses] == ["fun-asr"]
    assert world.bus.terminal_events_of("b.wav")
    world.vendor.refused_models.clear()
    world.run_until_quiet()


def test_a_pause_that_no_job_waits_for_ends_by_itself() -> None:
    for model in (None, "fun-asr"):
        world = World()
        world.pause(model=model)
        steps(world, 10)
        assert world.records.pauses().pauses == []
        assert [kind for kind, _ in world.bus.pauses] == [PAUSED, RESUMED]


def refusal_of_the_account() -> VendorError:
    return VendorError("Arrearage", "unpaid", classify("Arrearage"), 400)


def test_a_secret_that_could_not_be_read_for_one_query_pauses_nothing_for_long() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.now += timedelta(seconds=10)
    world.vendor.query_errors = [VendorError("API_KEY_UNREADABLE", "no answer", classify("InvalidApiKey"))]
    world.poll_pass()
    account = world.records.pauses().account
    assert account is not None
    assert account.by_query
    world.run_until_quiet()
    assert world.records.pauses().pauses == []
    assert [kind for kind, _ in world.bus.pauses] == [PAUSED, RESUMED]
    assert len(world.bus.terminal_events_of("a.wav")) == 1


def test_an_answered_query_does_not_end_a_pause_that_a_refused_submission_started() -> None:
    world = World()
    world.vendor.seconds = 40
    world.upload("running.wav")
    world.deliver()
    world.vendor.refusals = [refusal_of_the_account()] * 2
    world.upload("refused.wav")
    world.deliver()
    for _ in range(5):
        world.now += timedelta(seconds=3)
        world.poll_pass()
    assert world.records.pauses().account is not None
    assert world.vendor.queries > 2


def test_a_missing_entitlement_for_a_query_pauses_nothing() -> None:
    world = World()
    world.upload("a.wav")
    world.deliver()
    world.vendor.query_errors = [refusal("AccessDenied", "no permission")]
    world.run_until_quiet()
    assert world.bus.pauses == []
    assert len(world.bus.terminal_events_of("a.wav")) == 1
