"""docs/good-transcripts.md has the vendor's advice (docs/vendor-api.md#recognition-quality)."""

from __future__ import annotations

import re

import pytest

from local.stack import ROOT

PAGE = (ROOT / "docs" / "good-transcripts.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
PROSE = re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize(
    ("scenario", "models", "reason"),
    [
        ("meetings and live recordings in Chinese", ["`fun-asr`"], "Chinese dialects"),
        ("several languages", ["`fun-asr`", "`paraformer-v2`"], "one model for all languages"),
        ("songs, shows, live streams", ["`fun-asr`", "`fun-asr-2025-11-07`"], "singing"),
        ("news and interviews for subtitles", ["`fun-asr`", "`paraformer-v2`"], "long recordings, punctuation"),
        ("devices in a room or a car", ["`fun-asr`"], "far speakers"),
        ("8 kHz", ["`paraformer-8k-v2`"], "8 kHz"),
        ("names, after a chat", ["`fun-asr-flash-2026-06-15`"], "context"),
    ],
)
def test_each_scenario_of_the_vendor_has_its_models(scenario: str, models: list[str], reason: str) -> None:
    [row] = [row for row in ROWS if scenario in row[0]]
    assert [model for model in models if model not in row[1]] == []
    assert reason in row[2]


@pytest.mark.parametrize(
    "advice",
    [
        "The recording decides most about its transcript, then the model, then the options",
        "Accents, fast speech, several languages, technical terms and missing context make recognition harder",
        "Use a good microphone at the sample rate of the model",
        "Fun-ASR and `paraformer-v2` take any sample rate. `paraformer-8k-v2` is for 8 kHz",
        "Reduce noise and echo",
        "With a strong accent, choose the model that names the dialect",
        "help with technical terms and names",
        "Do not cut a recording into short pieces",
        "Hotwords work in the account's primary workspace only",
        "Text that has nothing to do with the recording rarely does harm",
        "a list of words in any form, a paragraph, or both",
        "does not recommend it for more than two hours of audio",
        "`speaker_count` guides it and guarantees no number",
        "leave it out if several languages are spoken",
        "Fun-ASR and Paraformer always write spoken numbers as digits",
        "replace the words of the vendor's own list by asterisks",
        "with `enable_words`, which also makes punctuation end a sentence",
        "Fun-ASR gives them always",
        "The vendor bills each requested channel",
        "Fun-ASR and Paraformer bill the speech only",
        "36,000 seconds (10 hours) for each Fun-ASR model, valid for 90 days",
        "they expire after 48 hours, and the vendor does not recommend them for production",
    ],
)
def test_the_page_gives_the_vendors_advice(advice: str) -> None:
    assert advice in re.sub(r"Leave it", "leave it", PROSE)


@pytest.mark.parametrize(
    ("models", "dialects"),
    [
        ("`fun-asr` and `fun-asr-2025-11-07`", "Mandarin, Cantonese, Wu, Minnan, Hakka, Gan, Xiang and Jin"),
        ("`paraformer-v2`", "Cantonese, Wu, Minnan and many regional dialects"),
        ("`qwen3-asr-flash` and `qwen3-asr-flash-filetrans`", "Mandarin, Sichuanese, Minnan, Wu and Cantonese"),
    ],
)
def test_the_dialects_of_each_model_are_named(models: str, dialects: str) -> None:
    assert f"{models} recognise {dialects}" in PROSE or f"{models} recognises {dialects}" in PROSE
