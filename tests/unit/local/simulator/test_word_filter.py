"""The simulator replaces and removes words as the vendor does (docs/vendor-api.md#sensitive-word-filter)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashscribe.domain.recognition.catalogue import CATALOGUE
from local.simulator.recognition import RecognitionError
from local.simulator.results import task_document
from local.simulator.transcriber import document_for_text

URL = "http://127.0.0.1:9/a.wav"


def filtered(text: str, model: str = "fun-asr", **filters: Any) -> dict[str, Any]:
    """The transcript of this text with this filter."""
    parameters = {"special_word_filter": json.dumps(filters)}
    document = task_document(CATALOGUE[model], URL, document_for_text(text), parameters)
    transcript: dict[str, Any] = document["transcripts"][0]
    return transcript


def words(*texts: str) -> dict[str, list[str]]:
    return {"word_list": list(texts)}


def joined(transcript: dict[str, Any]) -> str:
    return "".join(
        word["text"] + word["punctuation"] for sentence in transcript["sentences"] for word in sentence["words"]
    )


def test_a_replaced_word_becomes_asterisks_of_the_same_length() -> None:
    transcript = filtered("Help me test this code", filter_with_signed=words("test"))
    assert transcript["text"] == joined(transcript) == "Help me **** this code"


def test_a_removed_word_is_gone_with_its_blank() -> None:
    transcript = filtered("Is the game about to start?", filter_with_empty=words("start"))
    assert transcript["text"] == joined(transcript) == "Is the game about to?"
    assert len(transcript["sentences"][0]["words"]) == 5


@pytest.mark.parametrize(
    ("text", "word", "left"),
    [
        ("the latest test", "test", "the latest ****"),
        ("The end of the day", "the", "*** end of *** day"),
        ("a big dog barks", "big dog", "a *** *** barks"),
        ("请帮我测试一下", "测试", "请帮我**一下"),
        ("a (b) c", "(b)", "a *** c"),
    ],
)
def test_whole_words_are_replaced_in_any_case_and_script(text: str, word: str, left: str) -> None:
    assert filtered(text, filter_with_signed=words(word))["text"] == left


def test_paraformer_filters_words_too() -> None:
    transcript = filtered("Hello big world", "paraformer-v2", filter_with_empty=words("big"))
    assert [word["text"] for word in transcript["sentences"][0]["words"]] == ["Hello ", "world"]


def test_a_file_without_any_word_left_has_no_words() -> None:
    with pytest.raises(RecognitionError) as raised:
        filtered("start", filter_with_empty=words("start"))
    assert raised.value.code == "ASR_RESPONSE_HAVE_NO_WORDS"


@pytest.mark.parametrize("given", ["no JSON", "[]", '{"filter_with_signed": ["a"]}', 17, None])
def test_a_filter_that_cannot_be_read_changes_nothing(given: Any) -> None:
    document = task_document(CATALOGUE["fun-asr"], URL, document_for_text("a b"), {"special_word_filter": given})
    assert document["transcripts"][0]["text"] == "a b"
