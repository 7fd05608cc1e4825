"""Hotword lists at the vendor: what is sent, and how each response is read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.adapters.dashscope_vocabularies import DashScopeVocabularies
from dashscribe.errors import ErrorClass, ResponseLost, VendorError

BASE = "https://dashscope-intl.aliyuncs.com"


class Vendor:
    """A DashScope that returns these outputs in order, and records what it received."""

    def __init__(self, outputs: Iterable[object]) -> None:
        self._outputs = iter(outputs)
        self.urls: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.timeouts: list[dict[str, float]] = []
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.lists = DashScopeVocabularies(DashScopeHttp(client, BASE, lambda: "sk-secret-key"))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(f"{request.method} {request.url}")
        self.bodies.append(json.loads(request.content))
        self.timeouts.append(request.extensions["timeout"])
        return httpx.Response(200, json={"request_id": "r", "output": next(self._outputs)})


def listed(*names: str) -> dict[str, object]:
    return {"vocabulary_list": [{"vocabulary_id": f"vocab-{name}-1", "status": "OK"} for name in names]}


def names_of(vendor: Vendor, prefix: str = "") -> list[str]:
    return [each.vocabulary_id.split("-")[1] for each in vendor.lists.list_vocabularies(prefix)]


def test_a_list_is_created_with_its_words_and_weights() -> None:
    vendor = Vendor([{"vocabulary_id": "vocab-abc-1"}])
    assert vendor.lists.create_vocabulary("fun-asr", "abc", {"Bulge Bracket": 4, "阙里人家": 5}) == "vocab-abc-1"
    assert vendor.urls == [f"POST {BASE}/api/v1/services/audio/asr/customization"]
    assert vendor.bodies == [
        {
            "model": "speech-biasing",
            "input": {
                "action": "create_vocabulary",
                "target_model": "fun-asr",
                "prefix": "abc",
                "vocabulary": [{"text": "Bulge Bracket", "weight": 4}, {"text": "阙里人家", "weight": 5}],
            },
        }
    ]


@pytest.mark.parametrize("output", [{}, {"vocabulary_id": ""}, {"vocabulary_id": 7}, "vocab-abc-1", None, []])
def test_a_created_list_without_an_id_is_found_by_its_prefix_later(output: object) -> None:
    """It may exist, so the error is that of a lost response."""
    with pytest.raises(ResponseLost):
        Vendor([output]).lists.create_vocabulary("fun-asr", "abc", {"word": 4})


def test_the_id_of_a_created_list_contains_no_secret() -> None:
    assert (
        Vendor([{"vocabulary_id": "sk-5ec7e70123456789"}]).lists.create_vocabulary("m", "p", {"w": 1}) == "[redacted]"
    )


def test_lists_are_read_page_by_page_until_a_page_is_not_full() -> None:
    pages = [[f"a{number}" for number in range(10)], [f"b{number}" for number in range(9)]]
    vendor = Vendor(listed(*page) for page in pages)
    assert names_of(vendor, "abc") == [*pages[0], *pages[1]]
    common = {"action": "list_vocabulary", "prefix": "abc", "page_size": 10}
    assert [body["input"] for body in vendor.bodies] == [{**common, "page_index": page} for page in (0, 1)]


def test_without_a_prefix_the_lists_of_the_whole_account_are_requested() -> None:
    vendor = Vendor([listed("a", "b")])
    assert names_of(vendor) == ["a", "b"]
    assert "prefix" not in vendor.bodies[0]["input"]


def test_a_list_that_two_pages_contain_is_found_once_and_the_pages_end() -> None:
    """DashScope's first page may be 0 or 1, so the first two pages may be the same."""
    page = listed(*(f"a{number}" for number in range(10)))
    vendor = Vendor([page] * 10)
    assert names_of(vendor) == [f"a{number}" for number in range(10)]
    assert len(vendor.bodies) == 5


def test_an_entry_without_an_id_hides_no_other_list() -> None:
    output = {"vocabulary_list": [{"status": "OK"}, "odd", None, {"vocabulary_id": "vocab-a-1"}]}
    assert names_of(Vendor([output])) == ["a"]


@pytest.mark.parametrize("output", [{}, {"vocabulary_list": None}, {"vocabulary_list": {}}, "text", None])
def test_a_response_that_is_no_list_is_not_an_account_without_lists(output: object) -> None:
    """Otherwise a list that exists would be created again."""
    with pytest.raises(VendorError, match=r"NO_LIST: .* not a list") as refused:
        Vendor([output]).lists.list_vocabularies("abc")
    assert refused.value.error_class is ErrorClass.RETRYABLE


def test_a_list_is_queried_by_its_id() -> None:
    words = [{"text": "Bulge Bracket", "weight": 4}]
    vendor = Vendor([{"target_model": "fun-asr", "status": "UNDEPLOYED", "vocabulary": words}])
    content = vendor.lists.query_vocabulary("vocab-abc-1")
    assert (content.target_model, content.words, content.is_usable) == ("fun-asr", {"Bulge Bracket": 4}, False)
    assert vendor.bodies[0]["input"] == {"action": "query_vocabulary", "vocabulary_id": "vocab-abc-1"}


def test_a_description_of_a_list_with_odd_words_is_a_lost_response() -> None:
    with pytest.raises(ResponseLost, match="the hotword list vocab-abc-1 has an unknown shape"):
        Vendor([{"vocabulary": "words"}]).lists.query_vocabulary("vocab-abc-1")


def test_a_list_is_deleted_by_its_id() -> None:
    vendor = Vendor([{}])
    vendor.lists.delete_vocabulary("vocab-abc-1")
    assert vendor.bodies[0]["input"] == {"action": "delete_vocabulary", "vocabulary_id": "vocab-abc-1"}


def test_a_request_about_a_list_leaves_time_for_the_submission_after_it() -> None:
    vendor = Vendor([listed()])
    vendor.lists.list_vocabularies()
    assert [(each["connect"], each["read"]) for each in vendor.timeouts] == [(3.0, 8.0)]
