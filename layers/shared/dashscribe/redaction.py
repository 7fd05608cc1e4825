"""Remove secrets from text: API keys, bearer tokens, signatures, and the queries of URLs.

A secret is found by its form (a URL's query, the value of a name such as `X-Amz-Signature`), or by its value if the
process registered it. Escapes (`escapes`) and base64 are decoded first, so that an encoded secret is found too. The
time is linear in the length of the text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dashscribe.escapes import DecodedText, Span, decode_levels

REDACTED = "[redacted]"
MIN_SECRET_CHARACTERS = 8
"""A shorter value is not registered, because harmless text contains it too."""
MAX_REGISTERED_SIGNATURES = 256
"""The newest are kept. A submission has at most 100 presigned URLs."""
MAX_REMEMBERED_CHARACTERS, MAX_REMEMBERED_TEXTS = 40, 50_000
_URL = re.compile(r"""https?://[^\s"'<>\\]*""", re.IGNORECASE)
_VALUE_CHARACTER = r"""[^\s"'<>&,;(){}\[\]\\]"""
_VALUE = rf"(?P<value>(?![:=]|redacted\]){_VALUE_CHARACTER}+)"
_LONG_VALUE = rf"(?P<value>(?=[^\s]{{0,99}}[0-9]){_VALUE_CHARACTER}{{16,}})"
_SIGNING_HEADER = (
    r"(?:(?:X[_-]?)?(?:Amz|Aws|Oss|Acs)[_-]?"
    r"(?:Signature|(?:Security|Session)[_-]?Token|Credential|Access[_-]?Key[_-]?Id|Secret[_-]?Access[_-]?Key))"
)
_SIGNATURE_NAME = (
    rf"(?:{_SIGNING_HEADER}|Signature(?:Provided)?|(?:Security|Session|Sts)[_-]?Token"
    r"|Access[_-]?Key[_-]?(?:Id|Secret)|Secret[_-]?(?:Access[_-]?)?Key)"
)
_KEY_NAME = r"(?:(?:Proxy-)?Authorization|(?:[A-Za-z]{1,20}[_-])?Api[_-]?Key|Access[_-]?Token)"
_BLANKS = r"\s{0,64}+"
_SEPARATOR = (
    rf"""(?:["']?{_BLANKS}=?[:=>＝：]|["']{_BLANKS},{_BLANKS}(?:["']val(?:ue)?["']{_BLANKS}:)?)"""
    rf"""{_BLANKS}[\[(]?{_BLANKS}(?:b?["'])?"""
)
_SCHEME = r"(?:(?:Bearer|Basic|Digest|Token|OSS|AWS|(?:AWS4|OSS4)-HMAC-SHA256)\s{1,4})?+"
_JSON_LITERAL = r"(?:null|true|false|-?[0-9]++(?:\.[0-9]++)?(?:e[+-]?[0-9]++)?)\s{0,4}[,}\]]"
_NAME = f"{_SIGNATURE_NAME}|{_KEY_NAME}"
_SIGNED_PARAMETER = (
    rf"(?<![A-Za-z0-9])(?:{_SIGNING_HEADER}{_SEPARATOR}(?!{_JSON_LITERAL})|{_SIGNATURE_NAME}[=>＝]"
    rf"""|{_SIGNATURE_NAME}["']{_BLANKS}:{_BLANKS}[\[(]?{_BLANKS}b?["']){_VALUE}"""
)
_SIGNED = (
    _SIGNED_PARAMETER,
    r"Signature[A-Za-z]{0,24}\W{1,8}(?:[A-Za-z]{1,12}\W{1,8}){0,3}(?P<value>(?<!\\)[0-9a-f]{64})",
    rf"""["']val(?:ue)?["']{_BLANKS}:{_BLANKS}["'](?P<value>[^\s"'\\]{{8,}}+)["']"""
    rf"""{_BLANKS},{_BLANKS}["'][a-z]{{1,12}}["']{_BLANKS}:{_BLANKS}["']{_SIGNATURE_NAME}["']""",
)
_IN_TRANSCRIPTS = (
    *_SIGNED,
    r"(?<![A-Za-z0-9])(?P<value>sk-(?=[A-Za-z0-9_-]{0,99}[0-9])[A-Za-z0-9_-]{20,})",
    rf"""(?<![A-Za-z0-9])(?:{_KEY_NAME}{_SEPARATOR}{_SCHEME}|Bearer[\s+]{{1,8}}["']?){_LONG_VALUE}""",
)
"""Parameters and headers of signed requests, and API keys. A transcript of speech does not contain these forms."""
_IN_MESSAGES = (
    rf"(?<![A-Za-z0-9])(?:(?:{_SIGNATURE_NAME}|{_KEY_NAME}){_SEPARATOR}{_SCHEME}(?!{_JSON_LITERAL})"
    rf"""|Bearer[\s+]{{1,8}}["']?){_VALUE}""",
    *_SIGNED,
    r"(?<![A-Za-z0-9])(?P<value>(?:sk|st)-[A-Za-z0-9_-]{4,})",
)
_BASE64 = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)|(?P<digits>[A-Za-z0-9+/_-]{24,}+={0,2})", re.DOTALL)
"""An escape before it is skipped: its letter looks like a digit of base64."""
_SIGNATURE_MARKERS = ("signature", "token", "credential", "accesskey", "access_key", "access-key", "secret")
_KEY_MARKERS = ("authorization", "bearer", "key", "sk-", "st-")
_MARKERS = (*_SIGNATURE_MARKERS, *_KEY_MARKERS)
"""Texts without a marker skip the search with the expressions, which is many times slower."""
_BASE64_MARKERS = ("signature", "token", "credential", "secret", "bearer", "sk-", "api-key", "api_key", "apikey", "://")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f_-]+")
"""What an id consists of. The base64 of each of `_BASE64_MARKERS` has other digits, so an id is not decoded."""
_URL_SAFE_DIGITS = str.maketrans("-_", "+/")
_NAME_KEYS = frozenset({"name", "key", "header", "field", "param", "parameter"})
_VALUE_KEYS = frozenset({"value", "val", "values", "content"})

