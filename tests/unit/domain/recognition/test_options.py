from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import CATALOGUE, FAMILIES, Endpoint, Region, region_of
from dashscribe.domain.recognition.options import (
    METADATA_KEYS,
    MODEL_KEY,
    PARAMETERS_KEY,
    PROFILE_KEY,
    Fallback,
    Options,
    resolve_options,
)
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.errors import InvalidOptions, ProfilesUnreadable

PROFILES = Profiles.parse(
    """{"profiles": {"calls": {"model": "fun-asr-mtl", "parameters": {"channel_id": [0, 1], "vocabulary_id": "v-1"}},
                     "meetings": {"parameters": {"diarization_enabled": true}}},
        "rules": [{"prefix": "calls/", "profile": "calls"}, {"prefix": "calls/board/", "profile": "meetings"},
                  {"prefix": "会议 +%/", "profile": "meetings"}]}"""
)


def resolve(
    metadata: dict[str, str] | None = None,
    key: str = "talk.wav",
    profiles: Profiles = PROFILES,
    region: Region = Region.INTERNATIONAL,
) -> Options:
    return resolve_options(key, metadata or {}, profiles, default_model="fun-asr", region=region)


def refusal(parameters: object, model: str = "fun-asr") -> str:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=Region.OTHER)
    assert refused.value.code == "INVALID_OPTIONS"
    return str(refused.value)


def encoded_word(text: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def test_an_upload_without_any_option_gets_the_stacks_defaults() -> None:
    assert resolve() == Options(profile="default", model="fun-asr", family="fun-asr", parameters={})


def test_a_profile_named_default_applies_to_uploads_that_no_rule_matches() -> None:
    profiles = Profiles.parse('{"profiles": {"default": {"model": "fun-asr-mtl"}}}')
    assert resolve(profiles=profiles).model == "fun-asr-mtl"


def test_the_first_rule_that_matches_wins() -> None:
    assert resolve(key="calls/board/a.wav").profile == "calls"


def test_a_rule_with_hard_characters_matches_the_raw_key() -> None:
    assert resolve(key="会议 +%/a.wav").profile == "meetings"
    assert resolve(key="%E4%BC%9A%E8%AE%AE+%2B%25/a.wav").profile == "default"


def test_a_profile_in_the_metadata_beats_the_prefix_rule() -> None:
    options = resolve({PROFILE_KEY: "meetings"}, key="calls/a.wav")
    assert options == Options(
        profile="meetings", model="fun-asr", family="fun-asr", parameters={"diarization_enabled": True}
    )


def test_a_model_in_the_metadata_beats_the_profiles_model() -> None:
    assert resolve({MODEL_KEY: "fun-asr-2025-11-07"}, key="calls/a.wav").model == "fun-asr-2025-11-07"


def test_parameters_in_the_metadata_are_laid_over_the_profiles_one_by_one() -> None:
    options = resolve({PARAMETERS_KEY: '{"channel_id": [1]}'}, key="calls/a.wav")
    assert options.parameters == {"channel_id": [1], "vocabulary_id": "v-1"}


def test_other_peoples_metadata_is_left_alone() -> None:
    assert resolve({"author": "me", "dashscribed": "x"}) == resolve()


def test_blank_metadata_is_no_choice() -> None:
    assert resolve({PROFILE_KEY: " ", MODEL_KEY: "", PARAMETERS_KEY: "  "}) == resolve()


def test_metadata_that_s3_returned_as_an_encoded_word_is_read() -> None:
    name = "客服 通话"
    profiles = Profiles.parse(json.dumps({"profiles": {name: {}}}))
    metadata = {PROFILE_KEY: encoded_word(name), MODEL_KEY: "=?UTF-8?Q?fun-asr-mtl?="}
    assert resolve(metadata, profiles=profiles) == Options(
        profile=name, model="fun-asr-mtl", family="fun-asr", parameters={}
    )


def test_long_metadata_that_s3_split_into_several_encoded_words_is_read_as_one() -> None:
    text = json.dumps({"special_word_filter": {"filter_with_empty": {"word_list": ["那个"] * 40}}}, ensure_ascii=False)
    split = " ".join(encoded_word(text[start : start + 20]) for start in range(0, len(text), 20))
    sent = resolve({PARAMETERS_KEY: split}).parameters["special_word_filter"]
    assert sent["filter_with_empty"]["word_list"] == ["那个"] * 40


def test_unknown_parameter_is_refused_with_the_allowed_names() -> None:
    reason = refusal({"chanel_id": [0]})
    assert "'chanel_id'" in reason
    assert all(name in reason for name in CATALOGUE["fun-asr"].parameters.model_fields)


@pytest.mark.parametrize(
    ("parameters", "told"),
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
def test_a_wrong_parameter_is_refused_with_what_was_given_and_what_is_allowed(
    parameters: object, told: list[str]
) -> None:
    reason = refusal(parameters)
    assert [part for part in told if part not in reason] == []
    assert len(reason) < 600


@pytest.mark.parametrize("text", ["{", "channel_id=0", "[" * 5000, "9" * 5000 + "x", "{'channel_id': [0]}"])
def test_parameters_that_are_not_json_are_refused_and_quoted_in_short(text: str) -> None:
    with pytest.raises(InvalidOptions, match="dashscribe-parameters is not JSON") as refused:
        resolve({PARAMETERS_KEY: text})
    assert text[:10] in str(refused.value)
    assert len(str(refused.value)) < 300


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
def test_parameters_at_the_edge_of_what_is_allowed_are_sent_as_given(parameters: dict[str, Any]) -> None:
    assert resolve({PARAMETERS_KEY: json.dumps(parameters)}).parameters == parameters


def test_a_parameter_of_another_model_is_refused() -> None:
    assert "'language_hints' is not known to paraformer-8k-v2" in refusal(
        {"language_hints": ["zh"]}, "paraformer-8k-v2"
    )
    assert "'timestamp_alignment_enabled'" in refusal({"timestamp_alignment_enabled": True}, "fun-asr")


def test_a_language_that_only_another_model_knows_is_refused() -> None:
    assert "zh, en." in refusal({"language_hints": ["ja"]}, "fun-asr-2025-08-25")
    assert "yue" in refusal({"language_hints": ["yue"]}, "fun-asr")


def test_a_wrong_parameter_in_the_profile_is_refused_too() -> None:
    with pytest.raises(InvalidOptions, match="chanel"):
        resolve(profiles=Profiles.parse('{"profiles": {"default": {"parameters": {"chanel": 1}}}}'))


def test_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: "whisper"})
    assert refused.value.code == "UNKNOWN_MODEL"
    assert "'whisper'" in str(refused.value)
    assert all(name in str(refused.value) for name in CATALOGUE)


