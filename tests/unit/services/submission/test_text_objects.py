"""Context and prompt from objects of the media bucket, from the upload to the transcript."""

from __future__ import annotations

import json

import pytest

from tests.support.constants import FAILED, SUBMITTED, SUCCEEDED
from tests.support.world import World

PROFILES = json.dumps(
    {
        "profiles": {
            "terms": {"model": "qwen3-asr-flash-filetrans", "context_object": "shared/terms.txt"},
            "notes": {"model": "fun-asr-flash-2026-06-15", "context_object": "shared/terms.txt"},
        },
        "rules": [{"prefix": "terms/", "profile": "terms"}, {"prefix": "notes/", "profile": "notes"}],
    }
)


@pytest.fixture
def world() -> World:
    world = World(profiles=PROFILES)
    world.media.texts["shared/terms.txt"] = "Bulge Bracket, Boutique"
    return world


def test_the_text_of_the_object_is_sent(world: World) -> None:
    world.upload("terms/a.wav")
    world.run_until_quiet()
    [task] = world.vendor.tasks.values()
    assert task.parameters == {"text": "Bulge Bracket, Boutique"}


def test_an_absent_object_fails_the_upload_before_it_costs_anything(world: World) -> None:
    world.media.texts.clear()
    world.upload("terms/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("terms/a.wav")
    assert end.error is not None
    assert end.error.code == "INVALID_OPTIONS"
    assert "s3://media/shared/terms.txt does not exist" in end.error.message
    assert not world.vendor.tasks


def test_a_longer_context_than_the_vendor_takes_is_cut_with_a_warning_in_the_event(world: World) -> None:
    world.media.texts["shared/terms.txt"] = "Bulge Bracket " * 500
    world.upload("notes/a.wav")
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("notes/a.wav")
    assert end.warnings == ["CONTEXT_CUT"]


@pytest.mark.parametrize("key", ["shared/terms.txt", "prompts/glossary.txt", "team/prompts/style.md"])
def test_the_upload_of_a_text_object_makes_no_job(world: World, key: str) -> None:
    world.upload(key)
    world.run_until_quiet()
    assert (world.bus.events, world.records.jobs, world.dead_lettered) == ([], {}, [])


@pytest.mark.parametrize("key", ["notes.txt", "prompts.txt", "shared/other.txt"])
def test_another_text_still_fails_with_a_reason(world: World, key: str) -> None:
    world.upload(key)
    world.run_until_quiet()
    assert world.bus.events_of(key) == [FAILED]


def test_a_recording_in_a_folder_of_prompts_is_transcribed(world: World) -> None:
    world.upload("prompts/a.wav")
    world.run_until_quiet()
    assert world.bus.events_of("prompts/a.wav") == [SUBMITTED, SUCCEEDED]
