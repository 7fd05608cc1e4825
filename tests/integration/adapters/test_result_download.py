"""Download result files: unchanged URLs, allowed hosts only, and a maximum size."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.adapters import result_download
from dashscribe.adapters.result_download import ResultDownload, resolve_addresses
from dashscribe.errors import LargeResult, ResultRefused, ResultUnavailable, ResultUnreadable

PUBLIC = "47.95.1.1"
RESULT = {"file_url": "f", "transcripts": [{"channel_id": 0, "text": "你好"}]}
SIGNED = (
    "dashscope-result-bj.oss-cn-beijing.aliyuncs.com/prod/paraformer-v2/20250213/17%3A31/"
    "a%2Fb+c%20d%e4%bd%a0~*'()!.json?Expires=1739525483&OSSAccessKeyId=yourAccessKeyId&Signature=a%2Bb%2fc%3D&t=17%3A31:00"
)


class Host:
    """The result's host, and a name server."""

    def __init__(
        self,
        answer: Callable[[httpx.Request], httpx.Response] | None = None,
        *,
        allowed: Sequence[str] = ("aliyuncs.com",),
        addresses: Sequence[str] = (PUBLIC,),
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.resolved: list[tuple[str, int]] = []
        self._answer = answer or (lambda _: httpx.Response(200, json=RESULT))
        self._addresses = addresses
        client = httpx.Client(transport=httpx.MockTransport(self._reply), follow_redirects=True)
        self.source = ResultDownload(client, allowed, self._resolve)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    def _resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append((host, port))
        return list(self._addresses)

    @property
    def fetched(self) -> str:
        """The only requested URL, exactly as it was sent."""
        [request] = self.requests
        return f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode()}"