def test_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOptions, match=r"'call' .* calls, default, meetings"):
        resolve({PROFILE_KEY: "call"})


def test_a_misspelled_metadata_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({"dashscribe-modle": "fun-asr"})
    assert "'dashscribe-modle'" in str(refused.value)
    assert all(name in str(refused.value) for name in METADATA_KEYS)


def test_a_model_that_the_region_does_not_serve_is_refused_with_where_it_is_served() -> None:
    with pytest.raises(InvalidOptions, match=r"'paraformer-v2' is available in beijing only.*international"):
        resolve({MODEL_KEY: "paraformer-v2"})


@pytest.mark.parametrize("region", [Region.BEIJING, Region.OTHER])
def test_a_model_is_accepted_where_it_is_served_and_where_nobody_knows(region: Region) -> None:
    assert resolve({MODEL_KEY: "paraformer-v2"}, region=region).model == "paraformer-v2"


def test_every_fault_is_told_at_once() -> None:
    metadata = {"dashscribe-x": "1", PROFILE_KEY: "nope", PARAMETERS_KEY: '{"channel_id": 0, "speed": 2}'}
    with pytest.raises(InvalidOptions) as refused:
        resolve(metadata)
    assert len(refused.value.faults) == 4
    assert all(name in str(refused.value) for name in ("'dashscribe-x'", "'nope'", "'channel_id'", "'speed'"))


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("", "at the top"),
        ("{", "JSON"),
        ("[]", "at the top"),
        ("[" * 9000, "JSON"),
        ('{"profile": {}}', "at profile"),
        ('{"profiles": {"calls": {"modell": "fun-asr"}}}', "at profiles.calls.modell"),
        ('{"profiles": {"calls": {"parameters": []}}}', "at profiles.calls.parameters"),
        ('{"rules": [{"prefix": "a/"}]}', "at rules.0.profile"),
        ('{"rules": [{"prefix": "a/", "profile": "calls"}]}', "unknown profiles ['calls']"),
    ],
)
def test_a_broken_profiles_document_is_refused_with_the_place(document: str, place: str) -> None:
    with pytest.raises(ProfilesUnreadable) as broken:
        Profiles.parse(document)
    assert place in str(broken.value)


