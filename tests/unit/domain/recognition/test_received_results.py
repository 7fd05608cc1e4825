"""A result file is parsed with little memory, and as exactly as the standard library parses it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashscribe.domain.recognition.received_results import parse_result, replace_texts

NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([10**400, 1e400, -0.0, 5e-324])
DOCUMENTS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=[]), max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(DOCUMENTS, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example({"a": "\ud800"}, True, "utf-8")
def test_a_result_is_parsed_as_the_standard_library_parses_it(document: object, escaped: bool, encoding: str) -> None:
    received = json.dumps(document, ensure_ascii=escaped).encode(encoding, "surrogatepass")
    parsed = parse_result(bytearray(received))
    assert repr(dict(parsed)) == repr(json.loads(received))
    assert parsed.received == received


@pytest.mark.parametrize("received", [b"", b"[]", b"1", b"{", b'{"a":1,}', b"\xff", b'{"a":' + b"[" * 100_000])
def test_bytes_that_are_no_json_object_are_refused(received: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_result(bytearray(received))


def test_a_number_of_thousands_of_digits_is_read() -> None:
    assert parse_result(b'{"a":' + b"9" * 5000 + b"}") == {"a": float("inf")}


def test_equal_words_are_one_string() -> None:
    first, second = parse_result(b'{"a":["word","word"]}')["a"]
    assert first is second


def test_texts_are_replaced_in_place_and_all_other_bytes_stay() -> None:
    received = bytearray(b'{"file_url" : "https://a/?s=1",\n "b": ["x https://a/?s=1 y", "other"]}')
    changed = replace_texts(received, {"x https://a/?s=1 y": "x [redacted] \u00e9"}, "s3://m/k")
    assert changed is received
    assert changed == '{"file_url" : "s3://m/k",\n "b": ["x [redacted] \u00e9", "other"]}'.encode()


def test_many_texts_are_replaced_like_one() -> None:
    texts = [f"text {number} of many" for number in range(100)]
    changed = replace_texts(bytearray(json.dumps(texts).encode()), dict.fromkeys(texts, "[redacted]"), "s3://m/k")
    assert json.loads(changed) == ["[redacted]"] * 100
