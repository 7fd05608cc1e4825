"""Models and parameters that are newer than this release, and options about which the vendor's pages disagree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE, FAMILIES, Endpoint, Region
from dashscribe.domain.recognition.model_names import find_family
from dashscribe.domain.recognition.option_resolution import MODEL_KEY, PARAMETERS_KEY
from dashscribe.domain.recognition.option_warnings import PARAMETERS_NOT_CHECKED, VENDOR_PAGES_DISAGREE
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.requests import build_recognition_request, build_task_request
from tests.unit.domain.recognition.resolving import FILETRANS, FLASH, FUN_FLASH, OMNI, profile, profile_faults, resolve

SIGNED = "https://m.s3.us-east-1.amazonaws.com/a.wav?X-Amz-Signature=1"
Json = dict[str, Any]


def task_body(options: Options) -> Json:
    return build_task_request(options.spec, [SIGNED], options.parameters).body


def warnings_of(options: Options) -> list[tuple[str, str]]:
    return list(zip(options.warnings, options.warning_messages, strict=True))


# extra_parameters


def test_extra_parameters_of_a_profile_are_sent_unchanged() -> None:
    extra = {"new_switch": {"a": [1, None], "b": None}, "channel_id": "all"}
    options = resolve(profiles=profile(parameters={"channel_id": [0]}, extra_parameters=extra))
    assert task_body(options)["parameters"] == extra
    assert options.warnings == ()


def test_extra_parameters_of_an_upload_replace_those_of_its_profile() -> None:
    profiles = profile(extra_parameters={"a": 1})
    assert task_body(resolve(profiles=profiles))["parameters"] == {"a": 1}
    own = {PARAMETERS_KEY: '{"extra_parameters": {"b": 2}}'}
    assert task_body(resolve(own, profiles=profiles))["parameters"] == {"b": 2}
    off = {PARAMETERS_KEY: '{"extra_parameters": null}'}
    assert task_body(resolve(off, profiles=profiles))["parameters"] == {}


def test_extra_parameters_do_not_apply_to_another_model_or_to_the_fallback_model() -> None:
    profiles = profile(model=FLASH, fallback_model=FILETRANS, extra_parameters={"a": 1})
    fallback = resolve(profiles=profiles).with_fallback_model()
    assert task_body(fallback)["parameters"] == {}
    assert task_body(resolve({MODEL_KEY: "fun-asr"}, profiles=profiles))["parameters"] == {}


@pytest.mark.parametrize(
    ("model", "endpoint"), [(FLASH, "dashscope"), (FLASH, "openai"), (FUN_FLASH, "dashscope"), (OMNI, "openai")]
)
def test_extra_parameters_of_a_call_are_where_its_parameters_are(model: str, endpoint: str) -> None:
    extra = {"new_switch": True, "model": "other", "stream": "no"}
    options = resolve(profiles=profile(model=model, endpoint=endpoint, extra_parameters=extra))
    body = build_recognition_request(options, SIGNED, "wav").body
    if Endpoint(endpoint) is Endpoint.OPENAI:
        assert (body["new_switch"], body["model"], body["stream"]) == (True, model, options.stream)
    else:
        assert extra.items() <= body["parameters"].items()
        assert body["model"] == model


# models that are not in the catalogue


def test_unknown_parameters_of_a_model_with_a_declared_family_are_sent_with_a_warning() -> None:
    fields: Json = {"model": "fun-asr-next", "family": "fun-asr", "parameters": {"speed": 2, "channel_id": [1]}}
    options = resolve(profiles=profile(**fields, extra_parameters={"speed": 3, "mood": "calm"}))
    assert task_body(options)["parameters"] == {"channel_id": [1], "speed": 3, "mood": "calm"}
    [(code, message)] = warnings_of(options)
    assert code == PARAMETERS_NOT_CHECKED
    assert "mood, speed of fun-asr-next are sent without a check" in message


def test_invalid_values_of_a_model_with_a_declared_family_are_refused() -> None:
    fields: Json = {"model": "fun-asr-next", "family": "fun-asr", "parameters": {"channel_id": 1, "speed": 2}}
    [fault] = profile_faults(fields)
    assert "'channel_id' is 1" in fault


def test_unknown_parameters_of_a_model_in_the_catalogue_are_refused() -> None:
    [fault] = profile_faults({"model": "fun-asr", "parameters": {"speed": 2}})
    assert "'speed' is not known to fun-asr" in fault


def test_a_fallback_model_can_be_newer_than_the_release() -> None:
    fields: Json = {"model": FLASH, "fallback_model": "next-asr", "fallback_family": "qwen3-asr-filetrans"}
    own = {"speed": 2, "enable_words": True}
    options = resolve(profiles=profile(**fields, fallback_parameters=own)).with_fallback_model()
    assert task_body(options) == {"model": "next-asr", "input": {"file_url": SIGNED}, "parameters": own}
    assert [code for code, _ in warnings_of(options)] == [PARAMETERS_NOT_CHECKED]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"fallback_family": "fun-asr"}, "'fallback_family' needs 'fallback_model'"),
        ({"fallback_model": "next-asr"}, "(option 'fallback_family')"),
        ({"fallback_model": "next-asr", "fallback_family": "whisper"}, "Family 'whisper' of the model 'next-asr'"),
        ({"fallback_model": "fun-asr", "fallback_family": "paraformer"}, "leave 'fallback_family' out"),
        ({"fallback_model": "next-asr", "fallback_family": "qwen-omni"}, "which is synchronous"),
    ],
)
def test_a_wrong_family_of_a_fallback_model_is_refused(fields: Json, expected: str) -> None:
    [fault] = profile_faults({"model": FLASH, **fields})
    assert expected in fault


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("qwen3-omni-flash-2025-12-01", "qwen-omni"),
        ("qwen3.5-omni-plus", "qwen-omni"),
        ("qwen3.5-omni-plus-2026-03-15", "qwen-omni"),
        ("qwen4-omni-flash", "qwen-omni"),
        ("qwen-omni-turbo-latest", "qwen-omni"),
        ("fun-asr-2027-01-01", "fun-asr"),
        ("fun-asr-mtl-2027-01-01", "fun-asr"),
        ("fun-asr-flash-2027-01-01", "fun-asr-flash"),
        ("paraformer-v3", "paraformer"),
        ("qwen3-asr-flash-2027-01-01", "qwen3-asr-flash"),
        ("qwen3-asr-flash-2027-01-01-us", "qwen3-asr-flash"),
        ("qwen3-asr-flash-filetrans-2027-01-01", "qwen3-asr-filetrans"),
        ("qwen4-asr-flash-filetrans-us", "qwen3-asr-filetrans"),
        ("qwen-audio-3.2-asr-flash-filetrans", "qwen-audio-filetrans"),
        ("qwen-audio-4-asr-flash", "qwen-audio-flash"),
    ],
)
def test_a_newer_model_is_recognised_by_the_form_of_its_name(model: str, family: str) -> None:
    options = resolve({MODEL_KEY: model})
    assert (options.model, options.family, options.spec.parameters) == (model, family, FAMILIES[family].parameters)
    assert options.spec.price(Region.INTERNATIONAL) is None


@pytest.mark.parametrize(
    "model", ["whisper", "fun-asr-next", "fun-asr-2027", "omni", "qwen-audio-3.1-asr-flash-message", "fun-asr\n", ""]
)
def test_a_name_of_another_form_has_no_family(model: str) -> None:
    assert find_family(model) == ""


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_form_of_a_catalogued_name_means_its_own_family(name: str) -> None:
    assert find_family(name) in ("", CATALOGUE[name].family)


# options about which the vendor's pages disagree


@pytest.mark.parametrize(
    ("model", "parameters", "region", "part"),
    [
        ("fun-asr", {"disfluency_removal_enabled": True}, Region.INTERNATIONAL, "takes disfluency_removal_enabled"),
        ("fun-asr", {"language_hints": ["de"]}, Region.INTERNATIONAL, "has the language code de"),
        ("fun-asr", {"language_hints": ["ko"]}, Region.INTERNATIONAL, "has the language code ko"),
        ("fun-asr-2025-11-07", {"language_hints": ["sv"]}, Region.INTERNATIONAL, "has the language code sv"),
        ("fun-asr-mtl", {"language_hints": ["sl"]}, Region.BEIJING, "has the language code sl"),
        (FILETRANS, {}, Region.US, "is available in the region us"),
    ],
)
def test_what_one_page_allows_is_accepted_with_a_warning(
    model: str, parameters: Json, region: Region, part: str
) -> None:
    options = resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=region)
    assert task_body(options)["parameters"] == parameters
    [(code, message)] = warnings_of(options)
    assert code == VENDOR_PAGES_DISAGREE
    assert f"{model} {part}" in message


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("paraformer-v2", {"disfluency_removal_enabled": True}),
        ("fun-asr", {"language_hints": ["ja"]}),
        ("fun-asr-mtl", {"language_hints": ["ko"]}),
        ("fun-asr-2025-08-25", {"language_hints": ["en"]}),
        (FILETRANS, {"language": "de"}),
    ],
)
def test_what_no_page_denies_is_accepted_without_a_warning(model: str, parameters: Json) -> None:
    options = resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=Region.BEIJING)
    assert options.warnings == ()


def test_a_chat_model_in_the_us_is_accepted_with_a_warning() -> None:
    options = resolve({MODEL_KEY: "qwen3.8-omni-flash"}, region=Region.US)
    [(code, message)] = warnings_of(options)
    assert code == VENDOR_PAGES_DISAGREE
    assert "has an OpenAI-compatible endpoint" in message


# phrase hotwords


@pytest.mark.parametrize("model", ["paraformer-v1", "fun-asr"])
def test_phrase_hotwords_are_sent_as_resources_outside_the_parameters(model: str) -> None:
    listed = {"phrase_id": "p-1", "resources": [{"resource_id": "p-2"}], "channel_id": [0]}
    body = task_body(resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(listed)}, region=Region.OTHER))
    assert body["parameters"] == {"channel_id": [0]}
    assert body["resources"] == [
        {"resource_id": "p-1", "resource_type": "asr_phrase"},
        {"resource_id": "p-2", "resource_type": "asr_phrase"},
    ]
    assert "resources" not in task_body(resolve({MODEL_KEY: model}, region=Region.OTHER))