def test_a_rule_may_name_the_default_profile_without_defining_it() -> None:
    profiles = Profiles.parse('{"rules": [{"prefix": "", "profile": "default"}]}')
    assert resolve(profiles=profiles).profile == "default"


NAMES = st.sampled_from(sorted({name for spec in CATALOGUE.values() for name in spec.parameters.model_fields}))
LEAVES = st.none() | st.booleans() | st.integers(-1, 40) | st.floats() | st.text(max_size=8) | st.sampled_from(["en"])
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
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
def test_any_metadata_is_either_resolved_or_refused_with_a_reason(metadata: dict[str, str], region: Region) -> None:
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
def test_the_stored_effective_options_can_be_given_again_with_the_same_outcome(parameters: dict[str, Any]) -> None:
    options = resolve({PARAMETERS_KEY: json.dumps(parameters)})
    assert set(options.parameters) == set(parameters)
    assert resolve({PARAMETERS_KEY: json.dumps(options.parameters)}) == options


@settings(max_examples=200, deadline=None)
@given(st.text() | ANY_JSON.map(json.dumps) | st.fixed_dictionaries({"profiles": ANY_JSON}).map(json.dumps))
def test_any_profiles_document_is_either_read_or_unreadable(document: str) -> None:
    with suppress(ProfilesUnreadable):
        assert isinstance(Profiles.parse(document), Profiles)


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
def test_hostile_metadata_is_refused_in_words_that_can_be_published(metadata: dict[str, str]) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve_options("a.wav", metadata, Profiles(), default_model="fun-asr", region=Region.OTHER)
    assert str(refused.value).encode()


# every family's own parameters


FILETRANS, FLASH, AUDIO = "qwen3-asr-flash-filetrans", "qwen3-asr-flash", "qwen-audio-3.1-asr-flash"
FUN_FLASH, OMNI, AUDIO_FILETRANS = "fun-asr-flash-2026-06-15", "qwen3-omni-flash", "qwen-audio-3.0-asr-flash-filetrans"
TURN = {"role": "user", "text": "Bulge Bracket"}