_secrets: tuple[str, ...] = ()
_signatures: tuple[str, ...] = ()


def register_secret(value: str) -> None:
    """Redact this value from now on in every text of this process, in any encoding."""
    global _secrets
    if len(value) >= MIN_SECRET_CHARACTERS and value not in _secrets:
        _secrets = (*_secrets, value, *_base64_forms(value))


def register_signed_url(url: str) -> None:
    """Redact the signature and the tokens of this URL's query from now on. A text that is not a URL is ignored."""
    global _signatures
    try:
        parameters = parse_qsl(urlsplit(url).query)
    except ValueError:
        return
    values = [value for name, value in parameters if _is_secret_name(name) and len(value) >= MIN_SECRET_CHARACTERS]
    forms = dict.fromkeys(
        form for value in values for form in (value, value.replace(" ", "+"), value.replace("+", " "))
    )
    kept = [known for known in _signatures if known not in forms]
    _signatures = (*kept, *forms)[-MAX_REGISTERED_SIGNATURES:]


def redacted(text: str) -> str:
    """Return the text with every secret replaced by `[redacted]`: for logs, records, events and error messages.

    The query of every URL counts as a secret.
    """
    found: list[Span] = []
    urls: set[int] = set()
    for level in decode_levels(text):
        for url in _find_url_matches(level.text):
            query, start = url[0].find("?"), level.original_start(url.start())
            if query >= 0 and start not in urls:
                urls.add(start)
                found.append(level.original_span(url.start() + query + 1, url.end()))
        found += _find_secrets(level, _IN_MESSAGES, redacted)
    return _replace(text, found)


def redact_signatures(text: str) -> str:
    """Return the text without signatures and API keys. Everything else, also the query of a URL that is not signed, is
    unchanged: for transcripts and media keys."""
    if len(text) < MIN_SECRET_CHARACTERS:
        return text
    found: list[Span] = []
    for level in decode_levels(text):
        for url in _find_url_matches(level.text):
            query = url[0].find("?")
            if query >= 0 and is_signed_url(url[0]):
                found.append(level.original_span(url.start() + query + 1, url.end()))
        found += _find_secrets(level, _IN_TRANSCRIPTS, redact_signatures)
    return _replace(text, found)


def redact_document(
    document: Any, redact: Callable[[str], str], redact_named: Callable[[object], str] = lambda _: REDACTED
) -> Any:
    """Apply `redact` to every text and every name in a JSON document. The document is changed in place and returned.

    The value of a name such as `X-Amz-Signature` is replaced as a whole, by what `redact_named` returns.
    """
    redact = _remembering(redact)
    harmless: set[tuple[str, ...]] = set()  # the names of most objects are those of another one
    holder = [document]
    pending: list[Any] = [holder]
    while pending:  # a loop, because a nested document could exceed the limit of recursion
        container = pending.pop()
        names = tuple(container) if isinstance(container, dict) else ()
        if names not in harmless:
            if any(redact(name) != name for name in names):
                entries = [(redact(name), value) for name, value in container.items()]
                container.clear()
                container.update(entries)
            elif names and len(harmless) < MAX_REMEMBERED_TEXTS and not any(map(_may_name_a_secret, names)):
                harmless.add(names)
            for place in _find_named(container):
                container[place] = redact_named(container[place])
        for place, value in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(value, str):
                redacted_value = redact(value)
                if redacted_value is not value:
                    container[place] = redacted_value
            elif isinstance(value, dict | list):
                pending.append(value)
    return holder[0]


