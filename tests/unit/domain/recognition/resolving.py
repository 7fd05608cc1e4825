"""Helpers for tests of options: a profiles document, and functions that resolve the options of one upload."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.option_resolution import MODEL_KEY, PARAMETERS_KEY, resolve_options
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.errors import InvalidOptions

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


FILETRANS, FLASH, AUDIO = "qwen3-asr-flash-filetrans", "qwen3-asr-flash", "qwen-audio-3.1-asr-flash"
FUN_FLASH, OMNI, AUDIO_FILETRANS = "fun-asr-flash-2026-06-15", "qwen3-omni-flash", "qwen-audio-3.0-asr-flash-filetrans"
TURN = {"role": "user", "text": "Bulge Bracket"}


def profile(**fields: object) -> Profiles:
    return Profiles.model_validate({"profiles": {"default": fields}})


def profile_faults(fields: dict[str, object], region: Region = Region.INTERNATIONAL) -> list[str]:
    with pytest.raises(InvalidOptions) as refused:
        resolve(profiles=profile(**fields), region=region)
    return refused.value.faults


LEAVES = st.none() | st.booleans() | st.integers(-1, 40) | st.floats() | st.text(max_size=8) | st.sampled_from(["en"])
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
