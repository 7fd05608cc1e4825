"""Audio that is sent in the request of a synchronous model, and not by a presigned URL."""

from __future__ import annotations

import base64
import json

import pytest

from dashscribe.domain.jobs.inline_audio import data_url
from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.domain.recognition.media import Media, data_url_length, too_large_for
from tests.support.constants import FAILED, SUBMITTED, SUCCEEDED
from tests.support.world import World
from tests.unit.domain.recognition.resolving import profile_faults

MB = 1024**2
PROFILES = json.dumps(
    {
        "profiles": {
            "url": {"model": "qwen3-asr-flash"},
            "inline": {"model": "qwen3-asr-flash", "send": "inline"},
            "long": {"model": "qwen3-asr-flash", "send": "inline", "fallback_model": "qwen3-asr-flash-filetrans"},
        },
        "rules": [{"prefix": f"{name}/", "profile": name} for name in ("url", "inline", "long")],
    }
)


@pytest.fixture
def world() -> World:
    return World(profiles=PROFILES)


def test_a_profile_sends_the_audio_in_the_request_without_a_signed_url(world: World) -> None:
    world.upload("inline/a.wav")
    world.run_until_quiet()
    [sent] = world.caller.urls
    assert sent == "data:audio/wav;base64," + base64.b64encode(b"inline/a.wav").decode()
    assert world.media.signed == 0
    assert world.bus.events_of("inline/a.wav") == [SUBMITTED, SUCCEEDED]


@pytest.mark.parametrize(
    "refusal", ["InvalidURL.ConnectionRefused", "InvalidParameter: Failed to download multimodal content."]
)
def test_the_audio_is_sent_in_the_request_after_the_vendor_could_not_download_it(world: World, refusal: str) -> None:
    world.caller.answers["url/a.wav"] = [refusal]
    world.upload("url/a.wav")
    world.run_until_quiet()
    assert [url.partition(":")[0] for url in world.caller.urls] == ["https", "data"]
    assert world.bus.events_of("url/a.wav") == [SUBMITTED, SUCCEEDED]


def test_another_error_does_not_change_how_the_audio_is_sent(world: World) -> None:
    world.caller.answers["url/a.wav"] = ["SystemError"]
    world.upload("url/a.wav")
    world.run_until_quiet()
    assert [url.partition(":")[0] for url in world.caller.urls] == ["https", "https"]


def test_a_key_that_http_clients_rewrite_is_transcribed_by_a_synchronous_model(world: World) -> None:
    world.upload("url/../a.wav")
    world.run_until_quiet()
    assert world.media.signed == 0
    assert world.bus.events_of("url/../a.wav") == [SUBMITTED, SUCCEEDED]


def test_a_recording_that_is_too_large_for_a_request_fails_or_uses_the_fallback_model(world: World) -> None:
    world.upload("inline/large.wav", size=8 * MB)
    world.upload("long/large.wav", size=8 * MB)
    world.upload("inline/fits.wav", size=7 * MB)
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("inline/large.wav")
    assert end.error is not None
    assert end.error.code == "FILE_TOO_LARGE"
    assert "base64" in end.error.message
    assert world.bus.events_of("inline/large.wav") == [FAILED]
    assert [end.model for end in world.bus.terminal_events_of("long/large.wav")] == ["qwen3-asr-flash-filetrans"]
    assert world.bus.events_of("inline/fits.wav") == [SUBMITTED, SUCCEEDED]


def test_a_recording_that_is_too_large_for_a_request_is_never_sent_in_one(world: World) -> None:
    world.caller.answers["url/large.wav"] = ["InvalidURL"] * 3
    world.upload("url/large.wav", size=8 * MB)
    world.run_until_quiet()
    assert [url.partition(":")[0] for url in world.caller.urls] == ["https"] * 4
    assert world.bus.events_of("url/large.wav") == [SUBMITTED, SUCCEEDED]


def test_an_accepted_recording_that_no_longer_fits_into_a_request_fails_without_a_call(world: World) -> None:
    """A new version may allow less than the one that accepted the upload."""
    world.upload("inline/a.wav", size=7 * MB)
    world.deliver()
    job = world.job_of("inline/a.wav")
    grown = job.media.model_copy(update={"size_bytes": 8 * MB})
    world.records.jobs[job.job_id] = job.model_copy(update={"media": grown})
    world.run_until_quiet()
    [end] = world.bus.terminal_events_of("inline/a.wav")
    assert end.error is not None
    assert end.error.code == "FILE_TOO_LARGE"
    assert world.caller.urls == []


@pytest.mark.parametrize(
    ("model", "media_format", "prefix"),
    [
        ("qwen3-asr-flash", "mp3", "data:audio/mpeg;base64,"),
        ("qwen3-asr-flash", "wav", "data:audio/wav;base64,"),
        ("fun-asr-flash-2026-06-15", "mp4", "data:video/mp4;base64,"),
        ("qwen3-omni-flash", "wav", "data:;base64,"),
    ],
)
def test_a_data_url_has_the_media_type_of_the_format(model: str, media_format: str, prefix: str) -> None:
    sent = data_url(b"\x00audio", media_format, CATALOGUE[model])
    assert sent.startswith(prefix)
    assert base64.b64decode(sent.removeprefix(prefix)) == b"\x00audio"


def test_the_estimated_length_of_a_data_url_is_never_too_short() -> None:
    spec = CATALOGUE["qwen3-asr-flash"]
    for size in (1, 2, 3, 1000):
        assert len(data_url(b"x" * size, "mp3", spec)) <= data_url_length(size)
    limit = spec.max_size_bytes or 0
    largest = next(size for size in range(limit, 0, -1) if data_url_length(size) <= limit)
    for size, fits in ((largest, True), (largest + 1, False)):
        media = Media(bucket="b", key="a.wav", size_bytes=size)
        assert (too_large_for(media, spec, is_inline=True) is None) == fits


def test_an_asynchronous_model_takes_no_audio_in_the_request() -> None:
    [fault] = profile_faults({"model": "fun-asr", "send": "inline"})
    assert "'send'" in fault
    assert "asynchronous" in fault
