"""Remove secrets from text: API keys, bearer tokens, signatures, and the queries of URLs.

A secret is found by its form (a URL's query, the value of a name such as `X-Amz-Signature`), or by its value if the
process registered it. Percent-encoding and the escapes of JSON and HTML are decoded first, at every depth, so that an
encoded secret is found too. The time is linear in the length of the text.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

REDACTED = "[redacted]"
MIN_SECRET_CHARACTERS = 8
"""A shorter value is not registered, because harmless text contains it too."""
MAX_REGISTERED_SIGNATURES = 256
"""The newest are kept. A submission has at most 100 presigned URLs."""
MAX_REMEMBERED_CHARACTERS, MAX_REMEMBERED_TEXTS = 40, 50_000
_MAX_DECODINGS = 6
"""How many mixed encodings are decoded, one after the other. Repeated percent-encoding counts as one."""

_T = TypeVar("_T")
_Span = tuple[int, int]


class _Run(NamedTuple):
    """Decoded characters: their place and number, and where they were before, `width` characters each."""

    place: int
    characters: int
    start: int
    width: int


_ESCAPES = re.compile(
    r"""(?P<percent>(?:%(?!25)[0-7][0-9A-Fa-f])+)
      | (?P<percent_signs>(?:%25(?![0-9A-Fa-f]))+)
      | (?P<repeated_percent>%(?:25)+[0-7][0-9A-Fa-f])
      | (?<!\\)(?: (?P<escaped>(?:\\["'/ntr])+)
                 | (?P<unicode>(?:\\u[0-9A-Fa-f]{4})+)
                 | \\++(?:(?P<repeated_unicode>u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})|(?P<repeated_escaped>["'/ntr])) )
      | (?P<ampersands>(?:&amp;)+)
      | &(?P<entity>quot|lt|gt|\#39|\#x27);
    """,
    re.VERBOSE,
)
"""Runs of equal escapes are one match, because a loop over single escapes is slow."""
_ESCAPED = str.maketrans("ntr", "\n\t\r")
_ENTITIES = {"quot": '"', "lt": "<", "gt": ">", "#39": "'", "#x27": "'"}

_URL = re.compile(r"""https?://[^\s"'<>\\]*""", re.IGNORECASE)
_VALUE = r"""(?P<value>(?![:=]|redacted\])[^\s"'<>&,;(){}\[\]\\]+)"""
_SIGNING_HEADER = r"(?:X-(?:Amz|Oss)-(?:Signature|Security-Token|Credential)|OSSAccessKeyId|AWSAccessKeyId)"
_SIGNATURE_NAME = rf"(?:{_SIGNING_HEADER}|SignatureProvided|Signature|Security-Token)"
_SEPARATOR = r"""(?:["']?\s{0,4}[:=>]|["']\s{0,4},\s{0,4}(?:["']value["']\s{0,4}:)?)\s{0,4}[\[(]?\s{0,4}(?:b?["'])?"""
_SCHEME = r"(?:(?:Bearer|Basic|Digest|Token|OSS|AWS|(?:AWS4|OSS4)-HMAC-SHA256)\s{1,4})?+"
_JSON_LITERAL = r"(?:null|true|false|-?[0-9]++(?:\.[0-9]++)?(?:e[+-]?[0-9]++)?)\s{0,4}[,}\]]"
_NAME = re.compile(_SIGNATURE_NAME, re.IGNORECASE)
_SIGNED_PARAMETER = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_SIGNING_HEADER}{_SEPARATOR}(?!{_JSON_LITERAL})|{_SIGNATURE_NAME}=){_VALUE}", re.IGNORECASE
)
"""A parameter or header of a signed request. A transcript of speech does not contain these forms."""
_NAMED_SECRET = re.compile(
    rf"""(?<![A-Za-z0-9])
    (?: (?: {_SIGNATURE_NAME} | (?:Proxy-)?Authorization | (?:[A-Za-z]{{1,20}}[_-])?Api[_-]?Key | Access[_-]?Token )
        {_SEPARATOR} {_SCHEME} (?!{_JSON_LITERAL})
      | Bearer[\s+]{{1,8}}["']?
    ) {_VALUE}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_KEY = re.compile(r"(?<![A-Za-z0-9])(?:sk|st)-[A-Za-z0-9_-]{4,}", re.IGNORECASE)
_SIGNATURE_MARKERS = ("signature", "token", "credential", "keyid")
_NAMED_SECRET_MARKERS = (*_SIGNATURE_MARKERS, "authorization", "key", "bearer")
_KEY_MARKERS = ("sk-", "st-")
"""Texts without a marker skip the search with the expression, which is many times slower."""

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
    values = [value for name, value in parameters if _NAME.fullmatch(name) and len(value) >= MIN_SECRET_CHARACTERS]
    forms = dict.fromkeys(
        form for value in values for form in (value, value.replace(" ", "+"), value.replace("+", " "))
    )
    kept = [known for known in _signatures if known not in forms]
    _signatures = (*kept, *forms)[-MAX_REGISTERED_SIGNATURES:]


def redacted(text: str) -> str:
    """Return the text with every secret replaced by `[redacted]`: for logs, records, events and error messages.

    The query of every URL counts as a secret.
    """
    found: list[_Span] = []
    urls: set[int] = set()
    for level in _decode_levels(text):
        for url in _find_url_matches(level.text):
            query, start = url[0].find("?"), level.original_start(url.start())
            if query >= 0 and start not in urls:
                urls.add(start)
                found.append(level.original_span(url.start() + query + 1, url.end()))
        if _has_marker(level.text, _NAMED_SECRET_MARKERS):
            found += [level.original_span(*match.span("value")) for match in _NAMED_SECRET.finditer(level.text)]
        if _has_marker(level.text, _KEY_MARKERS):
            found += [level.original_span(*match.span()) for match in _KEY.finditer(level.text)]
        found += [level.original_span(*span) for span in _find_registered(level.text)]
    return _replace(text, found)


def redact_signatures(text: str) -> str:
    """Return the text without signatures and registered secrets. Everything else, also the query of a URL that is not
    signed, is unchanged: for transcripts and media keys."""
    found: list[_Span] = []
    for url in _find_url_matches(text):
        query = url[0].find("?")
        if query >= 0 and is_signed_url(url[0]):
            found.append((url.start() + query + 1, url.end()))
    for level in _decode_levels(text):
        if _has_marker(level.text, _SIGNATURE_MARKERS):
            found += [level.original_span(*match.span("value")) for match in _SIGNED_PARAMETER.finditer(level.text)]
        found += [level.original_span(*span) for span in _find_registered(level.text)]
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
        may_have_names = isinstance(container, dict) and tuple(container) not in harmless
        if may_have_names and any(redact(name) != name for name in container):
            entries = [(redact(name), value) for name, value in container.items()]
            container.clear()
            container.update(entries)
        elif may_have_names and not any(map(_NAME.fullmatch, container)) and len(harmless) < MAX_REMEMBERED_TEXTS:
            harmless.add(tuple(container))
        for place, value in container.items() if isinstance(container, dict) else enumerate(container):
            if may_have_names and isinstance(place, str) and value is not None and _NAME.fullmatch(place):
                container[place] = redact_named(value)
            elif isinstance(value, str):
                redacted_value = redact(value)
                if redacted_value is not value:
                    container[place] = redacted_value
            elif isinstance(value, dict | list):
                pending.append(value)
    return holder[0]


def _remembering(function: Callable[[str], _T]) -> Callable[[str], _T]:
    """The function, which is not called again for a short text that it knows: a transcript repeats names and words."""
    known: dict[str, _T] = {}

    def call(text: str) -> _T:
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


def _has_marker(text: str, markers: tuple[str, ...]) -> bool:
    lower = text.lower()
    return any(marker in lower for marker in markers)


def _find_url_matches(text: str) -> Iterator[re.Match[str]]:
    return _URL.finditer(text) if "://" in text else iter(())


def is_signed_url(url: str) -> bool:
    """Whether the URL contains a signature or a token, in any encoding."""
    return any(_SIGNED_PARAMETER.search(level.text) for level in _decode_levels(url))


class _Level:
    """A text, decoded some number of times. It knows where each of its characters was in the original text."""

    def __init__(self, text: str, outer: _Level | None = None) -> None:
        self.text = text
        self._outer = outer
        self._runs: list[_Run] = []
        self._places: list[int] = []

    def decode(self) -> _Level | None:
        """The text with its escapes decoded once. None if it has no escapes."""
        if not any(sign in self.text for sign in "%\\&"):
            return None
        inner = _Level("", self)
        parts: list[str] = []
        end = length = 0
        for escapes in _ESCAPES.finditer(self.text):
            start = escapes.start()
            characters = _decode_escapes(escapes)
            parts += (self.text[end:start], characters)
            length += start - end
            end = escapes.end()
            inner._runs.append(_Run(length, len(characters), start, (end - start) // len(characters)))
            inner._places.append(length)
            length += len(characters)
        if not parts:
            return None
        inner.text = "".join(parts) + self.text[end:]
        return inner

    def original_start(self, index: int) -> int:
        return self.original_span(index, index + 1)[0]

    def original_span(self, start: int, end: int) -> _Span:
        """The span of the original text that these characters were decoded from. It never cuts an escape."""
        if self._outer is None:
            return start, end
        return self._outer.original_span(self._locate(start)[0], self._locate(end - 1)[1])

    def _locate(self, index: int) -> _Span:
        """The span of the outer text that this character was decoded from."""
        at = bisect_right(self._places, index) - 1
        if at < 0:
            return index, index + 1
        run = self._runs[at]
        offset = index - run.place
        if offset < run.characters:
            start = run.start + offset * run.width
            return start, start + run.width
        start = run.start + run.characters * run.width + offset - run.characters
        return start, start + 1


def _decode_levels(text: str) -> Iterator[_Level]:
    level: _Level | None = _Level(text)
    for _ in range(_MAX_DECODINGS):
        if level is None:
            return
        yield level
        level = level.decode()


def _decode_escapes(escapes: re.Match[str]) -> str:
    """The characters of a run of escapes of equal width."""
    kind = escapes.lastgroup or ""
    value = escapes[kind]
    if kind == "percent":
        return bytes.fromhex(value.replace("%", "")).decode("ascii")
    if kind == "percent_signs":
        return "%" * (len(value) // 3)
    if kind == "ampersands":
        return "&" * (len(value) // 5)
    if kind == "unicode":
        return "".join(chr(int(value[at : at + 4], 16)) for at in range(2, len(value), 6))
    if kind == "escaped":
        return value[1::2].translate(_ESCAPED)
    if kind == "repeated_escaped":
        return value.translate(_ESCAPED)
    return _ENTITIES[value] if kind == "entity" else chr(int(value[-2:] if value[0] == "%" else value[1:], 16))


def _find_registered(text: str) -> Iterator[_Span]:
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


def _replace(text: str, spans: list[_Span]) -> str:
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
