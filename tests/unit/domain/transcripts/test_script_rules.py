from __future__ import annotations

import pytest
from pydantic import ValidationError

from dashscribe.domain.transcripts.script_rules import RULES, Script, SubtitleOptions, cells, script_of
from tests.unit.domain.transcripts.speech import SAMPLES


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("你好", 4), ("é", 1), ("e\u0301", 1), ("กำ", 2), ("ก็", 1), ("ｶﾅ", 2), ("", 0)]
)
def test_full_width_characters_have_two_cells_and_marks_none(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize(
    ("sample", "script"),
    [
        ("latin", Script.ALPHABETIC),
        ("russian", Script.ALPHABETIC),
        ("hebrew", Script.HEBREW),
        ("arabic", Script.ARABIC),
        ("hindi", Script.INDIC),
        ("thai", Script.SOUTH_EAST_ASIAN),
        ("lao", Script.SOUTH_EAST_ASIAN),
        ("chinese", Script.CHINESE),
        ("japanese", Script.JAPANESE),
        ("korean", Script.KOREAN),
    ],
)
def test_the_script_of_a_text_is_the_one_most_of_it_is_in(sample: str, script: Script) -> None:
    assert script_of(SAMPLES[sample]) is script


def test_chinese_with_long_latin_names_is_chinese() -> None:
    assert script_of("我们今天用Kubernetes来部署OpenTelemetry的collector") is Script.CHINESE


def test_english_with_a_chinese_word_is_alphabetic() -> None:
    assert script_of("The word 你好 is the first that everybody learns") is Script.ALPHABETIC


def test_ideographs_alone_are_japanese_where_the_language_or_the_texts_around_say_so() -> None:
    assert script_of("東京都") is Script.CHINESE
    assert script_of("東京都", "ja") is Script.JAPANESE
    assert script_of("東京都", None, Script.JAPANESE) is Script.JAPANESE
    assert script_of("東京都", "zh", Script.JAPANESE) is Script.CHINESE


def test_a_text_without_letters_has_the_script_around_it() -> None:
    assert script_of("2021!", None, Script.KOREAN) is Script.KOREAN


def test_without_options_the_rules_are_those_of_the_table() -> None:
    assert all(SubtitleOptions().rules(script) == RULES[script] for script in Script)


def test_an_option_counts_full_width_characters_for_chinese() -> None:
    options = SubtitleOptions(line_width=13, reading_speed=4)
    assert (options.rules(Script.JAPANESE).line_cells, options.rules(Script.JAPANESE).cells_per_second) == (26, 8)
    assert options.rules(Script.ALPHABETIC).line_cells == 13


def test_an_option_by_script_leaves_the_other_scripts_alone() -> None:
    options = SubtitleOptions.model_validate({"line_width": {"japanese": 13}})
    assert options.rules(Script.JAPANESE).line_cells == 26
    assert options.rules(Script.CHINESE) == RULES[Script.CHINESE]


@pytest.mark.parametrize(
    "option",
    [
        {"line_width": 7},
        {"line_width": {"chinese": 500}},
        {"line_width": {"klingon": 40}},
        {"reading_speed": 0},
        {"lines": 4},
        {"minimum_ms": 4000, "maximum_ms": 3000},
        {"line_widht": 40},
        {"speakers": {"0": "Anna"}},
        {"speakers": {"Speaker 1": "Anna"}},
        {"speakers": {"1.": "Anna"}},
    ],
)
def test_an_impossible_or_unknown_option_is_refused(option: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SubtitleOptions.model_validate(option)
