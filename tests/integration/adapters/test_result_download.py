"""Download result files: unchanged URLs, and a maximum size."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest

from dashscribe.adapters import result_download
from dashscribe.adapters.result_download import ResultDownload, resolve_addresses
from dashscribe.errors import LargeResult, ResultRefused, ResultUnavailable, ResultUnreadable
from tests.integration.adapters.result_host import PUBLIC, RESULT, Host

SIGNED = (
    "dashscope-result-bj.oss-cn-beijing.aliyuncs.com/prod/paraformer-v2/20250213/17%3A31/"
    "a%2Fb+c%20d%e4%bd%a0~*'()!.json?Expires=1739525483&OSSAccessKeyId=yourAccessKeyId&Signature=a%2Bb%2fc%3D&t=17%3A31:00"
)


class Pieces(httpx.SyncByteStream):
    """A response body in chunks, which counts the bytes sent and may end with an error."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.sent += len(piece)
            yield piece


# requests


def test_http_becomes_https_and_the_rest_of_the_url_is_unchanged() -> None:
    host = Host()
    host.source.download(f"http://{SIGNED}")
    assert host.fetched == f"https://{SIGNED}"


def test_an_https_url_is_unchanged() -> None:
    host = Host()
    host.source.download(f"https://{SIGNED}")
    assert host.fetched == f"https://{SIGNED}"


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("http://x.aliyuncs.com:80/r?a=http://b", "https://x.aliyuncs.com/r?a=http://b"),
        ("HTTP://X.AliYunCs.com/R%3a?S=A", "https://x.aliyuncs.com/R%3a?S=A"),
        ("http://x.aliyuncs.com?a=1", "https://x.aliyuncs.com/?a=1"),
        ("http://x.aliyuncs.com:8080/r", "https://x.aliyuncs.com:8080/r"),
        ("https://x.aliyuncs.com:8443/r", "https://x.aliyuncs.com:8443/r"),
    ],
)
def test_every_url_becomes_https_and_loses_only_port_80(url: str, fetched: str) -> None:
    host = Host()
    host.source.download(url)
    assert host.fetched == fetched


def test_no_key_and_no_cookie_is_sent_to_the_results_host() -> None:
    host = Host(lambda _: httpx.Response(200, json=RESULT, headers={"set-cookie": "a=b"}))
    host.source.download("https://x.aliyuncs.com/r")
    sent = host.requests[0].headers
    assert (host.requests[0].method, "authorization" in sent, "cookie" in sent) == ("GET", False, False)
    assert not [name for name in sent if name.startswith("x-")]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/?Signature=5ec7e7", "RESULT_HOST_NOT_ALLOWED"),
        ("https://aliyuncs.com.example.com/r?Signature=5ec7e7", "RESULT_HOST_NOT_ALLOWED"),
        ("//[", "RESULT_HOST_NOT_ALLOWED"),
        ("http://x-amz-signature=5ec7e7.example.com/", "RESULT_HOST_NOT_ALLOWED"),
        ("https://y.aliyuncs.com/r?Signature=5ec7e7", "RESULT_UNREADABLE"),
        ("/r2", "RESULT_UNREADABLE"),
        (None, "RESULT_UNREADABLE"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_even_by_a_client_that_follows_redirects(
    status: int, location: str | None, code: str
) -> None:
    host = Host(lambda _: httpx.Response(status, headers={"location": location} if location else {}))
    with pytest.raises(ResultUnreadable, match=str(status)) as raised:
        host.source.download("https://x.aliyuncs.com/r")
    assert len(host.requests) == 1
    assert raised.value.code == code
    assert "5ec7e7" not in str(raised.value)


def test_a_host_name_is_resolved_to_all_of_its_addresses() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert "127.0.0.1" in resolve_addresses("localhost", 443)
    assert resolve_addresses("127.0.0.1", 443) == ["127.0.0.1"]
    with pytest.raises(socket.gaierror):
        resolve_addresses("no-such-host.invalid", 443)


def test_a_name_that_the_systems_resolver_gives_a_private_address_too_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, int]] = []
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 443))]

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append((host, port))
        return list(found)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    source = ResultDownload(
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=RESULT))), ("aliyuncs.com",)
    )
    url = "https://results.aliyuncs.com/a.json"
    assert source.download(url) == RESULT
    found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443)))
    with pytest.raises(ResultRefused, match="private address"):
        source.download(url)
    assert asked == [("results.aliyuncs.com", 443)] * 2


# responses


