"""Resolve the options of one upload from defaults, profiles and metadata."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import CATALOGUE, Region
from dashscribe.domain.recognition.option_resolution import (
    METADATA_KEYS,
    MODEL_KEY,
    PARAMETERS_KEY,
    PROFILE_KEY,
    resolve_options,
)
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS
from dashscribe.errors import InvalidOptions
from tests.unit.domain.recognition.resolving import (
    ANY_JSON,
    resolve,
)


def encoded_word(text: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def test_an_upload_without_options_gets_the_stacks_defaults() -> None:
    assert resolve() == Options(
        profile="default", model="fun-asr", family="fun-asr", parameters={}, outputs=DEFAULT_OUTPUTS
    )


def test_a_profile_named_default_applies_to_uploads_that_no_rule_matches() -> None:
    profiles = Profiles.parse('{"profiles": {"default": {"model": "fun-asr-mtl"}}}')
    assert resolve(profiles=profiles).model == "fun-asr-mtl"


def test_the_first_rule_that_matches_wins() -> None:
    assert resolve(key="calls/board/a.wav").profile == "calls"


def test_a_rule_with_special_characters_matches_the_raw_key() -> None:
    assert resolve(key="会议 +%/a.wav").profile == "meetings"
    assert resolve(key="%E4%BC%9A%E8%AE%AE+%2B%25/a.wav").profile == "default"


def test_a_profile_in_the_metadata_overrides_the_prefix_rule() -> None:
    options = resolve({PROFILE_KEY: "meetings"}, key="calls/a.wav")
    assert options == Options(
        profile="meetings",
        model="fun-asr",
        family="fun-asr",
        parameters={"diarization_enabled": True},
        outputs=DEFAULT_OUTPUTS,
    )


def test_a_model_in_the_metadata_overrides_the_profiles_model() -> None:
    assert resolve({MODEL_KEY: "fun-asr-2025-11-07"}, key="calls/a.wav").model == "fun-asr-2025-11-07"


def test_each_parameter_in_the_metadata_overrides_that_of_the_profile() -> None:
    options = resolve({PARAMETERS_KEY: '{"channel_id": [1]}'}, key="calls/a.wav")
    assert options.parameters == {"channel_id": [1], "vocabulary_id": "v-1"}


def test_metadata_with_other_names_is_ignored() -> None:
    assert resolve({"author": "me", "dashscribed": "x"}) == resolve()


def test_blank_metadata_is_ignored() -> None:
    assert resolve({PROFILE_KEY: " ", MODEL_KEY: "", PARAMETERS_KEY: "  "}) == resolve()


def test_metadata_that_s3_returns_as_an_encoded_word_is_decoded() -> None:
    name = "客服 通话"
    profiles = Profiles.parse(json.dumps({"profiles": {name: {}}}))
    metadata = {PROFILE_KEY: encoded_word(name), MODEL_KEY: "=?UTF-8?Q?fun-asr-mtl?="}
    assert resolve(metadata, profiles=profiles) == Options(
        profile=name, model="fun-asr-mtl", family="fun-asr", parameters={}, outputs=DEFAULT_OUTPUTS
    )


def test_metadata_with_a_byte_order_mark_is_read() -> None:
    metadata = {MODEL_KEY: "\ufefffun-asr-mtl", PARAMETERS_KEY: encoded_word('\ufeff{"channel_id": [0]}')}
    options = resolve(metadata)
    assert (options.model, options.parameters) == ("fun-asr-mtl", {"channel_id": [0]})


def test_long_metadata_in_several_encoded_words_is_decoded() -> None:
    text = json.dumps({"special_word_filter": {"filter_with_empty": {"word_list": ["那个"] * 40}}}, ensure_ascii=False)
    split = " ".join(encoded_word(text[start : start + 20]) for start in range(0, len(text), 20))
    sent = resolve({PARAMETERS_KEY: split}).parameters["special_word_filter"]
    assert sent["filter_with_empty"]["word_list"] == ["那个"] * 40


@pytest.mark.parametrize("text", ["{", "channel_id=0", "[" * 5000, "9" * 5000 + "x", "{'channel_id': [0]}"])
def test_parameters_that_are_not_json_are_refused_and_quoted_shortened(text: str) -> None:
    with pytest.raises(InvalidOptions, match="dashscribe-parameters is not JSON") as refused:
        resolve({PARAMETERS_KEY: text})
    assert text[:10] in str(refused.value)
    assert len(str(refused.value)) < 300


def test_an_invalid_parameter_in_the_profile_is_refused() -> None:
    with pytest.raises(InvalidOptions, match="chanel"):
        resolve(profiles=Profiles.parse('{"profiles": {"default": {"parameters": {"chanel": 1}}}}'))


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: "whisper"})
    assert refused.value.code == "UNKNOWN_MODEL"
    assert "'whisper'" in str(refused.value)
    assert all(name in str(refused.value) for name in CATALOGUE)


def test_an_unknown_profile_is_refused_with_the_existing_ones() -> None:
    with pytest.raises(InvalidOptions, match=r"'call' .* calls, default, meetings"):
        resolve({PROFILE_KEY: "call"})


def test_a_misspelled_metadata_name_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({"dashscribe-modle": "fun-asr"})
    assert "'dashscribe-modle'" in str(refused.value)
    assert all(name in str(refused.value) for name in METADATA_KEYS)


def test_a_model_that_the_region_does_not_have_is_refused_with_its_regions() -> None:
    with pytest.raises(InvalidOptions, match=r"'paraformer-v2' is available in beijing only.*international"):
        resolve({MODEL_KEY: "paraformer-v2"})


@pytest.mark.parametrize("region", [Region.BEIJING, Region.OTHER])
def test_a_model_is_accepted_in_its_regions_and_in_an_unknown_region(region: Region) -> None:
    assert resolve({MODEL_KEY: "paraformer-v2"}, region=region).model == "paraformer-v2"


def test_all_faults_are_reported_together() -> None:
    metadata = {"dashscribe-x": "1", PROFILE_KEY: "nope", PARAMETERS_KEY: '{"channel_id": 0, "speed": 2}'}
    with pytest.raises(InvalidOptions) as refused:
        resolve(metadata)
    assert len(refused.value.faults) == 4
    assert all(name in str(refused.value) for name in ("'dashscribe-x'", "'nope'", "'channel_id'", "'speed'"))


NAMES = st.sampled_from(sorted({name for spec in CATALOGUE.values() for name in spec.parameters.model_fields}))
ENCODED = st.builds(
    "=?{}?{}?{}?=".format,
    st.sampled_from(["utf-8", "us-ascii", "gb2312", "idna", "punycode", "base64", "utf-16", "nonsense", ""]),
    st.sampled_from("bqBQx"),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
WORDS = st.text(max_size=20) | ENCODED | st.sampled_from(sorted(CATALOGUE))
PARAMETERS = st.dictionaries(NAMES | st.text(max_size=8), ANY_JSON, max_size=4) | ANY_JSON
METADATA = st.fixed_dictionaries(
    {},
    optional={
        PROFILE_KEY: WORDS | st.sampled_from(["calls", "meetings"]),
        MODEL_KEY: WORDS,
        PARAMETERS_KEY: WORDS | PARAMETERS.map(json.dumps),
        "dashscribe-other": WORDS,
    },
)


@settings(max_examples=300, deadline=None)
@given(METADATA, st.sampled_from(Region))
def test_any_metadata_is_resolved_or_refused_with_a_reason(metadata: dict[str, str], region: Region) -> None:
    faults: list[str] = []
    try:
        options = resolve(metadata, region=region)
    except InvalidOptions as refused:
        faults = refused.faults
        options = None
    assert (options is None) == bool(faults)
    assert all(fault.endswith(".") for fault in faults)
    assert options is None or set(options.parameters) <= set(options.spec.parameters.model_fields)


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "channel_id": st.lists(st.integers(0, 31), min_size=1, unique=True),
            "language_hints": st.lists(st.sampled_from(CATALOGUE["fun-asr"].languages or ()), min_size=1),
            "vocabulary_id": st.text(min_size=1),
            "speech_noise_threshold": st.floats(1e-100, 1e100) | st.floats(-1e100, -1e-100) | st.just(0.0),
            "special_word_filter": st.fixed_dictionaries(
                {"filter_with_empty": st.fixed_dictionaries({"word_list": st.lists(st.text())})}
            ),
        },
    )
)
def test_effective_options_resolve_to_themselves(parameters: dict[str, Any]) -> None:
    options = resolve({PARAMETERS_KEY: json.dumps(parameters)})
    assert set(options.parameters) == set(parameters)
    assert resolve({PARAMETERS_KEY: json.dumps(options.parameters)}) == options


@pytest.mark.parametrize(
    "metadata",
    [
        {"dashscribe-parameters": '{"special_word_filter": {"filter_with_signed": {"word_list": ["\\ud800"]}}}'},
        {
            "dashscribe-parameters": json.dumps(
                {"special_word_filter": '{"filter_with_empty": {"word_list": ["\\ud800"]}}'}
            )
        },
        {"dashscribe-parameters": '{"language_hints": ["\\ud800"]}'},
        {"dashscribe-parameters": '{"special_word_filter": "' + "[" * 1500 + '"}'},
        {"dashscribe-model": "=?\u4e2d?q?zz?="},
        {"dashscribe-parameters": '{"speech_noise_threshold": true}'},
    ],
)
def test_hostile_metadata_is_refused_with_a_message_that_can_be_published(metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve_options("a.wav", metadata, Profiles(), default_model="fun-asr", region=Region.OTHER)
    assert str(refused.value).encode()


CALLS_BY_SPEAKER = """{"profiles": {"default": {"parameters":
    {"diarization_enabled": true, "speaker_count": 2, "channel_id": [0]}}}}"""


@pytest.mark.parametrize("switch", ["false", "null"])
def test_diarization_switched_off_by_an_upload_drops_the_number_of_speakers_of_the_profile(switch: str) -> None:
    given = {PARAMETERS_KEY: f'{{"diarization_enabled": {switch}}}'}
    parameters = resolve(given, profiles=Profiles.parse(CALLS_BY_SPEAKER)).parameters
    assert "speaker_count" not in parameters
    assert not parameters.get("diarization_enabled")
    assert parameters["channel_id"] == [0]


def test_null_removes_a_parameter_of_the_profile() -> None:
    given = {PARAMETERS_KEY: '{"speaker_count": null, "channel_id": null}'}
    assert resolve(given, profiles=Profiles.parse(CALLS_BY_SPEAKER)).parameters == {"diarization_enabled": True}


def test_an_upload_that_contradicts_itself_is_still_refused() -> None:
    with pytest.raises(InvalidOptions, match="speaker_count needs"):
        resolve({PARAMETERS_KEY: '{"diarization_enabled": false, "speaker_count": 2}'})
