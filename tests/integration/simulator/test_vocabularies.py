"""Hotword lists of the simulator, with the official SDK and with our own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.adapters.dashscope_vocabularies import DashScopeVocabularies
from dashscribe.domain.recognition.vocabulary import MAX_LISTS
from dashscribe.errors import ErrorClass, VendorError

WORDS = {"Bulge Bracket": 4, "阙里人家": 5}
ENTRIES = [{"text": word, "weight": weight} for word, weight in WORDS.items()]


@pytest.fixture
def ours(our_client: DashScopeHttp) -> DashScopeVocabularies:
    return DashScopeVocabularies(our_client)


@pytest.fixture
def sdk(base_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    import dashscope
    from dashscope.audio.asr.vocabulary import VocabularyService

    monkeypatch.setattr(dashscope, "base_http_api_url", f"{base_url}/api/v1")
    return VocabularyService(api_key="sk-local")


def test_our_client_creates_finds_queries_and_deletes_a_list(ours: DashScopeVocabularies) -> None:
    vocabulary_id = ours.create_vocabulary("fun-asr", "abc123", WORDS)
    assert vocabulary_id.startswith("vocab-abc123-")
    assert [each.vocabulary_id for each in ours.list_vocabularies("abc123")] == [vocabulary_id]
    assert ours.list_vocabularies("other") == []
    content = ours.query_vocabulary(vocabulary_id)
    assert (content.target_model, content.words, content.is_usable) == ("fun-asr", WORDS, True)
    ours.delete_vocabulary(vocabulary_id)
    assert ours.list_vocabularies() == []


def test_the_sdk_creates_lists_queries_updates_and_deletes_a_list(sdk: Any) -> None:
    from dashscope.audio.asr.vocabulary import VocabularyServiceException

    vocabulary_id = sdk.create_vocabulary(target_model="paraformer-v2", prefix="films", vocabulary=ENTRIES)
    [listed] = sdk.list_vocabularies(prefix="films")
    assert (listed["vocabulary_id"], listed["status"]) == (vocabulary_id, "OK")
    sdk.update_vocabulary(vocabulary_id, [{"text": "Seediq Bale", "weight": 4, "lang": "en"}])
    found = sdk.query_vocabulary(vocabulary_id)
    assert (found["target_model"], found["vocabulary"][0]["text"]) == ("paraformer-v2", "Seediq Bale")
    sdk.delete_vocabulary(vocabulary_id)
    with pytest.raises(VocabularyServiceException, match="does not exist"):
        sdk.query_vocabulary(vocabulary_id)


def test_our_requests_are_those_of_the_sdk(
    ours: DashScopeVocabularies, sdk: Any, recorded: Callable[[str], list[dict[str, Any]]]
) -> None:
    ours.create_vocabulary("fun-asr", "abc", WORDS)
    ours.list_vocabularies("abc")
    sdk.create_vocabulary(target_model="fun-asr", prefix="abc", vocabulary=ENTRIES)
    sdk.list_vocabularies(prefix="abc")
    bodies = [request["body"] for request in recorded("customize")]
    assert [bodies[0]["model"], bodies[0]["input"]] == [bodies[2]["model"], bodies[2]["input"]]
    assert bodies[1]["input"] == bodies[3]["input"]


def test_an_account_has_ten_lists(ours: DashScopeVocabularies) -> None:
    for number in range(MAX_LISTS):
        ours.create_vocabulary("fun-asr", f"p{number}", WORDS)
    assert len(ours.list_vocabularies()) == MAX_LISTS
    with pytest.raises(VendorError) as refused:
        ours.create_vocabulary("fun-asr", "more", WORDS)
    assert (refused.value.code, refused.value.http_status) == ("Throttling.AllocationQuota", 400)


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "create_vocabulary", "target_model": "fun-asr", "prefix": "UPPER", "vocabulary": ENTRIES},
        {"action": "create_vocabulary", "target_model": "fun-asr", "prefix": "a" * 10, "vocabulary": ENTRIES},
        {"action": "create_vocabulary", "prefix": "a", "vocabulary": ENTRIES},
        {"action": "create_vocabulary", "target_model": "fun-asr", "prefix": "a", "vocabulary": []},
        {"action": "create_vocabulary", "target_model": "fun-asr", "prefix": "a", "vocabulary": [{"text": "x"}]},
        {
            "action": "create_vocabulary",
            "target_model": "fun-asr",
            "prefix": "a",
            "vocabulary": [{"text": "x", "weight": 6}],
        },
        {"action": "delete_vocabulary", "vocabulary_id": "vocab-none-1"},
        {"action": "other"},
    ],
)
def test_a_wrong_request_is_refused(vendor: httpx.Client, fields: dict[str, Any]) -> None:
    response = vendor.post(
        "/api/v1/services/audio/asr/customization", json={"model": "speech-biasing", "input": fields}
    )
    assert (response.status_code, response.json()["code"]) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 200, "body": {"output": {"vocabulary_list": "odd"}}},
        {"kind": "status", "status": 200, "body": {"output": {}}},
        {"kind": "reset_after"},
        {"kind": "status", "status": 500, "body": {"code": "InternalError", "message": "no"}},
    ],
)
def test_an_odd_reply_is_a_retryable_error(
    ours: DashScopeVocabularies, configure: Callable[..., None], fault: dict[str, Any]
) -> None:
    configure(faults=[{"operation": "customize", **fault}])
    with pytest.raises(VendorError) as failed:
        ours.list_vocabularies()
    assert failed.value.error_class is ErrorClass.RETRYABLE