@pytest.mark.parametrize("status", [204, 400, 403, 404, 429, 500, 503])
def test_an_error_status_is_unavailable_and_the_request_is_not_repeated(status: int) -> None:
    host = Host(lambda _: httpx.Response(status, text="<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(ResultUnavailable, match=f"HTTP {status}"):
        host.source.download("https://x.aliyuncs.com/r?Signature=5ec7e7")
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        json.dumps(RESULT).encode()[:-5],
        b"<html></html>",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe\xfa",
        b"[" * 100_000,
    ],
    ids=["empty", "cut off", "HTML", "list", "text", "null", "not UTF-8", "deep"],
)
def test_a_body_that_is_not_a_json_object_is_unreadable_and_kept(body: bytes) -> None:
    """What was paid for is stored as it was received."""
    with pytest.raises(ResultUnreadable, match="not a JSON object") as unreadable:
        Host(lambda _: httpx.Response(200, content=body)).source.download("https://x.aliyuncs.com/r")
    assert unreadable.value.received == body


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError]
)
def test_a_broken_connection_is_unavailable(error: type[httpx.TransportError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    with pytest.raises(ResultUnavailable, match=error.__name__):
        Host(answer).source.download("https://x.aliyuncs.com/r")


def test_a_connection_that_breaks_during_the_body_is_unavailable() -> None:
    def body() -> Iterator[bytes]:
        yield b'{"transcripts": ['
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    with pytest.raises(ResultUnavailable, match="RemoteProtocolError"):
        Host(lambda _: httpx.Response(200, stream=Pieces(body()))).source.download("https://x.aliyuncs.com/r")


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "identity, br", "x-unknown", "GZIP"])
def test_an_encoding_that_was_not_requested_is_not_decoded(encoding: str) -> None:
    packed = Pieces(iter([gzip.compress(gzip.compress(b" " * 1_000_000))]))
    host = Host(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, stream=packed))
    with pytest.raises(ResultUnreadable, match=encoding):
        host.source.download("https://x.aliyuncs.com/r")
    assert host.requests[0].headers["accept-encoding"] == "identity"
    assert packed.sent == 0


@pytest.mark.parametrize("encoding", ["identity", "", " Identity ", "identity, identity"])
def test_the_encoding_identity_is_read(encoding: str) -> None:
    host = Host(lambda _: httpx.Response(200, headers={"content-encoding": encoding}, json=RESULT))
    assert host.source.download("https://x.aliyuncs.com/r") == RESULT


@pytest.mark.parametrize(("small_only", "seconds"), [(True, 15), (False, 40)])
def test_a_slow_body_is_abandoned_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch, small_only: bool, seconds: int
) -> None:
    now = 1_000.0
    monkeypatch.setattr(result_download, "time", SimpleNamespace(monotonic=lambda: now))
    body = json.dumps(RESULT).encode()

    def slow(pause: float) -> Iterator[bytes]:
        nonlocal now
        yield body[:-1]
        now += pause
        yield body[-1:]

    def download(pause: float) -> object:
        host = Host(lambda _: httpx.Response(200, stream=Pieces(slow(pause))))
        return host.source.download("https://x.aliyuncs.com/r", small_only=small_only)

    assert download(seconds) == RESULT
    with pytest.raises(ResultUnavailable, match="too long"):
        download(seconds + 0.1)


def test_an_endless_result_is_refused_during_the_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_download, "MAX_RESULT_BYTES", 100_000)
    stream = Pieces(b"x" * 1000 for _ in range(100_000))
    with pytest.raises(ResultRefused) as caught:
        Host(lambda _: httpx.Response(200, stream=stream)).source.download("https://x.aliyuncs.com/r")
    assert caught.value.code == "RESULT_TOO_LARGE"
    assert "larger than 100,000 bytes" in str(caught.value)
    assert stream.sent <= 102_000


def test_a_large_result_is_not_downloaded_together_with_others() -> None:
    """Several large results at once need more memory than a function has."""
    body = json.dumps(
        {"file_url": "u", "transcripts": [], "padding": "x" * result_download.LARGE_RESULT_BYTES}
    ).encode()
    host = Host(lambda _: httpx.Response(200, content=body))
    with pytest.raises(LargeResult):
        host.source.download("https://x.aliyuncs.com/r", small_only=True)
    assert host.source.download("https://x.aliyuncs.com/r")["file_url"] == "u"


def test_a_result_of_the_maximum_size_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(RESULT).encode()
    monkeypatch.setattr(result_download, "MAX_RESULT_BYTES", len(body))
    assert Host(lambda _: httpx.Response(200, content=body)).source.download("https://x.aliyuncs.com/r") == RESULT


def test_no_error_contains_the_signature_of_the_url() -> None:
    for answer, addresses in (
        (httpx.Response(403), [PUBLIC]),
        (httpx.Response(200, text="{"), [PUBLIC]),
        (httpx.Response(200), ["10.0.0.1"]),
    ):
        host = Host(lambda _, answer=answer: answer, addresses=addresses)  # type: ignore[misc]
        with pytest.raises((ResultUnavailable, ResultRefused)) as caught:
            host.source.download("https://x.aliyuncs.com/r?OSSAccessKeyId=LTAI5t&Signature=5ec7e7")
        assert "5ec7e7" not in str(caught.value)
        assert "LTAI5t" not in str(caught.value)