class Pieces(httpx.SyncByteStream):
    """A response body in chunks, which counts the bytes sent and may end with an error."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.sent += len(piece)
            yield piece


# hosts


@pytest.mark.parametrize(
    "url",
    [
        "https://evilaliyuncs.com/r.json",
        "https://aliyuncs.com.evil.com/r.json",
        "https://x.aliyuncs.com.evil.com/r.json",
        "https://aliyuncs.com@evil.com/r.json",
        "https://evil.com/aliyuncs.com",
        "https://evil.com/?x=.aliyuncs.com",
        "https://evil.com#.aliyuncs.com",
        "https://evil.com\\@x.aliyuncs.com/r.json",
        "https://user@x.aliyuncs.com/r.json",
        "https://user:password@x.aliyuncs.com/r.json",
        "https://8.8.8.8/r.json",
        "https://127.0.0.1/r.json",
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://2130706433/r.json",
        "http://0x7f.1/r.json",
        "http://[::1]/r.json",
        "http://[::ffff:169.254.169.254]/r.json",
        "http://localhost/r.json",
        "https://aliyuncs.co/r.json",
        "https://xn--aliyuncs-x.com/r.json",
        "https://x.aliyuncs.com./r.json",
        "https://aliyuncs/r.json",
        "ftp://x.aliyuncs.com/r.json",
        "file:///etc/passwd",
        "gopher://x.aliyuncs.com/",
        "//x.aliyuncs.com/r.json",
        "x.aliyuncs.com/r.json",
        "https:///r.json",
        "",
    ],
)
def test_a_result_on_another_host_is_refused_without_a_request(url: str) -> None:
    host = Host()
    with pytest.raises(ResultRefused) as caught:
        host.source.download(url)
    assert caught.value.code == "RESULT_HOST_NOT_ALLOWED"
    assert (host.requests, host.resolved) == ([], [])


@pytest.mark.parametrize(
    ("url", "host_name"),
    [
        ("https://aliyuncs.com/r", "aliyuncs.com"),
        ("https://x.aliyuncs.com/r", "x.aliyuncs.com"),
        ("https://a.b-c.oss-ap-southeast-1.aliyuncs.com/r", "a.b-c.oss-ap-southeast-1.aliyuncs.com"),
        ("HTTPS://RESULT.ALIYUNCS.COM/r", "result.aliyuncs.com"),
    ],
)
def test_a_result_on_an_allowed_host_is_downloaded(url: str, host_name: str) -> None:
    host = Host()
    assert host.source.download(url) == RESULT
    assert host.requests[0].url.host == host_name
    assert host.resolved == [(host_name, 443)]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "https://evil.com/r?Signature=5ec7e7",
            "The result is on the host evil.com, which ResultHostAllowList does not allow (allowed are a.com, b.com).",
        ),
        ("https://x.a.com/a b", "The result's address contains a blank or a control character."),
        ("ftp://x.a.com/r", "The result's address is not a plain http or https URL."),
        ("https://-x.a.com/r", "The result's address has no valid host name."),
        ("https://x.a.com:99999/r", "The result's address is not a URL."),
        ("https://private.a.com/r", "The result's host private.a.com resolves to a private address."),
    ],
)
def test_a_refused_result_says_why(url: str, sentence: str) -> None:
    host = Host(allowed=("a.com", "b.com"), addresses=["10.0.0.1"])
    with pytest.raises(ResultRefused) as refused:
        host.source.download(url)
    assert (str(refused.value), refused.value.code) == (sentence, "RESULT_HOST_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("https://y.a.com/r", "The result's host returned HTTP 302, a redirect. Redirects are not followed."),
        (
            "https://Evil.com/r",
            "The result's host returned HTTP 302, a redirect to the host evil.com, which ResultHostAllowList does not "
            "allow (allowed are a.com, b.com).",
        ),
        (
            "//[",
            "The result's host returned HTTP 302, a redirect to the host (invalid), which ResultHostAllowList does not "
            "allow (allowed are a.com, b.com).",
        ),
    ],
)
def test_a_redirect_says_where_to(location: str, sentence: str) -> None:
    host = Host(lambda _: httpx.Response(302, headers={"location": location}), allowed=("a.com", "b.com"))
    with pytest.raises(ResultUnreadable) as redirected:
        host.source.download("https://x.a.com/r")
    assert str(redirected.value) == sentence


@pytest.mark.parametrize("port", [443, 8443])
def test_a_host_is_resolved_with_the_port_of_its_url(port: int) -> None:
    host = Host()
    host.source.download(f"https://x.aliyuncs.com:{port}/r")
    assert host.resolved == [("x.aliyuncs.com", port)]


@pytest.mark.parametrize("status", [199, 201, 204, 403, 404, 500])
def test_any_other_status_is_unavailable_and_named(status: int) -> None:
    with pytest.raises(ResultUnavailable, match=f"The result's host returned HTTP {status}"):
        Host(lambda _: httpx.Response(status, json=RESULT)).source.download("https://x.aliyuncs.com/r")


def test_an_empty_allow_list_refuses_every_result() -> None:
    with pytest.raises(ResultRefused):
        Host(allowed=()).source.download("https://x.aliyuncs.com/r")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104 - to be refused
        "::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_an_allowed_name_that_resolves_to_a_private_address_is_refused(address: str) -> None:
    host = Host(addresses=(PUBLIC, address))
    with pytest.raises(ResultRefused) as caught:
        host.source.download("https://x.aliyuncs.com/r")
    assert caught.value.code == "RESULT_HOST_NOT_ALLOWED"
    assert host.requests == []


@pytest.mark.parametrize(
    "address",
    ["47.95.1.1", "2400:3200::1", "::ffff:47.95.1.1", "64:ff9b::2f5f:101", "2002:2f5f:101::1", "2400:3200::1%eth0"],
)
def test_an_allowed_name_that_resolves_to_a_public_address_is_used(address: str) -> None:
    assert Host(addresses=[address]).source.download("https://x.aliyuncs.com/r") == RESULT


def test_a_name_that_cannot_be_resolved_is_unavailable() -> None:
    def resolve_nothing(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    source = ResultDownload(
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))), ["a.b"], resolve_nothing
    )
    with pytest.raises(ResultUnavailable, match="cannot be resolved"):
        source.download("https://x.a.b/r")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_an_allowed_local_host_is_used_without_changes(name: str) -> None:
    host = Host(allowed=("aliyuncs.com", name))
    assert host.source.download(f"http://{name}:8123/r%3A1.json?Expires=1") == RESULT
    assert host.fetched == f"http://{name}:8123/r%3A1.json?Expires=1"


def test_allowing_localhost_does_not_allow_its_subdomains() -> None:
    host = Host(allowed=("localhost",), addresses=("127.0.0.1",))
    with pytest.raises(ResultRefused):
        host.source.download("http://evil.localhost/r")


@pytest.mark.parametrize(
    "url",
    [
        "http:\t//169.254.169.254/x?http://x.aliyuncs.com/",
        "ht\ntp://x.aliyuncs.com/r",
        "http:/\t/x.aliyuncs.com/?http://169.254.169.254/",
        "\thttps://x.aliyuncs.com/r",
        " https://x.aliyuncs.com/r",
        "https://x.aliyuncs.com/r ",
        "https://x.aliyuncs.com/a b",
        "https://x.aliyuncs.com\r\nHost: evil.com/",
        "https://x.aliyuncs.com/\x00",
        "https://x.aliyuncs.com/\x7f",
        "https://x.aliyuncs.com\u2028.evil.com/",
        "https://evil.com\\.aliyuncs.com/r",
        "https://evil.com%2f.aliyuncs.com/r",
        "https://evil.com%23.aliyuncs.com/r",
        "https://x\uff0ealiyuncs.com@evil.com/",
        "https://evil\u3002aliyuncs.com/r",
        "https://x.aliyuncs.com:0/r",
        "https://x.aliyuncs.com:٤٤٣/r",
        "https://[x.aliyuncs.com]/r",
        "https://-x.aliyuncs.com/r",
        "https://x..aliyuncs.com/r",
        "http:x.aliyuncs.com/r",
        "http:///x.aliyuncs.com/r",
    ],
)
def test_a_url_that_parsers_read_in_different_ways_is_refused(url: str) -> None:
    host = Host()
    with pytest.raises(ResultRefused) as caught:
        host.source.download(url)
    assert caught.value.code == "RESULT_HOST_NOT_ALLOWED"
    assert (host.requests, host.resolved) == ([], [])


@pytest.mark.parametrize(
    "url",
    [
        "http://x.aliyuncs.com/?u=http://169.254.169.254/",
        "http://x.aliyuncs.com:80/://evil.com@169.254.169.254/",
        "http://x.aliyuncs.com//169.254.169.254/r",
        "http://x.aliyuncs.com/@169.254.169.254/",
        "http://x.aliyuncs.com/#@169.254.169.254/",
    ],
)
def test_another_host_later_in_the_url_is_never_connected_to(url: str) -> None:
    host = Host()
    host.source.download(url)
    [request] = host.requests
    assert (request.url.host, request.url.scheme, request.headers["host"]) == (
        "x.aliyuncs.com",
        "https",
        "x.aliyuncs.com",
    )
    assert (request.url.port, request.url.userinfo) == (None, b"")


@pytest.mark.parametrize(
    "target",
    ["/a/../b//c/./d.json?x=/../y", "/%2e%2e/a%2Fb?S=%2f%2B+~", "/a?b?c=?&", "/?", '/a|b{c}`d^?"<>[]\\', "/;p=1:2@3"],
)
def test_every_signed_byte_of_path_and_query_is_sent(target: str) -> None:
    for scheme in ("http", "https"):
        host = Host()
        host.source.download(f"{scheme}://x.aliyuncs.com{target}")
        assert host.requests[0].extensions["target"].decode() == target


def test_a_host_that_the_operator_named_with_its_port_may_use_http() -> None:
    host = Host(allowed=("results.example.com:8080",))
    host.source.download("http://results.example.com:8080/r")
    assert host.fetched == "http://results.example.com:8080/r"
    for url in (
        "http://results.example.com/r",
        "http://results.example.com:8081/r",
        "https://results.example.com/r",
        "http://x.results.example.com:8080/r",
    ):
        with pytest.raises(ResultRefused):
            host.source.download(url)


@pytest.mark.parametrize(("scheme", "other", "port"), [("http", "https", 80), ("https", "http", 443)])
def test_a_host_that_the_operator_named_with_the_port_of_its_scheme_needs_no_port_in_the_url(
    scheme: str, other: str, port: int
) -> None:
    host = Host(allowed=(f"results.example.com:{port}",))
    host.source.download(f"{scheme}://results.example.com/r")
    assert host.fetched == f"{scheme}://results.example.com/r"
    with pytest.raises(ResultRefused):
        host.source.download(f"{other}://results.example.com/r")


def test_a_local_host_named_with_its_port_is_allowed_on_this_port_only() -> None:
    host = Host(allowed=("127.0.0.1:8123", "[::1]:8123"))
    for name in ("127.0.0.1", "[::1]"):
        assert host.source.download(f"http://{name}:8123/r") == RESULT
        with pytest.raises(ResultRefused):
            host.source.download(f"http://{name}:8124/r")


def test_a_named_host_that_resolves_to_a_private_address_is_refused() -> None:
    host = Host(allowed=("results.example.com:8080",), addresses=["10.0.0.1"])
    with pytest.raises(ResultRefused, match="private"):
        host.source.download("http://results.example.com:8080/r")


PIECES = (
    [
        "http",
        "https",
        "HTTP",
        "ftp",
        ":",
        "//",
        "/",
        "\\",
        "@",
        "#",
        "?",
        ".",
        "%",
        "%2e",
        "%40",
        "[",
        "]",
        ":80",
        ":443",
    ]
    + ["x.aliyuncs.com", "aliyuncs.com", "evil.com", "169.254.169.254", "127.0.0.1", "::1", "0x7f.1", "2130706433"]
    + ["\t", "\n", "\r", " ", "\x00", "\u3002", "\uff0f", "\uff20", "\u2100", "://", "user:pw@", ":8080", "-", "_", "é"]
)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.sampled_from(["", "http://", "https://", "http://x.aliyuncs.com", "https://x.aliyuncs.com/"]),
)
def test_no_url_is_fetched_from_a_host_that_is_not_allowed(rest: str, start: str) -> None:
    host = Host()
    with suppress(ResultRefused):
        host.source.download(start + rest)
    for request in host.requests:
        name = request.url.host
        assert name == "aliyuncs.com" or name.endswith(".aliyuncs.com")
        assert [resolved for resolved, _ in host.resolved] == [name]
        assert request.headers["host"].partition(":")[0] == name
        assert (request.url.scheme, request.url.userinfo) == ("https", b"")
        assert "authorization" not in request.headers
        assert request.extensions["target"].isascii()


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
