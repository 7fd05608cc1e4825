from __future__ import annotations

import pytest

from dashscribe.domain.transcripts.spoken_text import is_visible, join_sentences, join_words


@pytest.mark.parametrize(
    ("sentences", "joined"),
    [
        (["Hello there.", "How are you?"], "Hello there. How are you?"),
        (["Hello there. ", "How are you?"], "Hello there. How are you?"),
        (["今天很好。", "明天也好。"], "今天很好。明天也好。"),
        (["今天很好.", "明天也好."], "今天很好.明天也好."),
        (["こんにちは。", "元気ですか。"], "こんにちは。元気ですか。"),
        (["안녕하세요.", "반갑습니다."], "안녕하세요. 반갑습니다."),
        (["Hello.", "", "Yes."], "Hello. Yes."),
        ([], ""),
    ],
)
def test_sentences_are_joined_as_their_script_requires(sentences: list[str], joined: str) -> None:
    assert join_sentences(sentences) == joined


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["Hello", " world", "."], "Hello world."),
        (["this is", "Alibaba", "Lab."], "this is Alibaba Lab."),
        (["我们", "用", "Python", "写"], "我们用Python写"),
        (["สวัสดี", "ครับ"], "สวัสดีครับ"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["don", "'t"], "don't"),
    ],
)
def test_words_are_joined_as_their_script_requires(words: list[str], joined: str) -> None:
    assert join_words(words) == joined


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b", "\ufeff", "\u2060\u00ad", "\u3164", "\u2800", "\ufe0f", "\x00"]
)
def test_invisible_text_is_no_text(text: str) -> None:
    assert not is_visible(text)


@pytest.mark.parametrize("text", ["a", "。", "...", "音", "😀", "1", "\u200bก"])
def test_any_visible_sign_is_text(text: str) -> None:
    assert is_visible(text)
