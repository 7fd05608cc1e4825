from __future__ import annotations

import json

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE, Region, RequestShape, region_of
from dashscribe.domain.recognition.media import MAX_SIZE_BYTES
from dashscribe.domain.recognition.parameters import FunAsrParameters


@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        ("https://dashscope-intl.aliyuncs.com", Region.INTERNATIONAL),
        ("https://DASHSCOPE-INTL.aliyuncs.com:443/", Region.INTERNATIONAL),
        ("https://dashscope.aliyuncs.com", Region.BEIJING),
        ("https://dashscope-us.aliyuncs.com", Region.US),
        ("https://ws-1.ap-southeast-1.maas.aliyuncs.com", Region.INTERNATIONAL),
        ("https://ws-1.cn-beijing.maas.aliyuncs.com", Region.BEIJING),
        ("https://ws-1.us-east-1.maas.aliyuncs.com", Region.US),
    ],
)
def test_the_region_of_a_vendor_host_is_known(base_url: str, region: Region) -> None:
    assert region_of(base_url) is region


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8080",
        "https://dashscope.aliyuncs.com.evil.example",
        "https://ws-1.mars-1.maas.aliyuncs.com",
        "https://ws-1.maas.aliyuncs.com",
        "https://.maas.aliyuncs.com",
        "not a url",
        "",
    ],
)
def test_an_unknown_host_has_the_region_other(base_url: str) -> None:
    assert region_of(base_url) is Region.OTHER


def test_four_seconds_of_fun_asr_cost_the_documented_amount() -> None:
    price = CATALOGUE["fun-asr"].price(Region.INTERNATIONAL)
    assert price is not None
    assert 4 * price == pytest.approx(0.00014)


@pytest.mark.parametrize("name", [name for name in CATALOGUE if CATALOGUE[name].usd_per_second])
def test_a_price_estimate_for_an_unknown_region_is_never_too_low(name: str) -> None:
    spec = CATALOGUE[name]
    assert (spec.price(Region.OTHER) or 0) >= max(spec.price(region) or 0 for region in spec.regions) > 0


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_model_has_a_language_parameter_exactly_if_it_has_a_language_list(name: str) -> None:
    spec = CATALOGUE[name]
    assert bool(spec.parameters.find_languages({})) == (spec.languages != ())


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_parameter_has_a_description(name: str) -> None:
    assert all(field.description for field in CATALOGUE[name].parameters.model_fields.values())


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name.startswith("paraformer")])
def test_paraformer_is_available_in_beijing_only_at_twenty_submissions_a_second(name: str) -> None:
    spec = CATALOGUE[name]
    assert (spec.regions, spec.submit_requests_per_second) == (frozenset({Region.BEIJING}), 20.0)


@pytest.mark.parametrize("name", [name for name in CATALOGUE if CATALOGUE[name].family == "fun-asr"])
def test_fun_asr_is_available_in_singapore_and_beijing_at_ten_submissions_a_second(name: str) -> None:
    spec = CATALOGUE[name]
    assert (spec.regions, spec.submit_requests_per_second) == (
        frozenset({Region.INTERNATIONAL, Region.BEIJING}),
        10.0,
    )


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_model_has_the_limits_of_its_kind_of_request(name: str) -> None:
    spec = CATALOGUE[name]
    limits = (spec.max_files_per_task, spec.max_size_bytes, spec.max_duration_seconds)
    if spec.family == "qwen-omni":
        assert limits == (1, None, None)  # no page of the vendor has a limit
    elif spec.is_synchronous:
        assert limits == (1, 10 * 1024**2, 300)
    else:
        assert limits == (1 if spec.shape is RequestShape.FILE_URL else 100, MAX_SIZE_BYTES, 43_200)


def test_only_paraformer_v2_of_its_family_has_language_hints_and_cantonese() -> None:
    family = [spec for spec in CATALOGUE.values() if spec.family == "paraformer"]
    assert [(spec.name, "yue" in spec.languages) for spec in family if spec.languages] == [("paraformer-v2", True)]


def test_a_parameter_that_was_not_given_is_not_sent() -> None:
    assert FunAsrParameters(channel_id=[0]).to_request_parameters() == {"channel_id": [0]}


@pytest.mark.parametrize("as_text", [False, True])
def test_a_word_filter_is_sent_as_a_json_string(as_text: bool) -> None:
    words = {"filter_with_signed": {"word_list": ["天气", "a'b"]}, "system_reserved_filter": True}
    given = json.dumps(words) if as_text else words
    sent = FunAsrParameters.model_validate({"special_word_filter": given}).to_request_parameters()
    assert isinstance(sent["special_word_filter"], str)
    assert json.loads(sent["special_word_filter"]) == words
