"""Which hosts results are downloaded from."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.adapters.result_download import ResultDownload
from dashscribe.errors import ResultRefused, ResultUnavailable, ResultUnreadable
from tests.integration.adapters.result_host import PUBLIC, RESULT, Host


def refusal_of(url: str) -> tuple[str, list[httpx.Request], list[tuple[str, int]]]:
    """The code with which the download of this URL is refused, and what was requested and resolved before."""
    host = Host()
    with pytest.raises(ResultRefused) as caught:
        host.source.download(url)
    return caught.value.code, host.requests, host.resolved


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
    assert refusal_of(url) == ("RESULT_HOST_NOT_ALLOWED", [], [])


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
    assert refusal_of(url) == ("RESULT_HOST_NOT_ALLOWED", [], [])


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
