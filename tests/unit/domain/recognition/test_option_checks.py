"""Which parameters, models and regions are refused, and the text of the reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE, Region, region_of
from dashscribe.domain.recognition.option_resolution import MODEL_KEY, PARAMETERS_KEY
from dashscribe.errors import InvalidOptions
from tests.unit.domain.recognition.resolving import (
    AUDIO,
    AUDIO_FILETRANS,
    FILETRANS,
    FLASH,
    FUN_FLASH,
    OMNI,
    TURN,
    profile,
    profile_faults,
    refusal,
    resolve,
)


def test_an_unknown_parameter_is_refused_with_the_allowed_names() -> None:
    reason = refusal({"chanel_id": [0]})
    assert "'chanel_id'" in reason
    assert all(name in reason for name in CATALOGUE["fun-asr"].parameters.model_fields)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"channel_id": 0}, ["'channel_id' is 0", "list"]),
        ({"channel_id": []}, ["'channel_id' is []", "at least 1"]),
        ({"channel_id": [0, -1]}, ["'channel_id.1' is -1", "greater than or equal to 0"]),
        ({"channel_id": [True]}, ["'channel_id.0' is true", "integer"]),
        ({"channel_id": ["0"]}, ["'channel_id.0' is '0'", "integer"]),
        ({"channel_id": [1, 1]}, ["'channel_id' is [1, 1]", "billed twice"]),
        ({"diarization_enabled": "yes"}, ["'diarization_enabled' is 'yes'", "boolean"]),
        ({"diarization_enabled": True, "speaker_count": 1}, ["'speaker_count' is 1", "2 to 100"]),
        ({"diarization_enabled": True, "speaker_count": 101}, ["'speaker_count' is 101", "2 to 100"]),
        ({"diarization_enabled": False, "speaker_count": 2}, ["speaker_count needs diarization_enabled"]),
        ({"speaker_count": 2}, ["speaker_count needs diarization_enabled"]),
        ({"diarization_enabled": True, "channel_id": [0, 1]}, ["one channel", "names 2"]),
        ({"language_hints": "en"}, ["'language_hints' is 'en'", "list"]),
        ({"language_hints": ["en", "klingon"]}, ['["klingon"]', "zh, en, ja"]),
        ({"language_hints": [["en"]]}, ["'language_hints.0'", "string"]),
        ({"vocabulary_id": ""}, ["'vocabulary_id' is ''"]),
        ({"special_word_filter": "{"}, ["'special_word_filter' is '{'", "not a JSON object"]),
        ({"special_word_filter": {"filter_with_sign": {}}}, ["'special_word_filter.filter_with_sign'"]),
        ({"speech_noise_threshold": float("nan")}, ["'speech_noise_threshold' is NaN", "finite"]),
        ([0], ["[0]", "JSON object"]),
        ("x" * 500, ["JSON object"]),
    ],
)
def test_an_invalid_parameter_is_refused_with_what_was_given_and_what_is_allowed(
    parameters: object, expected: list[str]
) -> None:
    reason = refusal(parameters)
    assert [part for part in expected if part not in reason] == []
    assert len(reason) < 600


@pytest.mark.parametrize(
    "parameters",
    [
        {"channel_id": [0, 31]},
        {"diarization_enabled": True, "speaker_count": 2},
        {"diarization_enabled": True, "speaker_count": 100, "channel_id": [1]},
        {"diarization_enabled": False, "channel_id": [0, 1]},
        {"language_hints": ["en"], "vocabulary_id": "v", "speech_noise_threshold": -0.5},
    ],
)
def test_parameters_at_the_limits_are_accepted_unchanged(parameters: dict[str, Any]) -> None:
    assert resolve({PARAMETERS_KEY: json.dumps(parameters)}).parameters == parameters


def test_a_parameter_of_another_model_is_refused() -> None:
    assert "'language_hints' is not known to paraformer-8k-v2" in refusal(
        {"language_hints": ["zh"]}, "paraformer-8k-v2"
    )
    assert "'timestamp_alignment_enabled'" in refusal({"timestamp_alignment_enabled": True}, "fun-asr")


def test_a_language_of_another_model_is_refused() -> None:
    assert "zh, en." in refusal({"language_hints": ["ja"]}, "fun-asr-2025-08-25")
    assert "yue" in refusal({"language_hints": ["yue"]}, "fun-asr")


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("paraformer-v2", {"disfluency_removal_enabled": 1}, ["'disfluency_removal_enabled' is 1", "boolean"]),
        ("paraformer-v2", {"timestamp_alignment_enabled": "on"}, ["'timestamp_alignment_enabled' is 'on'", "boolean"]),
        ("paraformer-v2", {"language_hints": ["es"]}, ['["es"]', "zh, en, ja, yue, ko, de, fr, ru."]),
        ("paraformer-8k-v2", {"speaker_count": 2}, ["speaker_count needs diarization_enabled"]),
        (FILETRANS, {"language": ["en"]}, ["'language' is [\"en\"]", "string", "one language code"]),
        (FILETRANS, {"language": "EN"}, ['["EN"]', "zh, yue, en"]),
        (FILETRANS, {"language": ""}, ['[""]', "zh, yue, en"]),
        (FILETRANS, {"enable_itn": "true"}, ["'enable_itn' is 'true'", "boolean"]),
        (FILETRANS, {"enable_itn": True, "language": "ja"}, ["enable_itn works for zh, en only", "'ja'"]),
        (FILETRANS, {"enable_words": True, "language": "ar"}, ["enable_words works for zh, en, ja, ko", "'ar'"]),
        (FILETRANS, {"text": ""}, ["'text' is ''", "at least 1"]),
        (FILETRANS, {"text": "x" * 65_537}, ["'text' is 'xxx", "65536 characters"]),
        (FILETRANS, {"diarization_enabled": True}, ["'diarization_enabled' is not known to", "channel_id, language"]),
        (FILETRANS, {"channel_id": [10**38]}, ["'channel_id' has the number 1000000", "at most 38 digits"]),
        (AUDIO_FILETRANS, {"language_hints": ["zh", "en", "ja", "ko", "vi"]}, ["'language_hints'", "at most 4"]),
        (AUDIO_FILETRANS, {"language_hints": ["et"]}, ['["et"]', "zh, en, ja"]),
        (AUDIO_FILETRANS, {"vocabulary": {}}, ["'vocabulary' is {}", "at least 1"]),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 0}}, ["'vocabulary.a' is 0", "1 to 5, or 50"]),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 6, "b": 49}}, ["the weights [6, 49]", "1 to 5, or 50"]),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 51}}, ["'vocabulary.a' is 51", "less than or equal to 50"]),
        (AUDIO_FILETRANS, {"vocabulary": {f"w{n}": 50 for n in range(51)}}, ["51 words of weight 50", "at most 50"]),
        (FLASH, {"language": "en"}, ["'language' is not known to", "asr_options, context"]),
        (FLASH, {"asr_options": {"language": 7}}, ["'asr_options.language' is 7", "string"]),
        (FLASH, {"asr_options": {"language": "klingon"}}, ["'asr_options.language'", '["klingon"]', "zh, yue, en"]),
        (FLASH, {"asr_options": {"enable_lid": "yes"}}, ["'asr_options.enable_lid' is 'yes'", "boolean"]),
        (FLASH, {"asr_options": {"enable_lib": True}}, ["'asr_options.enable_lib'", "`language`"]),
        (FLASH, {"asr_options": {"enable_itn": True, "language": "fr"}}, ["enable_itn works for zh, en", "'fr'"]),
        (FLASH, {"context": [TURN]}, ["'context' is [", "string"]),
        (FUN_FLASH, {"language_hints": ["zh", "en"]}, ["'language_hints'", "at most 1"]),
        (FUN_FLASH, {"vocabulary": {"a": 1}}, ["'vocabulary' is not known to"]),
        (FUN_FLASH, {"format": ""}, ["'format' is ''", "mkv", "wav"]),
        (FUN_FLASH, {"sample_rate": "16 kHz"}, ["'sample_rate' is '16 kHz'", "in Hz"]),
        (FUN_FLASH, {"sample_rate": 0}, ["'sample_rate' is '0'", "in Hz"]),
        (FUN_FLASH, {"sample_rate": True}, ["'sample_rate' is true", "string"]),
        (FUN_FLASH, {"context": ""}, ["'context.0.text' is ''", "at least 1"]),
        (FUN_FLASH, {"context": [{"role": "system", "text": "a"}]}, ["'context.0.role' is 'system'", "'assistant'"]),
        (FUN_FLASH, {"context": [TURN | {"name": "a"}]}, ["'context.0.name' is 'a'", "`{"]),
        (AUDIO, {"language_hints": ["zh", "en", "ja", "ko", "vi"]}, ["'language_hints'", "at most 4"]),
        (AUDIO, {"vocabulary": {"a": 7}}, ["the weights [7]"]),
        (OMNI, {"prompt": ""}, ["'prompt' is ''", "at least 1"]),
        (OMNI, {"temperature": "hot"}, ["'temperature' is 'hot'", "number"]),
        (OMNI, {"max_tokens": 0}, ["'max_tokens' is 0", "greater than or equal to 1"]),
        (OMNI, {"enable_thinking": 1}, ["'enable_thinking' is 1", "boolean"]),
        ("paraformer-v1", {"vocabulary_id": "v"}, ["'vocabulary_id' is not known to paraformer-v1", "phrase_id"]),
        ("fun-asr", {"extra_parameters": [1]}, ["'extra_parameters' is [1]", "dictionary"]),
        ("fun-asr", {"extra_parameters": {"a": [{"b": 1e200}]}}, ["'extra_parameters' has the number 1e+200"]),
        ("fun-asr", {"resources": [{"resource_id": ""}]}, ["'resources.0.resource_id' is ''"]),
        (OMNI, {"asr_options": {}}, ["'asr_options' is not known to", "prompt, context, temperature"]),
    ],
)
def test_an_invalid_parameter_of_any_family_is_refused_in_one_sentence(
    model: str, parameters: dict[str, Any], expected: list[str]
) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=Region.OTHER)
    [sentence] = refused.value.faults
    assert [part for part in expected if part not in sentence] == []
    assert sentence.endswith(".")
    assert len(sentence) < 600


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("paraformer-v2", {"language_hints": ["zh", "yue"], "disfluency_removal_enabled": True}),
        ("paraformer-8k-v1", {"timestamp_alignment_enabled": False, "phrase_id": "p"}),
        ("paraformer-8k-v2", {"timestamp_alignment_enabled": False, "vocabulary_id": "v"}),
        ("fun-asr", {"channel_id": [0, 40], "audio_event_detection_enabled": True}),
        ("fun-asr", {"resources": [{"resource_id": "p", "resource_type": "asr_phrase"}]}),
        ("fun-asr", {"extra_parameters": {"new": {"a": [1, None]}, "channel_id": 7}}),
        (FILETRANS, {"language": "zh", "enable_itn": True, "enable_words": True, "text": "x" * 10_000}),
        (FILETRANS, {"language": "ar", "enable_itn": False, "enable_words": False, "channel_id": [0, 1]}),
        (FILETRANS, {"enable_itn": True, "enable_words": True}),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 1, "b": 5, "c": 50}, "context": [TURN] * 5}),
        (AUDIO_FILETRANS, {"language_hints": ["zh", "en", "ja", "ko"], "diarization_enabled": True}),
        (FLASH, {"asr_options": {"language": "fil"}, "context": "Names"}),
        (FLASH, {"asr_options": {"language": "en", "enable_itn": True}}),
        (FLASH, {"asr_options": {}}),
        (FLASH, {"asr_options": {"enable_lid": True}}),
        (FUN_FLASH, {"format": "mp4", "language_hints": ["yue"]}),
        (FUN_FLASH, {"language_hints": ["tl"], "sample_rate": "16000", "format": "opus", "vocabulary_id": "v"}),
        (AUDIO, {"language_hints": ["zh", "en", "ja", "ko"], "vocabulary": {"a": 50}}),
        (OMNI, {"prompt": "Sing it.", "temperature": 0.0, "context": "A choir."}),
        (OMNI, {"temperature": 2.5, "top_p": 0.5, "max_tokens": 9, "enable_thinking": False}),
    ],
)
def test_valid_parameters_of_any_family_are_kept_unchanged(model: str, parameters: dict[str, Any]) -> None:
    kept = resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=Region.OTHER)
    assert kept.parameters == parameters
    assert resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(kept.parameters)}, region=Region.OTHER) == kept


def test_a_context_may_be_a_text_and_a_sample_rate_may_be_a_number() -> None:
    parameters = json.dumps({"context": "Bulge Bracket", "sample_rate": 16000})
    assert resolve({MODEL_KEY: FUN_FLASH, PARAMETERS_KEY: parameters}).parameters == {
        "context": [TURN],
        "sample_rate": "16000",
    }


FILIPINO = [("tl", "fil", FILETRANS, "language"), ("fil", "tl", "fun-asr", "language_hints")]


@pytest.mark.parametrize(("given", "meant", "model", "name"), FILIPINO)
def test_filipino_with_the_code_of_another_family_is_refused_with_the_right_code(
    given: str, meant: str, model: str, name: str
) -> None:
    value: object = given if name == "language" else [given]
    assert f"(use {meant} for {given})" in refusal({name: value}, model)
    right: object = meant if name == "language" else [meant]
    assert resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps({name: right})}).parameters == {name: right}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_model_accepts_each_of_its_languages_and_no_other(name: str) -> None:
    spec = CATALOGUE[name]
    [(parameter, _)] = spec.parameters.find_languages({}).items() if spec.languages else [("", [])]

    def given(code: str) -> dict[str, str]:
        wrapped: object = [code] if parameter == "language_hints" else code
        if parameter == "asr_options.language":
            return {MODEL_KEY: name, PARAMETERS_KEY: json.dumps({"asr_options": {"language": code}})}
        return {MODEL_KEY: name, PARAMETERS_KEY: json.dumps({parameter: wrapped})}

    for code in spec.languages or ():
        assert resolve(given(code), region=Region.OTHER).model == name
    if spec.languages:
        with pytest.raises(InvalidOptions, match="does not support"):
            resolve(given("tlh"), region=Region.OTHER)


# all faults at once


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        (
            "fun-asr",
            {"diarization_enabled": True, "channel_id": [0, 1], "speed": 2},
            ["'speed'", "works on one channel"],
        ),
        ("fun-asr", {"speaker_count": 2, "vocabulary_id": 7}, ["'vocabulary_id' is 7", "needs diarization_enabled"]),
        (
            FILETRANS,
            {"language": "ar", "enable_itn": True, "enable_words": True},
            ["enable_itn works for", "enable_words works for"],
        ),
        (
            FILETRANS,
            {"language": "tl", "enable_itn": True, "text": "", "channel_id": [0, 0]},
            ["use fil for tl", "enable_itn works for", "'text' is ''", "billed twice"],
        ),
        (
            FLASH,
            {"asr_options": {"language": "tl", "enable_itn": True}, "context": 7},
            ["'asr_options.language'", "enable_itn works for", "'context' is 7"],
        ),
    ],
)
def test_invalid_values_and_conflicts_are_reported_together(
    model: str, parameters: dict[str, Any], expected: list[str]
) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)})
    assert len(refused.value.faults) == len(expected)
    assert [part for part in expected if sum(part in fault for fault in refused.value.faults) != 1] == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"diarization_enabled": "yes", "speaker_count": 2},
        {"diarization_enabled": True, "channel_id": 0},
        {"diarization_enabled": True, "speaker_count": "2"},
    ],
)
def test_an_invalid_value_is_not_also_reported_as_a_conflict(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({PARAMETERS_KEY: json.dumps(parameters)})
    assert len(refused.value.faults) == 1


def test_the_first_twenty_of_a_thousand_faults_are_reported() -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({PARAMETERS_KEY: json.dumps({f"x{n}": n for n in range(1000)})})
    assert refused.value.faults[-1] == "980 more faults are not shown."
    assert len(refused.value.faults) == 21


CLASSIC_US, US_WORKSPACE = "https://dashscope-us.aliyuncs.com", "https://ws-1.us-east-1.maas.aliyuncs.com"
SINGAPORE_WORKSPACE = "https://ws-1.ap-southeast-1.maas.aliyuncs.com"


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize(
    ("host", "availability"),
    [
        (CLASSIC_US, "US models"),
        (US_WORKSPACE, "US models"),
        ("https://dashscope-intl.aliyuncs.com", "all but US and Paraformer models"),
        (SINGAPORE_WORKSPACE, "all but US and Paraformer models"),
        ("https://dashscope.aliyuncs.com", "all but US models"),
        ("https://ws-1.cn-beijing.maas.aliyuncs.com", "all but US models"),
        ("http://127.0.0.1:8080", "all"),
        ("https://ws-1.eu-central-1.maas.aliyuncs.com", "all"),
    ],
)
def test_a_model_is_refused_exactly_on_the_hosts_that_do_not_have_it(name: str, host: str, availability: str) -> None:
    is_us_model = name.endswith("-us") or name.startswith((FILETRANS, "qwen3.8-omni"))  # the pages disagree
    allowed = {
        "US models": is_us_model,
        "all but US and Paraformer models": not name.endswith("-us") and not name.startswith("paraformer"),
        "all but US models": not name.endswith("-us"),
        "all": True,
    }[availability]
    region = region_of(host)
    if allowed:
        assert resolve({MODEL_KEY: name}, region=region).model == name
        return
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: name}, region=region)
    first = refused.value.faults[0]
    assert first.startswith(f"Model {name!r} is available in ")
    assert f"this stack uses the {region} endpoint" in first


def test_the_us_host_has_no_openai_endpoint_and_no_fallback_to_fun_asr() -> None:
    def us_faults(**fields: object) -> list[str]:
        return profile_faults(fields, Region.US)

    assert "is available on dashscope only" in us_faults(model="qwen3-asr-flash-us", endpoint="openai")[0]
    [no_openai] = us_faults(model="new-us", family="qwen3-asr-flash", endpoint="openai")
    assert no_openai == "The US region has no OpenAI-compatible endpoint (option 'endpoint'); use 'dashscope'."
    [no_tasks] = us_faults(model="qwen3-asr-flash-us", fallback_model="fun-asr")
    assert "'fallback_model': Model 'fun-asr' is available in beijing, international only" in no_tasks
    assert resolve(profiles=profile(model="qwen3-asr-flash-us", stream=True), region=Region.US).stream