@pytest.mark.parametrize(
    ("model", "parameters", "told"),
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
        (FILETRANS, {"text": "x" * 10_001}, ["'text' is 'xxx", "10000 characters"]),
        (FILETRANS, {"diarization_enabled": True}, ["'diarization_enabled' is not known to", "channel_id, language"]),
        (FILETRANS, {"channel_id": [32]}, ["'channel_id.0' is 32", "less than or equal to 31"]),
        (AUDIO_FILETRANS, {"language_hints": ["zh", "en", "ja", "ko", "vi"]}, ["'language_hints'", "at most 4"]),
        (AUDIO_FILETRANS, {"language_hints": ["et"]}, ['["et"]', "zh, en, ja"]),
        (AUDIO_FILETRANS, {"vocabulary": {}}, ["'vocabulary' is {}", "at least 1"]),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 0}}, ["'vocabulary.a' is 0", "1 to 5, or 50"]),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 6, "b": 49}}, ["the weights [6, 49]", "1 to 5, or 50"]),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 51}}, ["'vocabulary.a' is 51", "less than or equal to 50"]),
        (AUDIO_FILETRANS, {"vocabulary": {f"w{n}": 50 for n in range(51)}}, ["51 words of weight 50", "at most 50"]),
        (AUDIO_FILETRANS, {"context": [TURN] * 6}, ["'context'", "at most 5"]),
        (FLASH, {"language": "en"}, ["'language' is not known to", "asr_options, context"]),
        (FLASH, {"asr_options": {"language": 7}}, ["'asr_options.language' is 7", "string"]),
        (FLASH, {"asr_options": {"language": "klingon"}}, ["'asr_options.language'", '["klingon"]', "zh, yue, en"]),
        (FLASH, {"asr_options": {"enable_lid": True}}, ["'asr_options.enable_lid'", "`language`"]),
        (FLASH, {"asr_options": {"enable_itn": True, "language": "fr"}}, ["enable_itn works for zh, en", "'fr'"]),
        (FLASH, {"context": [TURN]}, ["'context' is [", "string"]),
        (FUN_FLASH, {"language_hints": ["zh", "en"]}, ["'language_hints'", "at most 1"]),
        (FUN_FLASH, {"vocabulary": {"a": 1}}, ["'vocabulary' is not known to"]),
        (FUN_FLASH, {"format": "mkv"}, ["'format' is 'mkv'", "'wav'"]),
        (FUN_FLASH, {"sample_rate": "16 kHz"}, ["'sample_rate' is '16 kHz'", "in Hz"]),
        (FUN_FLASH, {"sample_rate": 0}, ["'sample_rate' is '0'", "in Hz"]),
        (FUN_FLASH, {"sample_rate": True}, ["'sample_rate' is true", "string"]),
        (FUN_FLASH, {"context": ""}, ["'context.0.text' is ''", "at least 1"]),
        (FUN_FLASH, {"context": "x" * 401}, ["'context.0.text'", "400"]),
        (FUN_FLASH, {"context": [{"role": "system", "text": "a"}]}, ["'context.0.role' is 'system'", "'assistant'"]),
        (FUN_FLASH, {"context": [TURN | {"name": "a"}]}, ["'context.0.name' is 'a'", "`{"]),
        (AUDIO, {"language_hints": ["zh", "en", "ja", "ko", "vi"]}, ["'language_hints'", "at most 4"]),
        (AUDIO, {"vocabulary": {"a": 7}}, ["the weights [7]"]),
        (OMNI, {"prompt": ""}, ["'prompt' is ''", "at least 1"]),
        (OMNI, {"temperature": 2}, ["'temperature' is 2", "less than 2"]),
        (OMNI, {"temperature": -0.1}, ["'temperature' is -0.1", "greater than or equal to 0"]),
        (OMNI, {"asr_options": {}}, ["'asr_options' is not known to", "prompt, context, temperature"]),
    ],
)
def test_a_wrong_parameter_of_any_family_is_refused_in_one_sentence(
    model: str, parameters: dict[str, Any], told: list[str]
) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=Region.OTHER)
    [sentence] = refused.value.faults
    assert [part for part in told if part not in sentence] == []
    assert sentence.endswith(".")
    assert len(sentence) < 600


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("paraformer-v2", {"language_hints": ["zh", "yue"], "disfluency_removal_enabled": True}),
        ("paraformer-8k-v1", {"timestamp_alignment_enabled": False, "vocabulary_id": "v"}),
        (FILETRANS, {"language": "zh", "enable_itn": True, "enable_words": True, "text": "x" * 10_000}),
        (FILETRANS, {"language": "ar", "enable_itn": False, "enable_words": False, "channel_id": [0, 1]}),
        (FILETRANS, {"enable_itn": True, "enable_words": True}),
        (AUDIO_FILETRANS, {"vocabulary": {"a": 1, "b": 5, "c": 50}, "context": [TURN] * 5}),
        (AUDIO_FILETRANS, {"language_hints": ["zh", "en", "ja", "ko"], "diarization_enabled": True}),
        (FLASH, {"asr_options": {"language": "fil"}, "context": "Names"}),
        (FLASH, {"asr_options": {"language": "en", "enable_itn": True}}),
        (FLASH, {"asr_options": {}}),
        (FUN_FLASH, {"language_hints": ["tl"], "sample_rate": "16000", "format": "opus", "vocabulary_id": "v"}),
        (AUDIO, {"language_hints": ["zh", "en", "ja", "ko"], "vocabulary": {"a": 50}}),
        (OMNI, {"prompt": "Sing it.", "temperature": 0.0, "context": "A choir."}),
    ],
)
def test_parameters_of_any_family_that_are_allowed_are_kept_as_given(model: str, parameters: dict[str, Any]) -> None:
    kept = resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)}, region=Region.OTHER)
    assert kept.parameters == parameters
    assert resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(kept.parameters)}, region=Region.OTHER) == kept


