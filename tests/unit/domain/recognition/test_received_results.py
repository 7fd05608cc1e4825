"""A result file is parsed with little memory, and as exactly as the standard library parses it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashscribe.domain.recognition.received_results import (
    as_received,
    has_transcripts,
    parse_result,
    replace_texts,
)

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


# damage


@pytest.mark.parametrize(
    ("received", "document"),
    [
        (b'{"a":"x\xffy"}', {"a": "x\ufffdy"}),
        (b'{"a":"x\ny"}', {"a": "x\ny"}),
        (b'{"a":1}<html>', {"a": 1}),
        (b'\xef\xbb\xbf\0 \n{"a":1}}', {"a": 1}),
        (b'{"a":"x\ny","n":' + b"9" * 5000 + b"}", {"a": "x\ny", "n": float("inf")}),
    ],
)
def test_damage_costs_only_itself_and_is_reported(received: bytes, document: object) -> None:
    parsed = parse_result(received)
    assert (parsed, parsed.is_damaged) == (document, True)
    assert as_received(parsed) == received


def test_a_document_without_damage_is_not_reported() -> None:
    for received in (b'{"a":1}', b'{"a":"\\ud800"}', b'{"a":' + b"9" * 5000 + b"}", '{"a":"é"}'.encode("utf-16")):
        assert not parse_result(received).is_damaged


def test_two_documents_in_one_file_are_refused() -> None:
    with pytest.raises(ValueError, match="more than one document"):
        parse_result(b'{"transcripts":[]}{"transcripts":[]}')


def test_containers_below_a_hundred_levels_count_as_null_and_the_rest_is_read() -> None:
    deep = b"[" * 50_000 + b"1" + b"]" * 50_000
    parsed = parse_result(b'{"a":' + deep + b',"b":"[{","c":[2],"d":' + deep + b',"e":3}')
    assert parsed.is_damaged
    assert (parsed["b"], parsed["c"], parsed["e"]) == ("[{", [2], 3)
    inner, levels = parsed["a"], 1
    while inner:
        inner, levels = inner[0], levels + 1
    assert (inner, levels) == (None, 100)


@pytest.mark.parametrize(
    ("document", "is_result"),
    [
        ({"transcripts": []}, True),
        ({"transcripts": {"0": {}}}, True),
        ({"transcripts": {}}, False),
        ({"transcripts": "none"}, False),
        ({}, False),
    ],
)
def test_a_result_file_has_a_list_of_transcripts_or_an_object_of_them(
    document: dict[str, object], is_result: bool
) -> None:
    assert has_transcripts(document) is is_result


def test_a_document_that_was_not_downloaded_is_stored_as_json() -> None:
    assert json.loads(as_received({"a": "é"})) == {"a": "é"}


@pytest.mark.parametrize("files", [1, 20, 21, 50])
def test_every_address_is_replaced_whatever_is_around_it(files: int) -> None:
    document = {"é": [{"file_url": f"https://a/{number}?s=\\1", "b": number} for number in range(files)], "end": "é"}
    for received in (json.dumps(document, ensure_ascii=False).encode(), json.dumps(document, indent=1).encode()):
        changed = json.loads(replace_texts(bytearray(received), {}, "s3://m/é"))
        assert changed == {"é": [{"file_url": "s3://m/é", "b": number} for number in range(files)], "end": "é"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_document_in_another_encoding_is_replaced_too(encoding: str) -> None:
    received = json.dumps({"file_url": "https://a/?s=1", "b": "héllo"}, ensure_ascii=False).encode(encoding)
    assert json.loads(bytes(replace_texts(received, {"héllo": "x"}, "s3://m/k"))) == {"file_url": "s3://m/k", "b": "x"}


def test_an_escaped_text_and_the_shortest_text_are_replaced_and_a_part_of_a_text_is_not() -> None:
    received = bytearray(b'["\\u0061b", "ab", "abc", "\\ud800", "q\\"ab\\""]')
    changed = replace_texts(received, {"ab": "[redacted]"}, "s3://m/k")
    assert changed == b'["[redacted]", "[redacted]", "abc", "\\ud800", "q\\"ab\\""]'


def test_a_lone_surrogate_in_what_replaces_a_text_stays_valid_json() -> None:
    assert json.loads(replace_texts(b'["a"]', {"a": "x\ud800"}, "s3://m/k")) == ["x\ud800"]