def _find_named(container: dict[str, Any] | list[Any]) -> list[Any]:
    """The places of the values that have the name of a secret: `{name: value}`, `{"name": name, "value": value}` or
    `[name, value]`."""
    if isinstance(container, list):
        names = [n for n, each in enumerate(container[:-1]) if isinstance(each, str) and _is_header(each)]
        return [n + 1 for n in names if container[n + 1] is not None]
    found = [name for name, value in container.items() if value is not None and _is_secret_name(name)]
    is_pair = any(
        name.lower() in _NAME_KEYS and isinstance(value, str) and _is_secret_name(value)
        for name, value in container.items()
    )
    return found + [name for name in container if is_pair and name.lower() in _VALUE_KEYS]


def _may_name_a_secret(name: str) -> bool:
    """Whether the value of this name may be a secret, or the name of one."""
    return _is_secret_name(name) or name.lower() in _NAME_KEYS


@lru_cache(maxsize=1000)
def _is_secret_name(name: str) -> bool:
    return _compile(_NAME).fullmatch(name) is not None


def _is_header(text: str) -> bool:
    return _has_marker(text) and _compile(_SIGNING_HEADER).fullmatch(text) is not None


def _remembering(function: Callable[[str], str]) -> Callable[[str], str]:
    """The function, which is not called again for a short text that it knows: a transcript repeats names and words."""
    known: dict[str, str] = {}

    def call(text: str) -> str:
        if text in known:
            return known[text]
        result = function(text)
        if len(text) <= MAX_REMEMBERED_CHARACTERS and len(known) < MAX_REMEMBERED_TEXTS:
            known[text] = result
        return result

    return call


def find_urls(text: str) -> Iterator[str]:
    """Yield every http and https URL of a text, without punctuation after it."""
    for found in _find_url_matches(text):
        yield found[0].rstrip(".,;:!?)]}")


def _find_url_matches(text: str) -> Iterator[re.Match[str]]:
    return _URL.finditer(text) if "://" in text else iter(())


def is_signed_url(url: str) -> bool:
    """Whether the URL contains a signature or a token, in any encoding."""
    return any(_compile(_SIGNED_PARAMETER).search(level.text) for level in decode_levels(url))


def _has_marker(text: str) -> bool:
    lower = text.lower()
    return any(marker in lower for marker in _MARKERS)


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when a text first needs it: all of them take 20 ms, which would delay a cold start."""
    return re.compile(pattern, re.IGNORECASE)


def _find_secrets(level: DecodedText, patterns: Iterable[str], redact: Callable[[str], str]) -> list[Span]:
    """The spans of the original text whose decoded characters are a secret, besides the queries of URLs."""
    text = level.text
    spans = [*_find_forms(text, patterns), *_find_registered(text), *_find_base64(text, redact)]
    return [level.original_span(*span) for span in spans]


def _find_forms(text: str, patterns: Iterable[str]) -> Iterator[Span]:
    """The spans of the values that one of the patterns finds."""
    if _has_marker(text):
        for pattern in patterns:
            yield from (found.span("value") for found in _compile(pattern).finditer(text))


def _find_base64(text: str, redact: Callable[[str], str]) -> Iterator[Span]:
    """The spans of base64 that contains a secret."""
    for found in _BASE64.finditer(text):
        if found["digits"] is None or _HEXADECIMAL.fullmatch(found["digits"]):
            continue
        digits = found["digits"].rstrip("=").translate(_URL_SAFE_DIGITS)
        for offset in range(4):  # a path before it may look like base64 too
            content = base64.b64decode(digits[offset : len(digits) - (len(digits) - offset) % 4]).decode("latin-1")
            lower = content.lower()
            if any(marker in lower for marker in _BASE64_MARKERS) and redact(content) != content:
                yield found.span()
                break


def _find_registered(text: str) -> Iterator[Span]:
    for values in (_secrets, _signatures):
        for value in values:
            start = text.find(value)
            while start >= 0:
                yield start, start + len(value)
                start = text.find(value, start + len(value))


def _base64_forms(value: str) -> Iterator[str]:
    """The part of the base64 of a longer text that this value determines, for each of its three positions."""
    for offset in range(3):
        padded = b"\0" * offset + value.encode()
        whole = padded[: len(padded) - len(padded) % 3]
        encoded = base64.b64encode(whole).decode()[4 if offset else 0 :]
        if len(encoded) >= MIN_SECRET_CHARACTERS:
            yield encoded


def _replace(text: str, spans: list[Span]) -> str:
    """Replace each span, and spans that touch as one."""
    if not spans:
        return text
    parts: list[str] = []
    done = 0
    merged_end = -1
    for start, end in sorted(spans):
        if start >= end:
            continue
        if start > merged_end:
            parts += (text[done:start], REDACTED)
        done = merged_end = max(merged_end, end)
    return "".join(parts) + text[done:]
