"""The parameters of each model family: validation, and what is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from dashscribe.domain.recognition.catalogue import CATALOGUE
from dashscribe.domain.recognition.context import MAX_CONTEXT_CHARACTERS, MAX_TURN_CHARACTERS, MAX_TURNS
from dashscribe.domain.recognition.flash_parameters import (
    FunAsrFlashParameters,
    QwenAudioFiletransParameters,
    QwenAudioFlashParameters,
)
from dashscribe.domain.recognition.parameters import FunAsrParameters, ModelParameters, ParaformerV2Parameters
from dashscribe.domain.recognition.qwen_parameters import (
    OmniParameters,
    Qwen3FiletransParameters,
    Qwen3FlashParameters,
)

FAMILIES = sorted({spec.parameters for spec in CATALOGUE.values()}, key=lambda family: family.__name__)
TURNS = [{"role": "user", "text": "Who is Tang?"}, {"role": "assistant", "text": "A teacher."}]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_parameters_are_sent_if_none_are_given(family: type[ModelParameters]) -> None:
    assert family().to_request_parameters() == {}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["Channel_id", "channel-id", "model", ""])
def test_an_unknown_parameter_name_is_refused(family: type[ModelParameters], name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        family.model_validate({name: [0]})


@pytest.mark.parametrize(
    ("family", "given", "elsewhere"),
    [
        (FunAsrParameters, {"channel_id": [1, 0], "speech_noise_threshold": -0.5}, set()),
        (
            FunAsrParameters,
            {"diarization_enabled": True, "speaker_count": 3, "vocabulary_id": "v", "language_hints": ["en"]},
            set(),
        ),
        (FunAsrParameters, {"diarization_enabled": False}, set()),
        (
            ParaformerV2Parameters,
            {"language_hints": ["zh", "en"], "disfluency_removal_enabled": True, "timestamp_alignment_enabled": True},
            set(),
        ),
        (Qwen3FiletransParameters, {"language": "zh", "enable_itn": True, "enable_words": False, "text": "T"}, set()),
        (Qwen3FlashParameters, {"asr_options": {"language": "zh", "enable_itn": False}, "context": "T"}, {"context"}),
        (Qwen3FlashParameters, {"asr_options": {"enable_itn": True}}, set()),
        (FunAsrFlashParameters, {"format": "wav", "sample_rate": "16000", "context": TURNS}, {"context"}),
        (QwenAudioFlashParameters, {"vocabulary": {"Tang": 50}, "language_hints": ["zh", "en"]}, set()),
        (QwenAudioFiletransParameters, {"vocabulary": {"Tang": 5}, "context": TURNS, "channel_id": [0]}, {"context"}),
        (OmniParameters, {"prompt": "p", "context": "c", "temperature": 0.5}, {"prompt", "context"}),
    ],
)
def test_given_parameters_are_sent_unchanged_except_context_and_prompt(
    family: type[ModelParameters], given: dict[str, Any], elsewhere: set[str]
) -> None:
    assert family.model_validate(given).to_request_parameters() == {
        name: value for name, value in given.items() if name not in elsewhere
    }


@pytest.mark.parametrize("rate", ["16000", 16000])
def test_the_sample_rate_is_sent_as_a_string(rate: object) -> None:
    assert FunAsrFlashParameters.model_validate({"sample_rate": rate}).to_request_parameters() == {
        "sample_rate": "16000"
    }


@pytest.mark.parametrize("family", [ParaformerV2Parameters, QwenAudioFiletransParameters])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_word_filter_is_sent_as_a_json_string_in_every_family(family: type[ModelParameters], as_text: bool) -> None:
    words = {"filter_with_empty": {"word_list": ["那个"]}, "system_reserved_filter": False}
    sent = family.model_validate(
        {"special_word_filter": json.dumps(words) if as_text else words}
    ).to_request_parameters()
    assert sent["special_word_filter"] == (
        '{"filter_with_empty": {"word_list": ["那个"]}, "system_reserved_filter": false}'
    )


@pytest.mark.parametrize(
    "given",
    ["[]", "7", '"{}"', '{"word_list": []}', '{"filter_with_empty": []}', '{"system_reserved_filter": "yes"}'],
)
def test_a_word_filter_of_another_shape_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="special_word_filter"):
        FunAsrParameters.model_validate({"special_word_filter": given})


# context


def test_a_conversation_becomes_messages_with_the_vendors_content_types() -> None:
    assert FunAsrFlashParameters.model_validate({"context": TURNS}).context_messages() == [
        {"role": "user", "content": [{"type": "input_text", "text": "Who is Tang?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A teacher."}]},
    ]


def test_a_context_text_becomes_a_message_of_the_user() -> None:
    assert QwenAudioFiletransParameters.model_validate({"context": "Tang"}).context_messages() == [
        {"role": "user", "content": [{"type": "input_text", "text": "Tang"}]}
    ]


@pytest.mark.parametrize("family", [FunAsrFlashParameters, QwenAudioFlashParameters, QwenAudioFiletransParameters])
def test_a_long_context_is_split_into_turns_and_the_rest_is_cut_with_a_warning(family: type[ModelParameters]) -> None:
    longest = "中" * MAX_TURN_CHARACTERS
    for given, sent, is_cut in (
        ([{"text": longest}] * MAX_TURNS, [longest] * MAX_TURNS, False),
        ([{"text": longest + "国"}], [longest, "国"], False),
        (longest + "国", [longest, "国"], False),
        ([{"text": "a"}] * (MAX_TURNS + 1), ["a"] * MAX_TURNS, True),
        (longest * MAX_TURNS + "国", [longest] * MAX_TURNS, True),
    ):
        context = family.model_validate({"context": given}).model_dump()["context"]
        assert [turn["text"] for turn in context] == sent
        assert family.find_warnings({"context": given}) == (["CONTEXT_CUT"] if is_cut else [])


@pytest.mark.parametrize("family", [FunAsrFlashParameters, QwenAudioFlashParameters, QwenAudioFiletransParameters])
def test_a_context_without_text_is_refused(family: type[ModelParameters]) -> None:
    turns: list[object] = [[], [{}], [{"text": ""}]]
    for wrong in ("", *turns):
        with pytest.raises(ValidationError, match="context"):
            family.model_validate({"context": wrong})


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (Qwen3FiletransParameters, "text"),
        (Qwen3FlashParameters, "context"),
        (OmniParameters, "context"),
        (OmniParameters, "prompt"),
    ],
)
def test_a_text_is_accepted_up_to_the_limit(family: type[ModelParameters], name: str) -> None:
    assert family.model_validate({name: "x" * MAX_CONTEXT_CHARACTERS})
    for wrong in ("", "x" * (MAX_CONTEXT_CHARACTERS + 1), ["x"], 7):
        with pytest.raises(ValidationError, match=name):
            family.model_validate({name: wrong})


# languages


@pytest.mark.parametrize(
    ("family", "given", "languages"),
    [
        (FunAsrParameters, {"language_hints": ["zh", "en"]}, {"language_hints": ["zh", "en"]}),
        (Qwen3FiletransParameters, {"language": "zh"}, {"language": ["zh"]}),
        (Qwen3FiletransParameters, {}, {"language": []}),
        (Qwen3FlashParameters, {"asr_options": {"language": "zh"}}, {"asr_options.language": ["zh"]}),
        (Qwen3FlashParameters, {"asr_options": {}}, {"asr_options.language": []}),
        (OmniParameters, {}, {}),
    ],
)
def test_the_given_languages_of_every_family_are_found(
    family: type[ModelParameters], given: dict[str, Any], languages: dict[str, list[str]]
) -> None:
    assert family.find_languages(given) == languages


# combinations


@pytest.mark.parametrize(
    ("family", "given", "clauses"),
    [
        (FunAsrParameters, {"diarization_enabled": True, "channel_id": [0]}, 0),
        (FunAsrParameters, {"diarization_enabled": False, "channel_id": [0, 1]}, 0),
        (FunAsrParameters, {"diarization_enabled": True, "channel_id": [0, 1]}, 1),
        (ParaformerV2Parameters, {"diarization_enabled": True, "channel_id": [0, 1], "speaker_count": 2}, 1),
        (QwenAudioFiletransParameters, {"speaker_count": 2}, 1),
        (QwenAudioFiletransParameters, {"speaker_count": 2, "diarization_enabled": True}, 0),
        (Qwen3FiletransParameters, {"enable_itn": True}, 0),
        (Qwen3FiletransParameters, {"enable_itn": True, "language": "en"}, 0),
        (Qwen3FiletransParameters, {"enable_itn": False, "language": "ar"}, 0),
        (Qwen3FiletransParameters, {"enable_itn": True, "language": "de"}, 1),
        (Qwen3FiletransParameters, {"enable_words": True, "language": "de"}, 0),
        (Qwen3FiletransParameters, {"enable_words": True, "language": "yue"}, 1),
        (Qwen3FiletransParameters, {"enable_words": True, "enable_itn": True, "language": "yue"}, 2),
        (Qwen3FlashParameters, {"asr_options": {"enable_itn": True, "language": "ja"}}, 1),
        (Qwen3FlashParameters, {"asr_options": {"enable_itn": True, "language": "zh"}}, 0),
    ],
)
def test_conflicting_parameters_are_refused(family: type[ModelParameters], given: dict[str, Any], clauses: int) -> None:
    assert len(family.find_conflicts(given)) == clauses
    if clauses:
        with pytest.raises(ValidationError):
            family.model_validate(given)
    else:
        assert family.model_validate(given)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("invalid", [None, 7, "x", [], [None], {}, {"language": []}, True])
def test_invalid_values_do_not_break_the_check_for_conflicts(family: type[ModelParameters], invalid: object) -> None:
    everything = dict.fromkeys(family.model_fields, invalid) | {"language": invalid, "asr_options": invalid}
    assert all(clause for clause in family.find_conflicts(everything))