def test_a_context_that_is_a_text_is_one_turn_of_the_user_and_a_rate_may_be_a_number() -> None:
    parameters = json.dumps({"context": "Bulge Bracket", "sample_rate": 16000})
    assert resolve({MODEL_KEY: FUN_FLASH, PARAMETERS_KEY: parameters}).parameters == {
        "context": [TURN],
        "sample_rate": "16000",
    }


FILIPINO = [("tl", "fil", FILETRANS, "language"), ("fil", "tl", "fun-asr", "language_hints")]


@pytest.mark.parametrize(("given", "meant", "model", "name"), FILIPINO)
def test_filipino_by_the_other_familys_code_is_refused_with_this_ones(
    given: str, meant: str, model: str, name: str
) -> None:
    value: object = given if name == "language" else [given]
    assert f"(use {meant} for {given})" in refusal({name: value}, model)
    right: object = meant if name == "language" else [meant]
    assert resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps({name: right})}).parameters == {name: right}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_model_takes_each_of_its_languages_and_no_other(name: str) -> None:
    spec = CATALOGUE[name]
    [(parameter, _)] = spec.parameters.find_languages({}).items() if spec.languages else [("", [])]

    def given(code: str) -> dict[str, str]:
        wrapped: object = [code] if parameter == "language_hints" else code
        if parameter == "asr_options.language":
            return {MODEL_KEY: name, PARAMETERS_KEY: json.dumps({"asr_options": {"language": code}})}
        return {MODEL_KEY: name, PARAMETERS_KEY: json.dumps({parameter: wrapped})}

    for code in spec.languages or ():
        assert resolve(given(code), region=Region.OTHER).model == name
    if parameter:
        with pytest.raises(InvalidOptions, match="does not support"):
            resolve(given("tlh"), region=Region.OTHER)


# all faults at once


@pytest.mark.parametrize(
    ("model", "parameters", "told"),
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
def test_what_is_wrong_and_what_does_not_fit_together_is_told_at_once(
    model: str, parameters: dict[str, Any], told: list[str]
) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: model, PARAMETERS_KEY: json.dumps(parameters)})
    assert len(refused.value.faults) == len(told)
    assert [part for part in told if sum(part in fault for fault in refused.value.faults) != 1] == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"diarization_enabled": "yes", "speaker_count": 2},
        {"diarization_enabled": True, "channel_id": 0},
        {"diarization_enabled": True, "speaker_count": "2"},
    ],
)
def test_what_is_wrong_in_itself_is_not_told_again_as_not_fitting(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({PARAMETERS_KEY: json.dumps(parameters)})
    assert len(refused.value.faults) == 1


def test_a_thousand_faults_are_told_in_short() -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({PARAMETERS_KEY: json.dumps({f"x{n}": n for n in range(1000)})})
    assert refused.value.faults[-1] == "980 more faults are not shown."
    assert len(refused.value.faults) == 21


# profiles: endpoint, stream, family, fallback


def profile(**fields: object) -> Profiles:
    return Profiles.model_validate({"profiles": {"default": fields}})


def profile_faults(fields: dict[str, object], region: Region = Region.INTERNATIONAL) -> list[str]:
    with pytest.raises(InvalidOptions) as refused:
        resolve(profiles=profile(**fields), region=region)
    return refused.value.faults


@pytest.mark.parametrize(
    ("model", "endpoint", "stream"),
    [
        ("fun-asr", None, False),
        (FILETRANS, None, False),
        (FLASH, Endpoint.DASHSCOPE, False),
        (FUN_FLASH, Endpoint.DASHSCOPE, True),
        (AUDIO, Endpoint.DASHSCOPE, True),
        (OMNI, Endpoint.OPENAI, True),
    ],
)
def test_a_model_has_its_usual_way_in(model: str, endpoint: Endpoint | None, stream: bool) -> None:
    options = resolve({MODEL_KEY: model})
    assert (options.endpoint, options.stream, options.fallback) == (endpoint, stream, None)


def test_a_profile_chooses_the_way_in_of_its_synchronous_model() -> None:
    options = resolve(profiles=profile(model=FLASH, endpoint="openai", stream=True))
    assert (options.model, options.endpoint, options.stream) == (FLASH, Endpoint.OPENAI, True)
    assert not resolve(profiles=profile(model=FUN_FLASH, stream=False)).stream


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("endpoint", "dashscope", "'dashscope'"),
        ("stream", True, "true"),
        ("fallback_model", "fun-asr", "'fun-asr'"),
        ("fallback_parameters", {"channel_id": [0]}, '{"channel_id": [0]}'),
    ],
)
def test_an_asynchronous_model_has_no_choice_of_the_way_in(name: str, value: object, shown: str) -> None:
    [fault] = profile_faults({"model": "fun-asr", name: value})
    assert fault.startswith(f"Option '{name}' is {shown}, but fun-asr is asynchronous")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"model": FUN_FLASH, "endpoint": "openai"},
            "'endpoint' is 'openai', but fun-asr-flash-2026-06-15 is available on",
        ),
        ({"model": OMNI, "endpoint": "dashscope"}, "qwen3-omni-flash is available on openai only"),
        ({"model": OMNI, "stream": False}, "'stream' is false, but qwen3-omni-flash always streams"),
        ({"model": FLASH, "fallback_model": "whisper"}, "'fallback_model': Model 'whisper' is not in the catalogue"),
        ({"model": FLASH, "fallback_model": FUN_FLASH}, "which is synchronous; allowed are fun-asr, "),
        (
            {"model": FLASH, "fallback_model": "paraformer-v2"},
            "'fallback_model': Model 'paraformer-v2' is available in",
        ),
        (
            {"model": FLASH, "fallback_model": "fun-asr", "fallback_parameters": {"language": "en"}},
            "'fallback_model': Parameter 'language' is not known to fun-asr",
        ),
        ({"model": FLASH, "fallback_parameters": {"channel_id": [0]}}, "'fallback_parameters' needs 'fallback_model'"),
    ],
)
def test_a_way_in_that_the_model_has_not_is_refused(fields: dict[str, object], told: str) -> None:
    [fault] = profile_faults(fields)
    assert told in fault


