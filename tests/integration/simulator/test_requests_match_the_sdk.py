"""For the same options, our client sends what the official SDK sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dashscope
import httpx
import pytest
from dashscope.audio.asr import Transcription

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.catalogue import CATALOGUE

KEY = "sk-local"
URLS = ["http://127.0.0.1:9/a%20b.wav?X-Amz-Signature=0%2B1", "http://127.0.0.1:9/%E4%BC%9A%E8%AE%AE.mp3"]
HEADERS_THAT_COUNT = ("authorization", "x-dashscope-async", "x-dashscope-workspace")

Recorded = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def sdk(base_url: str, monkeypatch: pytest.MonkeyPatch) -> type[Transcription]:
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{base_url}/api/v1")
    return Transcription


def what_counts(request: dict[str, Any]) -> dict[str, Any]:
    """Method, path, body, the headers that mean something, and the kind of body."""
    return {
        "method": request["method"],
        "path": request["path"],
        "body": request["body"],
        "headers": {name: request["headers"].get(name) for name in HEADERS_THAT_COUNT},
        "content_type": request["headers"].get("content-type", "").partition(";")[0],
        "status": request["status"],
    }


@pytest.mark.parametrize(
    ("model", "ours", "theirs"),
    [
        pytest.param("fun-asr", {}, {}, id="no options"),
        pytest.param("fun-asr", {"channel_id": [0, 1]}, {"channel_id": [0, 1]}, id="channels"),
        pytest.param("fun-asr", {"language_hints": ["en"]}, {"language_hints": ["en"]}, id="language"),
        pytest.param(
            "fun-asr",
            {"diarization_enabled": True, "speaker_count": 3},
            {"diarization_enabled": True, "speaker_count": 3},
            id="speakers",
        ),
        pytest.param(
            "fun-asr",
            {"special_word_filter": {"filter_with_signed": {"word_list": ["密码"]}, "system_reserved_filter": False}},
            {"special_word_filter": '{"filter_with_signed": {"word_list": ["密码"]}, "system_reserved_filter": false}'},
            id="word filter",
        ),
        pytest.param(
            "fun-asr-mtl",
            {"vocabulary_id": "vocab-1", "speech_noise_threshold": 0.5},
            {"vocabulary_id": "vocab-1", "speech_noise_threshold": 0.5},
            id="vocabulary",
        ),
        pytest.param(
            "paraformer-v2",
            {
                "language_hints": ["zh", "en"],
                "disfluency_removal_enabled": True,
                "timestamp_alignment_enabled": False,
            },
            {
                "language_hints": ["zh", "en"],
                "disfluency_removal_enabled": True,
                "timestamp_alignment_enabled": False,
            },
            id="paraformer",
        ),
    ],
)
def test_a_submission_is_the_one_that_the_sdk_sends(
    model: str,
    ours: dict[str, Any],
    theirs: dict[str, Any],
    base_url: str,
    sdk: type[Transcription],
    recorded: Recorded,
    http: httpx.Client,
) -> None:
    spec = CATALOGUE[model]
    parameters = spec.parameters.model_validate(ours).on_the_wire()
    DashScopeHttp(http, base_url, lambda: KEY).submit(spec, URLS, parameters)
    sdk.async_call(model=model, file_urls=URLS, api_key=KEY, **theirs)
    own, official = recorded("submit")
    assert what_counts(own) == what_counts(official)
    assert own["status"] == 200
    assert own["body"]["input"]["file_urls"] == URLS


def test_a_submission_to_a_workspace_is_the_one_that_the_sdk_sends(
    base_url: str, sdk: type[Transcription], recorded: Recorded, http: httpx.Client
) -> None:
    DashScopeHttp(http, base_url, lambda: KEY, "llm-1a2b").submit(CATALOGUE["fun-asr"], URLS, {})
    sdk.async_call(model="fun-asr", file_urls=URLS, api_key=KEY, workspace="llm-1a2b")
    own, official = recorded("submit")
    assert what_counts(own) == what_counts(official)
    assert own["headers"]["x-dashscope-workspace"] == "llm-1a2b"


def test_a_query_is_the_one_that_the_sdk_sends(
    base_url: str, sdk: type[Transcription], recorded: Recorded, http: httpx.Client
) -> None:
    DashScopeHttp(http, base_url, lambda: KEY, "llm-1a2b").query("4c1e")
    sdk.fetch("4c1e", api_key=KEY, workspace="llm-1a2b")
    own, official = recorded("query")
    assert what_counts(own) | {"content_type": None} == what_counts(official) | {"content_type": None}
    assert (own["method"], own["path"], own["status"]) == ("GET", "/api/v1/tasks/4c1e", 200)
