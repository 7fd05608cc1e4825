"""The price of a backfill, extrapolated from a sample."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.estimate import Measured, _Meter, extrapolate
from local.target import Target


def test_the_sample_s_averages_are_multiplied_by_the_number_of_files() -> None:
    found = extrapolate([Measured(1800, 0.063), Measured(5400, 0.189), Measured(None, None)], files=1000)
    assert [found.hours, found.usd] == pytest.approx([1000, 126])
    assert "about 1,000.0 hours of audio, about 126.00 USD" in str(found)
    assert "from 2 of 1,000 files; 1 more could not be read" in str(found)


def test_files_that_are_billed_by_tokens_are_named_and_not_priced() -> None:
    found = extrapolate([Measured(3600, None), Measured(3600, 0.126)], files=2)
    assert [found.hours, found.usd] == pytest.approx([2, 0.126])
    assert "1 use a model without a price per second" in str(found)


def test_an_empty_sample_is_no_error() -> None:
    assert extrapolate([], files=0).hours == 0


class AwsFake:
    """An object without metadata, and a profiles parameter with one profile."""

    def __init__(self, profile: dict[str, Any]) -> None:
        self.document = json.dumps({"profiles": {"default": profile}})

    def get_parameter(self, **_: str) -> dict[str, Any]:
        return {"Parameter": {"Value": self.document}}

    def head_object(self, **_: str) -> dict[str, Any]:
        return {"Metadata": {}}


@pytest.mark.parametrize(
    ("profile", "usd"),
    [
        ({"model": "fun-asr"}, 0.126),
        ({"parameters": {"channel_id": [0, 1]}}, 0.252),
        ({"model": "qwen3-asr-flash-filetrans", "parameters": {"channel_id": [0, 1]}}, 0.252),
        ({"model": "qwen3-asr-flash-filetrans", "context_object": "prompts/names.txt"}, 0.126),
        ({"model": "fun-asr", "parameters": {"channel_id": "all"}}, 0),
    ],
    ids=["one channel", "two channels", "two channels of Qwen3-ASR", "a context in an object", "refused options"],
)
def test_an_hour_of_audio_is_priced_by_the_options_of_its_profile(profile: dict[str, Any], usd: float) -> None:
    outputs = {"MediaBucketName": "media", "ProfilesParameterName": "/dashscribe/profiles"}
    parameters = {"DashScopeBaseUrl": "https://dashscope-intl.aliyuncs.com"}
    meter = _Meter(Target(lambda _: AwsFake(profile), outputs, parameters))
    assert meter._price("a.wav", 3600) == pytest.approx(usd)