@pytest.mark.parametrize("word", ["native", "OpenAI", "", 7])
def test_an_endpoint_that_nobody_knows_makes_the_profiles_unreadable(word: object) -> None:
    document = json.dumps({"profiles": {"a": {"endpoint": word}}})
    with pytest.raises(ProfilesUnreadable, match=r"at profiles\.a\.endpoint.*'dashscope' or 'openai'"):
        Profiles.parse(document)


def test_what_a_profile_says_of_its_own_models_way_in_means_nothing_for_another_model() -> None:
    profiles = profile(
        model=FLASH,
        endpoint="openai",
        stream=True,
        fallback_model=FILETRANS,
        fallback_parameters={"channel_id": [1]},
        parameters={"context": "Names"},
    )
    assert resolve({MODEL_KEY: OMNI}, profiles=profiles) == Options(
        profile="default",
        model=OMNI,
        family="qwen-omni",
        parameters={"context": "Names"},
        endpoint=Endpoint.OPENAI,
        stream=True,
    )
    asynchronous = resolve(
        {MODEL_KEY: "qwen-audio-3.0-asr-flash-filetrans", PARAMETERS_KEY: '{"context": "Terms"}'}, profiles=profiles
    )
    assert (asynchronous.endpoint, asynchronous.stream, asynchronous.fallback) == (None, False, None)


def test_naming_the_model_that_would_be_used_anyway_changes_nothing() -> None:
    own = profile(model=FLASH, endpoint="openai", fallback_model=FILETRANS)
    assert resolve({MODEL_KEY: FLASH}, profiles=own) == resolve(profiles=own)
    modelless = profile(endpoint="openai", fallback_model=FILETRANS)

    def by_default(metadata: dict[str, str]) -> Options:
        return resolve_options("a.wav", metadata, modelless, default_model=FLASH, region=Region.INTERNATIONAL)

    assert by_default({}).endpoint is Endpoint.OPENAI
    assert by_default({MODEL_KEY: FLASH}) == by_default({})


