"""The context of a request: split into turns, or read from an object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.context import MAX_TURN_CHARACTERS, MAX_TURNS, is_cut, split_text
from dashscribe.domain.recognition.option_resolution import resolve_options
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.profiles import Profiles
from dashscribe.errors import InvalidOptions, TextUnusable
from tests.unit.domain.recognition.resolving import FILETRANS, FLASH, FUN_FLASH, OMNI, profile, resolve

PARAGRAPHS = " ".join(
    f"Sentence {number} names the {number}. investment bank, which is known in its market." for number in range(24)
)
OBJECTS = {"prompts/glossary.txt": "Bulge Bracket, Boutique", "prompts/sing.txt": "Sing it."}


def read_text(key: str) -> str:
    if key not in OBJECTS:
        raise TextUnusable(f"The object s3://media/{key} does not exist.")
    return OBJECTS[key]


def resolved(profiles: Profiles, metadata: dict[str, str] | None = None) -> Options:
    return resolve_options(
        "a.wav", metadata or {}, profiles, default_model="fun-asr", region=Region.OTHER, read_text=read_text
    )


def faults(profiles: Profiles, metadata: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(InvalidOptions) as refused:
        resolved(profiles, metadata)
    return refused.value.faults


@given(st.text(), st.integers(1, 50))
def test_the_pieces_of_a_text_are_short_enough_and_lose_only_blanks(text: str, size: int) -> None:
    pieces = split_text(text, size)
    assert all(len(piece) <= size for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_text_is_split_between_sentences_and_words() -> None:
    pieces = split_text(PARAGRAPHS)
    assert all(piece.endswith((".", "market.")) for piece in pieces)
    assert split_text("one two three", 9) == ["one two", "three"]


@pytest.mark.parametrize("length", [1000, 1750])
def test_paragraphs_of_the_vendors_examples_fit(length: int) -> None:
    text = PARAGRAPHS[:length]
    found = resolve(profiles=profile(model=FUN_FLASH, parameters={"context": text}))
    turns = found.parameters["context"]
    assert len(turns) <= MAX_TURNS
    assert " ".join(turn["text"] for turn in turns) == text.strip()
    assert found.warnings == ()


def test_what_does_not_fit_is_cut_with_a_warning() -> None:
    text = "word " * 1000
    found = resolve(profiles=profile(model=FUN_FLASH, parameters={"context": text}))
    assert [turn["role"] for turn in found.parameters["context"]] == ["user"] * MAX_TURNS
    assert found.warnings == ("CONTEXT_CUT",)
    assert is_cut(text)
    assert not is_cut("w" * MAX_TURN_CHARACTERS * MAX_TURNS)


def test_the_parts_of_a_long_turn_keep_its_role() -> None:
    given_turns = [{"role": "assistant", "text": "a" * 500}, {"role": "user", "text": "b"}]
    found = resolve(profiles=profile(model=FUN_FLASH, parameters={"context": given_turns}))
    assert [(turn["role"], len(turn["text"])) for turn in found.parameters["context"]] == [
        ("assistant", 400),
        ("assistant", 100),
        ("user", 1),
    ]


def test_a_context_of_ten_thousand_tokens_is_accepted() -> None:
    found = resolve(profiles=profile(model=FLASH, parameters={"context": "four " * 10_000}))
    assert len(found.parameters["context"]) == 50_000


@pytest.mark.parametrize(("model", "parameter"), [(FLASH, "context"), (FILETRANS, "text"), (OMNI, "context")])
def test_the_context_of_a_profile_is_read_from_an_object(model: str, parameter: str) -> None:
    found = resolved(profile(model=model, context_object="prompts/glossary.txt"))
    assert found.parameters == {parameter: "Bulge Bracket, Boutique"}


def test_context_and_prompt_are_read_from_objects_in_the_metadata() -> None:
    metadata = {"dashscribe-context-object": "prompts/glossary.txt", "dashscribe-prompt-object": "prompts/sing.txt"}
    found = resolved(profile(model=OMNI, context_object="prompts/other.txt"), metadata)
    assert found.parameters == {"context": "Bulge Bracket, Boutique", "prompt": "Sing it."}


def test_a_context_in_the_metadata_replaces_the_profiles_object() -> None:
    profiles = profile(model=FLASH, context_object="prompts/none.txt")
    assert resolved(profiles, {"dashscribe-parameters": '{"context": "x"}'}).parameters == {"context": "x"}
    assert resolved(profiles, {"dashscribe-parameters": '{"context": null}'}).parameters == {}


@pytest.mark.parametrize(
    ("fields", "metadata", "parts"),
    [
        ({"model": FLASH, "context_object": "none.txt"}, {}, ["'context_object'", "'none.txt'", "does not exist"]),
        ({"context_object": "prompts/glossary.txt"}, {}, ["'context_object'", "fun-asr has no such text", FLASH]),
        ({"model": FLASH, "prompt_object": "prompts/sing.txt"}, {}, ["'prompt_object'", OMNI]),
        (
            {"model": FLASH, "context_object": "prompts/glossary.txt", "parameters": {"context": "x"}},
            {},
            ["'context_object'", "give one of them"],
        ),
        ({"model": FLASH}, {"dashscribe-context-object": "x.txt"}, ["'dashscribe-context-object'", "does not exist"]),
    ],
)
def test_an_object_that_cannot_be_used_is_a_fault(
    fields: dict[str, object], metadata: dict[str, str], parts: list[str]
) -> None:
    [fault] = faults(profile(**fields), metadata)
    assert all(part in fault for part in parts), fault


def test_hotwords_in_a_stack_with_a_workspace_get_a_warning() -> None:
    for parameters, warnings in (({"vocabulary_id": "v"}, ("HOTWORDS_NEED_PRIMARY_WORKSPACE",)), ({}, ())):
        found = resolve_options(
            "a.wav",
            {},
            profile(parameters=parameters),
            default_model="fun-asr",
            region=Region.OTHER,
            has_workspace=True,
        )
        assert found.warnings == warnings
