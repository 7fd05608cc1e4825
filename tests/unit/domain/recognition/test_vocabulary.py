"""Hotwords: what a profile may give, and how a list is named."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import CATALOGUE, Region
from dashscribe.domain.recognition.vocabulary import (
    CHECK_EVERY,
    CLAIM_LASTS,
    KEEP_UNUSED,
    Vocabulary,
    VocabularyContent,
    prefix_of,
    vocabulary_prefix,
)
from dashscribe.errors import InvalidOptions
from tests.unit.domain.recognition.resolving import profile, profile_faults, refusal, resolve

WORDS = {"Bulge Bracket": 4, "阙里人家": 5}
WITH_LISTS = [name for name, spec in CATALOGUE.items() if spec.parameters.prepares_vocabulary]


def test_fun_asr_and_paraformer_v2_take_hotwords_in_a_profile() -> None:
    assert WITH_LISTS == [
        "fun-asr",
        "fun-asr-2025-11-07",
        "fun-asr-2025-08-25",
        "fun-asr-mtl",
        "fun-asr-mtl-2025-08-25",
        "paraformer-v2",
        "paraformer-8k-v2",
    ]
    for model in WITH_LISTS:
        found = resolve(profiles=profile(model=model, vocabulary=WORDS), region=Region.OTHER)
        assert found.parameters == {"vocabulary": WORDS}


def test_the_hotwords_of_qwen_audio_are_sent_as_they_are() -> None:
    model = "qwen-audio-3.0-asr-flash-filetrans"
    assert resolve(profiles=profile(model=model, vocabulary={"a": 50})).parameters == {"vocabulary": {"a": 50}}


def test_a_model_without_hotwords_refuses_them() -> None:
    [fault] = profile_faults({"model": "qwen3-asr-flash", "vocabulary": WORDS})
    assert "'vocabulary'" in fault
    assert "qwen3-asr-flash" in fault


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ({}, "at least 1"),
        ({"a": 0}, "1"),
        ({"a": 6}, "5"),
        ({"a": 1.5}, "integer"),
        ({"a": True}, "integer"),
        ({" ": 4}, "empty word"),
        ({"Клофелин Белмедпрепараты": 4}, "at most 15"),
        ({"one two three four five six seven eight": 4}, "at most 7"),
        ({f"w{number}": 4 for number in range(501)}, "at most 500"),
    ],
)
def test_hotwords_that_the_vendor_does_not_allow_are_refused(words: dict[str, object], part: str) -> None:
    faults = profile_faults({"vocabulary": words})
    assert any("vocabulary" in fault and part in fault for fault in faults), faults


def test_the_longest_allowed_hotwords_are_accepted() -> None:
    words = {"Фенибут Белфарм": 4, "The effect of temperature on reaction rate": 1}
    assert resolve(profiles=profile(vocabulary=words)).parameters == {"vocabulary": words}


def test_hotwords_in_the_metadata_of_an_object_are_refused() -> None:
    fault = refusal({"vocabulary": WORDS})
    assert "in a profile only" in fault
    assert "at most 10" in fault


def test_hotwords_and_a_list_in_one_profile_conflict() -> None:
    faults = profile_faults({"vocabulary": WORDS, "parameters": {"vocabulary_id": "vocab-1", "vocabulary": WORDS}})
    assert any("vocabulary_id" in fault for fault in faults)


def test_a_list_in_the_metadata_replaces_the_hotwords_of_the_profile() -> None:
    metadata = {"dashscribe-parameters": '{"vocabulary_id": "vocab-1"}'}
    assert resolve(metadata, profiles=profile(vocabulary=WORDS)).parameters == {"vocabulary_id": "vocab-1"}


def test_a_null_in_the_metadata_removes_the_hotwords() -> None:
    assert (
        resolve({"dashscribe-parameters": '{"vocabulary": null}'}, profiles=profile(vocabulary=WORDS)).parameters == {}
    )


def test_the_hotwords_of_qwen_audio_are_not_passed_on_to_a_fallback_model_with_lists() -> None:
    fields = {"model": "qwen-audio-3.1-asr-flash", "vocabulary": {"a": 50}, "fallback_model": "fun-asr"}
    fallback = resolve(profiles=profile(**fields)).fallback
    assert fallback is not None
    assert fallback.parameters == {}
    own = resolve(profiles=profile(**fields, fallback_parameters={"vocabulary": {"a": 5}})).fallback
    assert own is not None
    assert own.parameters == {"vocabulary": {"a": 5}}


def test_hotwords_over_a_list_are_refused_as_hotwords_only() -> None:
    metadata = {"dashscribe-parameters": json.dumps({"vocabulary": WORDS})}
    with pytest.raises(InvalidOptions) as refused:
        resolve(metadata, profiles=profile(parameters={"vocabulary_id": "vocab-1"}))
    assert [("in a profile only" in fault) for fault in refused.value.faults] == [True]


def test_one_run_at_a_time_prepares_a_list(now: datetime) -> None:
    record = Vocabulary(prefix="p", target_model="fun-asr")
    claimed = record.claimed(now)
    assert not record.is_claimed(now)
    assert claimed.is_claimed(now + CLAIM_LASTS - timedelta(seconds=1))
    assert not claimed.is_claimed(now + CLAIM_LASTS)
    assert not claimed.released().is_claimed(now)
    ready = claimed.prepared("vocab-1", now, is_ready=True)
    assert (ready.vocabulary_id, ready.is_claimed(now), ready.checked_at) == ("vocab-1", False, now)
    for used in (claimed, ready):
        assert used.expires_at == int((now + KEEP_UNUSED).timestamp())


def test_a_list_is_checked_until_it_is_ready_and_then_now_and_again(now: datetime) -> None:
    record = Vocabulary(prefix="p", target_model="fun-asr")
    ready, created = (record.prepared("vocab-1", now, is_ready=is_ready) for is_ready in (True, False))
    assert (record.needs_check(now), created.needs_check(now)) == (True, True)
    assert [ready.needs_check(now + age) for age in (CHECK_EVERY - timedelta(seconds=1), CHECK_EVERY)] == [False, True]


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.integers(1, 5), min_size=1), st.text(max_size=20))
def test_a_prefix_is_allowed_and_depends_on_content_model_and_stack(words: dict[str, int], scope: str) -> None:
    prefix = vocabulary_prefix(scope, "fun-asr", words)
    assert re.fullmatch(r"[0-9a-z]{9}", prefix)
    assert prefix == vocabulary_prefix(scope, "fun-asr", dict(reversed(words.items())))
    assert prefix != vocabulary_prefix(scope, "fun-asr-mtl", words)
    assert prefix != vocabulary_prefix(scope + "x", "fun-asr", words)
    assert prefix_of(f"vocab-{prefix}-0123456789abcdef") == prefix


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"vocabulary": [{"text": "a", "weight": 4, "lang": "en"}]}, {"a": 4}),
        ({"vocabulary": [None, {"text": 1}, {"text": "b", "weight": "5"}]}, {"b": 5}),
        ({"vocabulary": None, "target_model": 7, "status": []}, {}),
    ],
)
def test_an_odd_value_of_a_reply_costs_only_itself(reply: dict[str, object], words: dict[str, int]) -> None:
    assert VocabularyContent.model_validate(reply).words == words