# a model that the catalogue does not know


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("region", Region)
def test_a_model_that_is_not_known_yet_works_with_its_declared_family(family: str, region: Region) -> None:
    fields: dict[str, object] = {"model": "brand-new-2027", "family": family}
    if region is Region.US and FAMILIES[family].endpoints == (Endpoint.OPENAI,):
        assert "no OpenAI-compatible endpoint" in profile_faults(fields, region)[0]
        return
    options = resolve(profiles=profile(**fields), region=region)
    assert (options.model, options.family, options.spec.name) == ("brand-new-2027", family, "brand-new-2027")
    assert options.spec.parameters is FAMILIES[family].parameters
    assert options.spec.price(region) is None


def test_of_a_model_that_is_not_known_any_language_is_taken_but_not_any_parameter() -> None:
    fields: dict[str, object] = {"model": "fun-asr-2027", "family": "fun-asr"}
    assert resolve(profiles=profile(**fields, parameters={"language_hints": ["tlh"]})).parameters == {
        "language_hints": ["tlh"]
    }
    assert "'speed' is not known to fun-asr-2027" in profile_faults(fields | {"parameters": {"speed": 2}})[0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": "brand-new", "family": "whisper"}, ["Family 'whisper' of the model 'brand-new'", "fun-asr, "]),
        ({"model": "brand-new"}, ["Model 'brand-new' is not in the catalogue", "name its family in a profile: "]),
        ({"model": "fun-asr", "family": "paraformer"}, ["belongs to the family 'fun-asr', not 'paraformer'"]),
        ({"model": "fun-asr", "family": "nonsense"}, ["belongs to the family 'fun-asr', not 'nonsense'"]),
    ],
)
def test_a_family_that_does_not_exist_or_is_anothers_is_refused(fields: dict[str, object], told: list[str]) -> None:
    [fault] = profile_faults(fields)
    assert [part for part in told if part not in fault] == []


def test_the_right_family_of_a_known_model_does_no_harm() -> None:
    assert resolve(profiles=profile(model="fun-asr", family="fun-asr")) == resolve(profiles=Profiles())


def test_a_family_that_the_profile_declares_is_not_that_of_the_model_in_the_metadata() -> None:
    profiles = profile(model="brand-new", family="fun-asr")
    assert resolve({MODEL_KEY: FLASH}, profiles=profiles).family == "qwen3-asr-flash"
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: "newer-still"}, profiles=profiles)
    assert refused.value.code == "UNKNOWN_MODEL"


# the fallback


def fallback_of(model: str, sibling: str, parameters: dict[str, Any], **fields: object) -> Fallback:
    profiles = profile(model=model, fallback_model=sibling, parameters=parameters, **fields)
    fallback = resolve(profiles=profiles, region=Region.OTHER).fallback
    assert fallback is not None
    return fallback


@pytest.mark.parametrize(
    ("model", "given", "sibling", "carried"),
    [
        (FLASH, {}, FILETRANS, {}),
        (
            FLASH,
            {"asr_options": {"language": "en", "enable_itn": True}, "context": "Names"},
            FILETRANS,
            {"language": "en", "enable_itn": True, "text": "Names"},
        ),
        (FLASH, {"asr_options": {"language": "en", "enable_itn": True}}, "fun-asr", {"language_hints": ["en"]}),
        (FLASH, {"asr_options": {"language": "fil"}}, "fun-asr", {"language_hints": ["tl"]}),
        (FLASH, {"asr_options": {"language": "yue"}}, "fun-asr", {}),
        (FLASH, {"asr_options": {"language": "yue"}}, "paraformer-v2", {"language_hints": ["yue"]}),
        (FLASH, {"asr_options": {"language": "fil"}}, "paraformer-v2", {}),
        (FLASH, {"asr_options": {"language": "fil"}}, "fun-asr-2025-08-25", {}),
        (FLASH, {"asr_options": {"language": "en"}}, "paraformer-8k-v2", {}),
        (FLASH, {"context": "Names"}, AUDIO_FILETRANS, {"context": [TURN | {"text": "Names"}]}),
        (FUN_FLASH, {"language_hints": ["tl"]}, FILETRANS, {"language": "fil"}),
        (
            FUN_FLASH,
            {"language_hints": ["zh"], "vocabulary_id": "v", "sample_rate": "16000", "format": "wav"},
            "fun-asr",
            {"language_hints": ["zh"], "vocabulary_id": "v"},
        ),
        (
            AUDIO,
            {"language_hints": ["zh", "en"], "vocabulary": {"a": 5}, "context": [TURN]},
            AUDIO_FILETRANS,
            {"language_hints": ["zh", "en"], "vocabulary": {"a": 5}, "context": [TURN]},
        ),
        (AUDIO, {"language_hints": ["es", "en", "tl"]}, "paraformer-v2", {"language_hints": ["en"]}),
        (AUDIO, {"language_hints": ["zh", "en"]}, FILETRANS, {}),
        (OMNI, {"prompt": "Sing it.", "temperature": 0.5, "context": "A choir."}, FILETRANS, {"text": "A choir."}),
        (OMNI, {"prompt": "Sing it."}, "fun-asr", {}),
    ],
)
def test_the_fallback_gets_what_means_the_same_to_it(
    model: str, given: dict[str, Any], sibling: str, carried: dict[str, Any]
) -> None:
    assert fallback_of(model, sibling, given) == Fallback(
        model=sibling, family=CATALOGUE[sibling].family, parameters=carried
    )


