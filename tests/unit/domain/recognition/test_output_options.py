from __future__ import annotations

import json

import pytest

from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.option_resolution import MODEL_KEY, OUTPUTS_KEY, PROFILE_KEY, resolve_options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS
from dashscribe.domain.transcripts.script_rules import SubtitleOptions
from dashscribe.errors import InvalidOptions
from tests.unit.domain.recognition.resolving import FLASH, FUN_FLASH, profile, profile_faults, resolve


def test_the_stack_decides_the_outputs_of_an_upload_that_chooses_none() -> None:
    options = resolve_options(
        "a.wav", {}, Profiles(), default_model="fun-asr", region=Region.INTERNATIONAL, default_outputs=("md",)
    )
    assert options.outputs == ("md",)
    assert resolve().outputs == DEFAULT_OUTPUTS


@pytest.mark.parametrize("given", [["ttml", "txt"], "ttml,txt", " txt , ttml , txt "])
def test_a_profile_chooses_its_outputs_as_a_list_or_as_text(given: object) -> None:
    assert resolve(profiles=profile(outputs=given)).outputs == ("txt", "ttml")


def test_a_profile_may_choose_no_outputs() -> None:
    assert resolve(profiles=profile(outputs=[])).outputs == ()


def test_the_metadata_replaces_the_outputs_of_the_profile() -> None:
    options = resolve({OUTPUTS_KEY: "srt, whisper_json"}, profiles=profile(outputs=["md"]))
    assert options.outputs == ("srt", "whisper_json")


def test_another_model_in_the_metadata_leaves_the_outputs_and_the_subtitles_of_the_profile() -> None:
    profiles = profile(model=FLASH, outputs=["vtt"], subtitles={"lines": 1})
    options = resolve({MODEL_KEY: FUN_FLASH}, profiles=profiles)
    assert (options.outputs, options.subtitles) == (("vtt",), SubtitleOptions(lines=1))


def test_the_fallback_model_keeps_the_outputs_and_the_subtitles() -> None:
    profiles = profile(
        model=FLASH, fallback_model="qwen3-asr-flash-filetrans", outputs=["vtt"], subtitles={"speakers": {"1": "Anna"}}
    )
    options = resolve(profiles=profiles).with_fallback_model()
    assert (options.outputs, options.subtitles) == (("vtt",), SubtitleOptions(speakers={"1": "Anna"}))


@pytest.mark.parametrize("given", ["pdf", ",", "txt;srt", "transcript.txt", "TXT"])
def test_unknown_outputs_in_the_metadata_are_named_with_what_is_allowed(given: str) -> None:
    with pytest.raises(InvalidOptions) as refused:
        resolve({OUTPUTS_KEY: given})
    allowed = ", ".join(OUTPUTS)
    assert refused.value.faults == [
        f"Metadata 'dashscribe-outputs' is {given!r}; allowed are {allowed}, separated by commas."
    ]


@pytest.mark.parametrize("given", [["txt", "docx"], "docx", ""])
def test_unknown_outputs_in_a_profile_are_named_with_what_is_allowed(given: object) -> None:
    [fault] = profile_faults({"outputs": given})
    shown = json.dumps(given) if isinstance(given, list) else repr(given)
    assert fault.startswith(f"Option 'outputs' is {shown}; allowed are txt, srt, ")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"lines": 9}, "Option 'subtitles.lines' is 9: Input should be less than or equal to 3"),
        ({"line_width": 3}, "line_width is 3; it must be from 8 to 200"),
        ({"colour": "red"}, "Option 'subtitles.colour' is 'red': Extra inputs are not permitted"),
        ({"minimum_ms": 5000, "maximum_ms": 1000}, "it must not be more than maximum_ms 1000"),
        ("wide", "Option 'subtitles' is 'wide'"),
    ],
)
def test_subtitle_options_that_are_not_possible_fail_the_upload_with_the_reason(given: object, named: str) -> None:
    faults = profile_faults({"subtitles": given})
    assert any(named in fault for fault in faults)
    assert all("allowed are line_width, lines," in fault for fault in faults)


def test_a_profile_with_faults_does_not_affect_the_uploads_of_another_profile() -> None:
    profiles = Profiles.parse('{"profiles": {"bad": {"subtitles": {"lines": 9}, "outputs": ["pdf"]}, "good": {}}}')
    assert resolve({PROFILE_KEY: "good"}, profiles=profiles).outputs == DEFAULT_OUTPUTS
