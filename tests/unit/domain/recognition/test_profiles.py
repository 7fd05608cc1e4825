"""The profiles document, and a profile's options for synchronous and unknown models."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import FAMILIES, Endpoint, Region
from dashscribe.domain.recognition.option_resolution import MODEL_KEY, PARAMETERS_KEY, resolve_options
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS
from dashscribe.errors import InvalidOptions, ProfilesUnreadable
from tests.unit.domain.recognition.resolving import (
    ANY_JSON,
    AUDIO,
    FILETRANS,
    FLASH,
    FUN_FLASH,
    OMNI,
    profile,
    profile_faults,
    resolve,
)


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
def test_an_invalid_profiles_document_is_refused_with_the_location(document: str, place: str) -> None:
    with pytest.raises(ProfilesUnreadable) as broken:
        Profiles.parse(document)
    assert place in str(broken.value)


def test_a_rule_may_name_the_default_profile_without_defining_it() -> None:
    profiles = Profiles.parse('{"rules": [{"prefix": "", "profile": "default"}]}')
    assert resolve(profiles=profiles).profile == "default"


@settings(max_examples=200, deadline=None)
@given(st.text() | ANY_JSON.map(json.dumps) | st.fixed_dictionaries({"profiles": ANY_JSON}).map(json.dumps))
def test_any_profiles_document_is_parsed_or_refused(document: str) -> None:
    with suppress(ProfilesUnreadable):
        assert isinstance(Profiles.parse(document), Profiles)


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
def test_a_model_has_its_default_endpoint_and_streaming(model: str, endpoint: Endpoint | None, stream: bool) -> None:
    options = resolve({MODEL_KEY: model})
    assert (options.endpoint, options.stream, options.fallback) == (endpoint, stream, None)


def test_a_profile_chooses_endpoint_and_streaming_of_its_synchronous_model() -> None:
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
def test_an_asynchronous_model_refuses_options_of_synchronous_models(name: str, value: object, shown: str) -> None:
    [fault] = profile_faults({"model": "fun-asr", name: value})
    assert fault.startswith(f"Option '{name}' is {shown}, but fun-asr is asynchronous")


@pytest.mark.parametrize(
    ("fields", "expected"),
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
def test_an_endpoint_or_fallback_that_the_model_cannot_have_is_refused(
    fields: dict[str, object], expected: str
) -> None:
    [fault] = profile_faults(fields)
    assert expected in fault


@pytest.mark.parametrize("word", ["native", "OpenAI", "", 7])
def test_an_unknown_endpoint_makes_the_profiles_unreadable(word: object) -> None:
    document = json.dumps({"profiles": {"a": {"endpoint": word}}})
    with pytest.raises(ProfilesUnreadable, match=r"at profiles\.a\.endpoint.*'dashscope' or 'openai'"):
        Profiles.parse(document)


def test_a_profiles_endpoint_and_fallback_do_not_apply_to_another_model() -> None:
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
        outputs=DEFAULT_OUTPUTS,
    )
    asynchronous = resolve(
        {MODEL_KEY: "qwen-audio-3.0-asr-flash-filetrans", PARAMETERS_KEY: '{"context": "Terms"}'}, profiles=profiles
    )
    assert (asynchronous.endpoint, asynchronous.stream, asynchronous.fallback) == (None, False, None)


def test_naming_the_default_model_changes_nothing() -> None:
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
def test_an_unknown_model_works_with_its_declared_family(family: str, region: Region) -> None:
    fields: dict[str, object] = {"model": "brand-new-2027", "family": family}
    options = resolve(profiles=profile(**fields), region=region)
    assert (options.model, options.family, options.spec.name) == ("brand-new-2027", family, "brand-new-2027")
    assert options.spec.parameters is FAMILIES[family].parameters
    assert options.spec.price(region) is None


def test_an_unknown_model_accepts_any_language() -> None:
    fields: dict[str, object] = {"model": "fun-asr-2027", "family": "fun-asr"}
    assert resolve(profiles=profile(**fields, parameters={"language_hints": ["tlh"]})).parameters == {
        "language_hints": ["tlh"]
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": "brand-new", "family": "whisper"}, ["Family 'whisper' of the model 'brand-new'", "fun-asr, "]),
        ({"model": "brand-new"}, ["Model 'brand-new' is not in the catalogue", "name its family in a profile: "]),
        ({"model": "fun-asr", "family": "paraformer"}, ["belongs to the family 'fun-asr', not 'paraformer'"]),
        ({"model": "fun-asr", "family": "nonsense"}, ["belongs to the family 'fun-asr', not 'nonsense'"]),
    ],
)
def test_an_unknown_or_wrong_family_is_refused(fields: dict[str, object], expected: list[str]) -> None:
    [fault] = profile_faults(fields)
    assert [part for part in expected if part not in fault] == []


def test_the_right_family_of_a_known_model_is_accepted() -> None:
    assert resolve(profiles=profile(model="fun-asr", family="fun-asr")) == resolve(profiles=Profiles())


def test_a_profiles_family_does_not_apply_to_the_model_in_the_metadata() -> None:
    profiles = profile(model="brand-new", family="fun-asr")
    assert resolve({MODEL_KEY: FLASH}, profiles=profiles).family == "qwen3-asr-flash"
    with pytest.raises(InvalidOptions) as refused:
        resolve({MODEL_KEY: "newer-still"}, profiles=profiles)
    assert refused.value.code == "UNKNOWN_MODEL"


def test_a_document_with_a_byte_order_mark_is_read() -> None:
    text = '{"profiles": {"calls": {"model": "fun-asr"}}, "rules": [{"prefix": "calls/", "profile": "calls"}]}'
    assert Profiles.parse("\ufeff" + text) == Profiles.parse(text)
