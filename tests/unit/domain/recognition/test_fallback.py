"""The parameters that a fallback model gets."""

from __future__ import annotations

from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE, Region
from dashscribe.domain.recognition.option_resolution import PARAMETERS_KEY
from dashscribe.domain.recognition.options import Fallback, Options
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS
from tests.unit.domain.recognition.resolving import (
    AUDIO,
    AUDIO_FILETRANS,
    FILETRANS,
    FLASH,
    FUN_FLASH,
    OMNI,
    TURN,
    profile,
    resolve,
)


def fallback_of(model: str, fallback_model: str, parameters: dict[str, Any], **fields: object) -> Fallback:
    profiles = profile(model=model, fallback_model=fallback_model, parameters=parameters, **fields)
    fallback = resolve(profiles=profiles, region=Region.OTHER).fallback
    assert fallback is not None
    return fallback


@pytest.mark.parametrize(
    ("model", "given", "fallback_model", "translated"),
    [
        (FLASH, {}, FILETRANS, {}),
        (
            FLASH,
            {"asr_options": {"language": "en", "enable_itn": True}, "context": "Names"},
            FILETRANS,
            {"language": "en", "enable_itn": True, "text": "Names"},
        ),
        (FLASH, {"asr_options": {"language": "en", "enable_itn": True}}, "fun-asr", {"language_hints": ["en"]}),
        (FLASH, {"asr_options": {"language": "fil"}}, "fun-asr-mtl", {"language_hints": ["tl"]}),
        (FLASH, {"asr_options": {"language": "yue"}}, "fun-asr", {}),
        (FLASH, {"asr_options": {"language": "yue"}}, "paraformer-v2", {"language_hints": ["yue"]}),
        (FLASH, {"asr_options": {"language": "fil"}}, "paraformer-v2", {}),
        (FLASH, {"asr_options": {"language": "fil"}}, "fun-asr-2025-08-25", {}),
        (FLASH, {"asr_options": {"language": "en"}}, "paraformer-8k-v2", {}),
        (FLASH, {"context": "Names"}, AUDIO_FILETRANS, {"context": [TURN | {"text": "Names"}]}),
        (FUN_FLASH, {"language_hints": ["tl"]}, FILETRANS, {"language": "fil"}),
        (
            FUN_FLASH,
            {"language_hints": ["zh"], "sample_rate": "16000", "format": "wav"},
            "fun-asr",
            {"language_hints": ["zh"]},
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
def test_equivalent_parameters_are_translated_for_the_fallback_model(
    model: str, given: dict[str, Any], fallback_model: str, translated: dict[str, Any]
) -> None:
    assert fallback_of(model, fallback_model, given) == Fallback(
        model=fallback_model, family=CATALOGUE[fallback_model].family, parameters=translated
    )


@pytest.mark.parametrize(
    ("model", "given", "fallback_model"),
    [
        (FUN_FLASH, {"vocabulary_id": "v"}, "fun-asr"),
        (FUN_FLASH, {"vocabulary_id": "v"}, FILETRANS),
        (AUDIO, {"vocabulary_id": "v"}, AUDIO_FILETRANS),
        (AUDIO, {"vocabulary": {"a": 5}}, "fun-asr"),
    ],
)
def test_a_fallback_model_gets_no_hotword_list_of_another_model_but_a_warning(
    model: str, given: dict[str, Any], fallback_model: str
) -> None:
    fallback = fallback_of(model, fallback_model, given)
    assert fallback.parameters == {}
    assert fallback.warnings == ("HOTWORDS_NOT_SENT",)
    assert all(name in fallback.warning_messages[0] for name in (model, fallback_model, "fallback_parameters"))
    own = fallback_of(model, fallback_model, given, fallback_parameters={})
    assert own.warnings == ()


def test_fallback_parameters_replace_the_translated_ones() -> None:
    given = {"asr_options": {"language": "en"}}
    own = fallback_of(FLASH, FILETRANS, given, fallback_parameters={"channel_id": [0, 1], "enable_words": True})
    assert own.parameters == {"channel_id": [0, 1], "enable_words": True}
    assert fallback_of(FLASH, FILETRANS, given, fallback_parameters={}).parameters == {}


def test_parameters_in_the_metadata_are_translated_for_the_fallback_model() -> None:
    profiles = profile(model=FLASH, fallback_model=FILETRANS, parameters={"context": "Names"})
    options = resolve({PARAMETERS_KEY: '{"asr_options": {"language": "en"}}'}, profiles=profiles)
    assert options.with_fallback_model() == Options(
        profile="default",
        model=FILETRANS,
        family="qwen3-asr-filetrans",
        parameters={"language": "en", "text": "Names"},
        outputs=DEFAULT_OUTPUTS,
    )
