"""A secret is removed from a text wherever it is and however it is encoded. Other text is unchanged."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe import redaction
from dashscribe.observability import NEVER_LOGGED_BELOW
from dashscribe.redaction import (
    REDACTED,
    find_urls,
    is_signed_url,
    redact_document,
    redact_signatures,
    redacted,
    register_secret,
    register_signed_url,
)

SIGNATURE = "5ec7e7a1b2c3d4e5f6a7b8c9"
TOKEN = "IQoJb3JpZ2luX2VjE5EcReT/+x=="
KEY = "dsk.9f8e7d6c5b4a3f2e1d0c"
"""A key that does not begin with `sk-`."""
URL = (
    "https://m.s3.amazonaws.com/a%20b.wav?prefix=a%20b"
    f"&X-Amz-Security-Token={quote(TOKEN, safe='')}&X-Amz-Signature={SIGNATURE}"
)
MAX_SECONDS = 0.5
"""CPU time, far above what the longest of these texts takes. A quadratic search takes a second or more."""


@pytest.fixture(autouse=True)
def no_registered_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", ())
    monkeypatch.setattr(redaction, "_signatures", ())


def fully_decoded(text: str) -> str:
    for _ in range(8):
        text = html.unescape(unquote(text)).replace("\\", "")
    return re.sub(r"=?\r?\n *|\0", "", text)


def leaked(text: str, secret: str) -> list[str]:
    """Every piece of eight characters of the secret that the text contains in any encoding."""
    plain, bare = fully_decoded(text), secret.replace("\\", "")
    return [bare[at : at + 8] for at in range(len(bare) - 7) if bare[at : at + 8] in plain]


# forms

CARRIED_SIGNATURES = [
    "".join(f"&#{ord(character)};" for character in URL),
    "".join(f"&#x{ord(character):X};" for character in URL),
    URL.replace("=", "&equals;").replace("&X", "&amp;X"),
    URL.replace("=", "&#61;"),
    URL.replace("=", "&#0061"),
    URL.replace("&", "%u0026").replace("=", "%u003D"),
    URL.replace("&", "\\046").replace("=", "\\075"),
    URL.replace("=", "＝"),
    "\0".join(URL),
    f"{URL[:-10]}\n{URL[-10:]} and more",
    f"{URL[:-10]}\r\n  {URL[-10:]}",
    f"{URL[:-10]}=\n{URL[-10:]}",
    URL.replace("Signature", "Sig\nnature"),
    f"X-Amz-Signature => {SIGNATURE}",
    f"xAmzSignature={SIGNATURE}",
    json.dumps({"sessionToken": SIGNATURE}),
    f"aws_session_token={SIGNATURE}",
    json.dumps({"StsToken": SIGNATURE}),
    f"AccessKeySecret={SIGNATURE}",
    f"<Signature>{SIGNATURE}</Signature>",
    f"the signature is {SIGNATURE:0<64}",
    f"SignatureDoesNotMatch: we calculated {SIGNATURE:0<64}",
    json.dumps({"a": {"b": {"name": "X-Amz-Signature", "value": SIGNATURE}}}, indent=8),
    json.dumps({"value": SIGNATURE, "name": "X-Amz-Signature"}),
]
"""Forms of a signed request that are removed from transcripts too."""


@pytest.mark.parametrize(
    "text",
    [
        repr({"X-Amz-Signature": SIGNATURE}),
        repr({"X-Amz-Signature": [SIGNATURE]}),
        json.dumps({"X-Amz-Signature": SIGNATURE}),
        json.dumps({"signature": [SIGNATURE]}),
        json.dumps(json.dumps({"Signature": SIGNATURE})),
        json.dumps({"name": "X-Amz-Signature", "value": SIGNATURE}),
        f"X-Amz-Signature: {SIGNATURE}",
        f"x-amz-security-token:{SIGNATURE}",
        repr([(b"X-Amz-Security-Token", SIGNATURE.encode())]),
        f"AWS4-HMAC-SHA256 Credential=AKIA/1, SignedHeaders=host, Signature={SIGNATURE}",
        f"Authorization: OSS LTAI5t:{SIGNATURE}",
        f"Authorization: Basic {SIGNATURE}",
        f"Authorization: {SIGNATURE}",
        f"x-api-key: {SIGNATURE}",
        f"DASHSCOPE_API_KEY={SIGNATURE}",
        f"<OSSAccessKeyId>LTAI</OSSAccessKeyId><SignatureProvided>{SIGNATURE}</SignatureProvided>",
        f"Bearer%20{SIGNATURE}",
        f"bearer+{SIGNATURE}",
        f"X-Amz-Signature=%35ec%{SIGNATURE}",
        f"security-token=CAIS%252F{SIGNATURE}",
        quote(URL, safe=""),
        quote(quote(URL, safe=""), safe=""),
        quote(quote(quote(URL, safe=""), safe=""), safe=""),
        URL.replace("Signature", "%53ignature"),
        URL.replace("&", "&amp;"),
        json.dumps(URL).replace("/", "\\/"),
        json.dumps(URL).replace("X-Amz-", "\\u0058-Amz-"),
        *CARRIED_SIGNATURES,
    ],
)
def test_a_signature_is_removed_in_every_form(text: str) -> None:
    assert leaked(text, SIGNATURE)
    assert leaked(redacted(text), SIGNATURE) == []


@pytest.mark.parametrize("text", CARRIED_SIGNATURES)
def test_a_signature_is_removed_from_a_transcript_in_every_form(text: str) -> None:
    assert leaked(redact_signatures(text), SIGNATURE) == []


@pytest.mark.parametrize("redact", [redacted, redact_signatures])
@pytest.mark.parametrize(
    "encode",
    [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes, lambda text: base64.b64encode(b"path?" + text)],
)
def test_base64_of_a_signed_url_is_removed(encode: Callable[[bytes], bytes], redact: Callable[[str], str]) -> None:
    for before, after in (("", ""), ("data:;base64,", "!"), ("https://m/path/", "")):
        encoded = encode(URL.encode()).decode()
        clean = redact(before + encoded + after)
        assert REDACTED in clean
        assert not any(encoded[at : at + 12] in clean for at in range(0, len(encoded) - 12, 4))


def test_base64_without_a_secret_is_unchanged() -> None:
    text = base64.b64encode(b"https://example.com/a?b=c and the word signature, and a token").decode()
    assert redact_signatures(text) == text


@pytest.mark.parametrize("redact", [redacted, redact_signatures])
@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: sk-{SIGNATURE}.",
        f"Authorization: Bearer {SIGNATURE}",
        json.dumps({"headers": {"Authorization": f"Bearer sk-{SIGNATURE}"}}),
        f"the header x-dashscope-api-key: {SIGNATURE}",
    ],
)
def test_a_key_that_no_one_registered_is_removed(text: str, redact: Callable[[str], str]) -> None:
    assert leaked(redact(text), SIGNATURE) == []


@pytest.mark.parametrize(
    "pair",
    [
        {"name": "X-Amz-Signature", "value": SIGNATURE},
        {"value": [SIGNATURE], "Name": "x-amz-security-token"},
        {"key": "Signature", "val": {"a": SIGNATURE}},
        ["X-Amz-Signature", SIGNATURE],
        ["x-oss-signature", [SIGNATURE]],
        {"AccessKeySecret": SIGNATURE, "sessionToken": SIGNATURE, "Authorization": SIGNATURE},
    ],
)
def test_a_value_that_is_apart_from_its_name_is_removed(pair: Any) -> None:
    clean = json.dumps(redact_document({"headers": [pair, {"text": "signature", "content": "."}]}, redact_signatures))
    assert leaked(clean, SIGNATURE) == []
    assert '{"text": "signature", "content": "."}' in clean


def test_the_whole_token_is_removed_also_after_a_percent_sign() -> None:
    text = f"X-Amz-Security-Token={quote(TOKEN, safe='')} and Signature=abcdefgh%zzijklmnopq"
    assert redacted(text) == f"X-Amz-Security-Token={REDACTED} and Signature={REDACTED}"


@pytest.mark.parametrize(
    "text",
    [
        "the signature is wrong",
        "Signature expired",
        "A token, a credential, and a bearer.",
        "api key missing",
        "https://example.com/a/b",
        '{"Signature": null, "api_key": true, "token": 5, "authorization": [1, 2], "access_token": -1.5e3}',
        '{"Bearer ": "x", "a": "Signature=", "b": "Signature: ", "c": "Authorization: Bearer "}',
        "C:\\new\\table 100% &amp; more",
    ],
)
def test_a_text_without_secrets_is_unchanged(text: str) -> None:
    assert redacted(text) == text


# by value


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"Incorrect API key provided: {KEY}.",
        f"x{KEY}x",
        json.dumps({"deep": [{"k": f"a{KEY}"}]}),
        quote(quote(KEY.replace("d", "%64"), safe=""), safe=""),
        KEY.replace("k", "\\u006b"),
        repr(KEY.encode()),
        base64.b64encode(f"user:{KEY}:more".encode()).decode(),
        base64.b64encode(f"u:{KEY}".encode()).decode(),
        base64.b64encode(f"us:{KEY}".encode()).decode(),
    ],
)
def test_a_registered_key_is_removed_whatever_it_looks_like(text: str) -> None:
    register_secret(KEY)
    for redact in (redacted, redact_signatures):
        clean = redact(text)
        assert leaked(clean, KEY) == []
        assert clean.count(REDACTED) == 1


def test_the_signature_of_a_registered_url_is_removed_without_its_name() -> None:
    register_signed_url(URL)
    for text in (f"bad signature {SIGNATURE}!", f"token {TOKEN}", f"token {TOKEN.replace('+', ' ')}"):
        assert leaked(redacted(text), SIGNATURE) == []
        assert leaked(redacted(text), TOKEN) == []
        assert leaked(redact_signatures(text), TOKEN) == []


def test_only_the_newest_signatures_are_kept_and_a_key_is_kept_always() -> None:
    register_secret(KEY)
    for number in range(2 * redaction.MAX_REGISTERED_SIGNATURES):
        register_signed_url(f"https://m/a?X-Amz-Signature={number:064x}")
    assert len(redaction._signatures) == redaction.MAX_REGISTERED_SIGNATURES
    assert redacted(f"{2 * redaction.MAX_REGISTERED_SIGNATURES - 1:064x} {KEY}") == f"{REDACTED} {REDACTED}"


@pytest.mark.parametrize("text", ["", "https://[", "no url", "https://m/a?X-Amz-Signature=short"])
def test_a_text_that_is_not_a_signed_url_registers_nothing(text: str) -> None:
    register_signed_url(text)
    assert redaction._signatures == ()


def test_a_value_of_a_few_characters_is_not_registered() -> None:
    register_secret("key")
    assert redacted("monkey") == "monkey"


# text that must otherwise stay as it is


@pytest.mark.parametrize(
    "text",
    [
        "Visit https://example.com/search?q=weather today.",
        "Signature: John Smith. The token is sk-ating in St-Petersburg.",
        "He said: bearer bonds = 5 %.",
        "s3://media/sk-folder/st-john.wav",
    ],
)
def test_a_transcript_without_signatures_is_unchanged(text: str) -> None:
    assert redact_signatures(text) == text


def test_a_signed_url_in_a_transcript_loses_its_query() -> None:
    assert redact_signatures(f"cannot download {URL}, sorry") == (
        f"cannot download https://m.s3.amazonaws.com/a%20b.wav?{REDACTED} sorry"
    )
    assert is_signed_url(URL)
    assert not is_signed_url("https://example.com/?q=1")
    assert list(find_urls(f"({URL}), http://b.")) == [URL, "http://b"]


def test_every_text_and_every_name_of_a_document_is_redacted() -> None:
    document = {
        "a": [URL, {"b": URL, URL: 1}, 7, None, True],
        "X-Amz-Signature": SIGNATURE,
        "nested": {"Signature": {"value": SIGNATURE}},
        "text": "unchanged",
    }
    clean = redact_document(document, redact_signatures)
    assert leaked(json.dumps(clean), SIGNATURE) == []
    assert (clean["text"], clean["a"][2:]) == ("unchanged", [7, None, True])
    assert redact_document(URL, redact_signatures).endswith(REDACTED)


def test_a_deeply_nested_document_is_redacted() -> None:
    document: Any = [URL]
    for _ in range(50_000):
        document = [document]
    clean = redact_document(document, redact_signatures)
    while isinstance(clean, list):
        clean = clean[0]
    assert clean.endswith(REDACTED)


# fuzz

ENCODERS: list[Callable[[str], str]] = [
    json.dumps,
    repr,
    html.escape,
    lambda text: quote(text, safe=""),
    lambda text: quote(text),
    lambda text: json.dumps({"message": [text]}, ensure_ascii=False),
    lambda text: "".join(f"%{ord(c):02X}" if c.isascii() and c.isalpha() else c for c in text),
    lambda text: "".join(f"\\u{ord(c):04x}" if c in "xX5&=:/" else c for c in text),
    str,
]
CARRIERS: list[Callable[[str], str]] = [
    lambda secret: f"https://m/a.wav?X-Amz-Signature={secret}",
    lambda secret: f"https://m/a%20%3F.wav?a=b%20c&x-oss-signature={secret}&z=1",
    lambda secret: f"Signature={secret}",
    lambda secret: json.dumps({"headers": {"Authorization": f"Bearer {secret}"}}),
    lambda secret: repr([("X-Amz-Security-Token", secret)]),
    lambda secret: repr(ValueError(f"refused: Bearer {secret}")),
    lambda secret: f"X-Api-Key: {secret}\nHost: m",
    lambda secret: f"key sk-{secret}",
]
SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/+", min_size=16, max_size=40)
ODD_TEXT = st.lists(
    st.sampled_from(
        [*"ab1 \"'\\%&=:;,/?{}[]<>\n\té中\ud83d", "Signature", "Bearer ", "https://", "sk-", "\\u0022", "%22"]
        + ["&#34;", "&#x5c", "\0", "%u0022", "\\042", "\\x22", "1\n2", "&quot;", "X-Amz-Signature", "value", "name"]
        + [base64.b64encode(b"https://m/a?Signature=abcdefghi1").decode(), "sk-0123456789abcdefghij", "0" * 64]
    )
).map("".join)


@settings(max_examples=200, deadline=None)
@given(
    SECRET.filter(lambda secret: secret[0].isalnum()),
    st.sampled_from(CARRIERS),
    st.lists(st.sampled_from(ENCODERS), max_size=3),
)
@example("a" * 20, CARRIERS[3], [json.dumps, json.dumps, ENCODERS[3]])
def test_a_planted_secret_is_removed_in_any_encoding(
    secret: str, carrier: Callable[[str], str], encoders: list[Callable[[str], str]]
) -> None:
    secret = secret.replace("/", "") if carrier is CARRIERS[7] else secret
    secret = secret.replace("+", "") if carrier is CARRIERS[7] else secret
    text = f"before {carrier(secret)} after"
    for encode in encoders:
        text = encode(text)
    clean = redacted(text)
    assert leaked(clean, secret) == []
    assert redacted(clean) == clean


@settings(max_examples=200, deadline=None)
@given(SECRET, st.text(max_size=20), st.text(max_size=20), st.lists(st.sampled_from(ENCODERS), max_size=3))
def test_a_registered_secret_is_removed_in_any_encoding(
    secret: str, before: str, after: str, encoders: list[Callable[[str], str]]
) -> None:
    register_secret(secret)
    text = before + secret + after
    for encode in encoders:
        text = encode(text)
    assert secret not in fully_decoded(redacted(text))
    assert secret not in fully_decoded(redact_signatures(text))


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        ODD_TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXT, inner, max_size=4),
    )
)
def test_a_redacted_line_of_json_is_valid_json(document: object) -> None:
    for line in (json.dumps(document), json.dumps(json.dumps(document)), json.dumps(document, ensure_ascii=False)):
        json.loads(redacted(line))
        json.loads(redact_signatures(line))


# time


def long_texts() -> Iterator[str]:
    units = [
        "https://",
        "?",
        "%41",
        "%25",
        "%2525",
        "\\",
        '\\"',
        "Signature=",
        "Signature    ",
        "Bearer ",
        "sk-",
        "://",
    ]
    units += [
        "sk-aaaa ",
        "a_",
        "1",
        "{",
        "&amp;",
        "&#61;",
        "\\u0025",
        "aGVsbG8gd29ybGQ",
        "a\n",
        "a\0",
        'X-Amz-Signature"   ',
        '"value": "abcdefgh", ',
        "%25%",
        "https://a/b?c ",
        "Authorization: Bearer ",
        '"',
        " ",
    ]
    for unit in units:
        for prefix in ("", "Signature="):
            yield prefix + unit * (70_000 // len(unit))


def cpu_seconds(redact: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    redact(text)
    return time.thread_time() - started


@pytest.mark.parametrize("redact", [redacted, redact_signatures, is_signed_url])
def test_the_time_grows_linearly_with_the_text(redact: Callable[[str], object]) -> None:
    register_secret(KEY)
    for number in range(redaction.MAX_REGISTERED_SIGNATURES):
        register_signed_url(f"https://m/a?X-Amz-Signature={number:064x}")
    for text in long_texts():
        # A quadratic search is slow each time. A busy machine can slow one measurement down.
        assert any(cpu_seconds(redact, text) < MAX_SECONDS for _ in range(3)), text[:40]


@pytest.mark.parametrize("marker", redaction._BASE64_MARKERS)
@pytest.mark.parametrize(("before", "first_digit"), [("", 0), ("x", 2), ("xy", 3)])
def test_the_base64_of_a_marker_is_never_hexadecimal(marker: str, before: str, first_digit: int) -> None:
    """So an id, which is hexadecimal, need not be decoded. Only the digits that the marker determines are compared."""
    for letters in product(*({letter.lower(), letter.upper()} for letter in marker)):
        encoded = base64.urlsafe_b64encode(f"{before}{''.join(letters)}".encode()).decode()
        determined = encoded[first_digit : len(before + marker) * 8 // 6]
        assert not redaction._HEXADECIMAL.fullmatch(determined), letters


def test_an_id_that_is_a_registered_key_is_removed() -> None:
    register_secret("5d3c9a8e-7b4f-4c8a-9d21-0e5b5ce44d1c")
    assert redacted("5d3c9a8e-7b4f-4c8a-9d21-0e5b5ce44d1c") == "[redacted]"
    assert redacted("0d3c9a8e-7b4f-4c8a-9d21-0e5b5ce44d1c") == "0d3c9a8e-7b4f-4c8a-9d21-0e5b5ce44d1c"


# other loggers


@pytest.mark.parametrize("name", [*NEVER_LOGGED_BELOW, "httpcore.connection", "httpcore.http11", "botocore.auth"])
def test_a_library_does_not_log_what_contains_secrets(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    library = logging.getLogger(name)
    library.debug("%s", URL)
    if name.startswith("http"):
        library.info('HTTP Request: GET %s "HTTP/1.1 200 OK"', URL)
    assert caplog.text == ""
