from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashscribe.domain.recognition.encoded_words import decode_encoded_words

TEXT = "客服 通话 😀"
BASE64 = base64.b64encode(TEXT.encode()).decode()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 20])
def test_words_cut_between_any_two_base64_digits_are_decoded(size: int) -> None:
    words = [f"=?UTF-8?B?{BASE64[start : start + size]}?=" for start in range(0, len(BASE64), size)]
    assert decode_encoded_words(" ".join(words)) == TEXT


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.integers(1, 9))
def test_words_cut_inside_a_character_are_decoded(text: str, size: int) -> None:
    raw = text.encode()
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert decode_encoded_words(" ".join(f"=?utf-8?b?{base64.b64encode(each).decode()}?=" for each in pieces)) == text
    quoted = [f"=?utf-8?q?{''.join(f'={byte:02X}' for byte in each)}?=" for each in pieces]
    assert decode_encoded_words("\r\n ".join(quoted)) == text


def test_text_around_encoded_words_is_kept() -> None:
    assert decode_encoded_words('{"text": "=?UTF-8?Q?caf=C3=A9_au?= lait"}') == '{"text": "café au lait"}'


@pytest.mark.parametrize("value", ["", "plain", "=?", "=?UTF-8?B?!!!?=", "=?nothing?B?YQ==?=", "=?UTF-8?B?/w==?="])
def test_what_cannot_be_decoded_stays(value: str) -> None:
    assert decode_encoded_words(value) == value