def test_parameters_of_its_own_take_the_place_of_those_carried_over() -> None:
    given = {"asr_options": {"language": "en"}}
    own = fallback_of(FLASH, FILETRANS, given, fallback_parameters={"channel_id": [0, 1], "enable_words": True})
    assert own.parameters == {"channel_id": [0, 1], "enable_words": True}
    assert fallback_of(FLASH, FILETRANS, given, fallback_parameters={}).parameters == {}


def test_an_uploads_own_parameters_reach_the_fallback_too() -> None:
    profiles = profile(model=FLASH, fallback_model=FILETRANS, parameters={"context": "Names"})
    options = resolve({PARAMETERS_KEY: '{"asr_options": {"language": "en"}}'}, profiles=profiles)
    assert options.with_fallback_model() == Options(
        profile="default",
        model=FILETRANS,
        family="qwen3-asr-filetrans",
        parameters={"language": "en", "text": "Names"},
    )


# regions


CLASSIC_US, US_WORKSPACE = "https://dashscope-us.aliyuncs.com", "https://ws-1.us-east-1.maas.aliyuncs.com"
SINGAPORE_WORKSPACE = "https://ws-1.ap-southeast-1.maas.aliyuncs.com"


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize(
    ("host", "served"),
    [
        (CLASSIC_US, "-us"),
        (US_WORKSPACE, "-us"),
        ("https://dashscope-intl.aliyuncs.com", "everywhere but paraformer"),
        (SINGAPORE_WORKSPACE, "everywhere but paraformer"),
        ("https://dashscope.aliyuncs.com", "everywhere"),
        ("https://ws-1.cn-beijing.maas.aliyuncs.com", "everywhere"),
        ("http://127.0.0.1:8080", "all"),
        ("https://ws-1.eu-central-1.maas.aliyuncs.com", "all"),
    ],
)
def test_a_model_is_refused_exactly_on_the_hosts_that_do_not_serve_it(name: str, host: str, served: str) -> None:
    american = name.endswith("-us")
    allowed = {
        "-us": american,
        "everywhere but paraformer": not american and not name.startswith("paraformer"),
        "everywhere": not american,
        "all": True,
    }[served]
    region = region_of(host)
    if allowed:
        assert resolve({MODEL_KEY: name}, region=region).model == name
        return
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: name}, region=region)
    first = refused.value.faults[0]
    assert first.startswith(f"Model {name!r} is available in ")
    assert f"this stack uses the {region} endpoint" in first


def test_the_us_host_has_no_openai_endpoint_and_no_asynchronous_fallback() -> None:
    def us_faults(**fields: object) -> list[str]:
        return profile_faults(fields, Region.US)

    assert "is available on dashscope only" in us_faults(model="qwen3-asr-flash-us", endpoint="openai")[0]
    [no_openai] = us_faults(model="new-us", family="qwen3-asr-flash", endpoint="openai")
    assert no_openai == "The US region has no OpenAI-compatible endpoint (option 'endpoint'); use 'dashscope'."
    [no_tasks] = us_faults(model="qwen3-asr-flash-us", fallback_model=FILETRANS)
    assert "'fallback_model': Model 'qwen3-asr-flash-filetrans' is available in beijing, international only" in no_tasks
    assert resolve(profiles=profile(model="qwen3-asr-flash-us", stream=True), region=Region.US).stream
