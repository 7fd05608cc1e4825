"""Uploads that fail, or are ignored, before any vendor call."""

from __future__ import annotations

import pytest

from tests.support.constants import FAILED
from tests.support.world import World


@pytest.mark.parametrize(
    ("key", "size", "code"),
    [
        ("notes.docx", 10, "UNSUPPORTED_FORMAT"),
        ("noextension", 10, "UNSUPPORTED_FORMAT"),
        ("empty.wav", 0, "EMPTY_FILE"),
        ("huge.wav", 2 * 1024**3 + 1, "FILE_TOO_LARGE"),
    ],
)
def test_an_unsupported_empty_or_too_large_file_fails_without_a_vendor_call(key: str, size: int, code: str) -> None:
    world = World()
    world.upload(key, size=size)
    world.run_until_quiet()
    assert world.bus.events_of(key) == [FAILED]
    error = world.bus.terminal_events_of(key)[0].error
    assert error is not None
    assert (error.code, error.category) == (code, "permanent")
    assert not world.vendor.tasks


@pytest.mark.parametrize("key", ["calls/", "calls_$folder$", f"a.wav/{'0' * 32}/transcript.txt"])
def test_folder_markers_and_our_own_outputs_are_ignored(key: str) -> None:
    world = World()
    world.upload(key, size=0 if key[-1] in "/$" else 10)
    world.run_until_quiet()
    assert (world.bus.events, world.records.jobs, world.dead_lettered) == ([], {}, [])


def test_a_deleted_object_fails_with_media_gone() -> None:
    world = World()
    world.upload("a.wav")
    del world.media.objects["a.wav"]
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert error.code == "MEDIA_GONE"


def test_one_failure_names_every_fault_in_the_options() -> None:
    world = World()
    world.upload(
        "a.wav", metadata={"dashscribe-parameters": '{"chanel": 1, "speaker_count": 1}', "dashscribe-profile": "x"}
    )
    world.run_until_quiet()
    error = world.bus.terminal_events_of("a.wav")[0].error
    assert error is not None
    assert error.code == "INVALID_OPTIONS"
    assert all(part in error.message for part in ("chanel", "speaker_count", "'x'", "channel_id"))
    assert not world.vendor.tasks
