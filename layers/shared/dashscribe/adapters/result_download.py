"""Download the vendor's result files: from allowed hosts, without the API key, and within limits of size and time."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote, urljoin, urlsplit

import httpx

from dashscribe.adapters.http_connections import ONLY_IDENTITY, connection_limits, find_encoding
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.received_results import parse_result
from dashscribe.errors import LargeResult, ResultRefused, ResultUnavailable, ResultUnreadable
from dashscribe.redaction import redact_signatures, register_signed_url

HOST_NOT_ALLOWED = "RESULT_HOST_NOT_ALLOWED"
"""Our error code for a result on a host that `ResultHostAllowList` does not allow."""
MAX_RESULT_BYTES = 64 * 1024 * 1024
"""A result of 12 hours with the times of every word has about 15 MB for each channel (tests/benchmarks)."""
LARGE_RESULT_BYTES = 2 * 1024 * 1024
"""The size of about two hours with the times of every word. Processing a result takes memory of up to 10 times its
size (docs/performance.md)."""
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MAX_DOWNLOAD_DURATION = timedelta(seconds=40)
"""From the request to the last byte. The largest result then needs 1.6 MB a second."""
MAX_SMALL_DOWNLOAD_DURATION = timedelta(seconds=15)
"""The same for a small result, whose neighbours and whose pass wait for it."""
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PRINTABLE_ASCII = "".join(chr(code) for code in range(0x21, 0x7F))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def resolve_addresses(host: str, port: int) -> list[str]:
    """Return every address that a host name resolves to. Raises `OSError` if there is none."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class _Address:
    """The parts of a result's URL. `target` is its path and query, byte by byte."""

    scheme: str
    host: str
    port: int | None
    target: str

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine or a private address, without resolving a name."""
        return self.host == "localhost" or _is_local_address(self.host)


class ResultDownload:
    """`ResultSource` over HTTP. `client` must not send credentials. Redirects are not followed.

    `allowed_hosts` are host suffixes, or `host:port` for exactly one host.
    """

    def __init__(
        self,
        client: httpx.Client,
        allowed_hosts: Sequence[str],
        resolve: Callable[[str, int], list[str]] = resolve_addresses,
    ) -> None:
        self._client = client
        self._allowed_hosts = allowed_hosts
        self._resolve = resolve

    def download(self, url: str, *, small_only: bool = False) -> JsonObject:
        """Download a result file, and return its JSON object.

        The path and the query are used byte by byte: decoding and encoding them would make the signature invalid
        (docs/vendor-api.md#result-url).
        Raises `LargeResult` for a result of more than `LARGE_RESULT_BYTES` if `small_only`; `ResultRefused` for a
        result that must not be downloaded; `ResultUnreadable` for a response that is no transcript; `ResultUnavailable`
        for a download that failed.
        """
        register_signed_url(url)
        duration = MAX_SMALL_DOWNLOAD_DURATION if small_only else MAX_DOWNLOAD_DURATION
        deadline = time.monotonic() + duration.total_seconds()
        try:
            address = self._check_url(url)
            request = self._build_request(address)
            addresses = self._resolve_checked(address)
        except (ValueError, httpx.InvalidURL) as error:
            raise _refused("The result's address is not a URL.") from error
        try:
            with (
                connection_limits(deadline, addresses),
                closing(self._client.send(request, stream=True, follow_redirects=False)) as response,
            ):
                if response.is_redirect:
                    raise self._redirected(response)
                body = _read(response, deadline, small_only=small_only)
        except httpx.TimeoutException as error:
            raise ResultUnavailable(f"The download of the result took too long: {type(error).__name__}.") from error
        except httpx.HTTPError as error:
            raise ResultUnavailable(f"The download of the result failed: {type(error).__name__}.") from error
        try:
            return parse_result(body)
        except ValueError as error:
            raise ResultUnreadable("The result is not a JSON object; it may be incomplete.", bytes(body)) from error

    def _check_url(self, url: str) -> _Address:
        """The address of an allowed result. Raises `ResultRefused` for any other, and `ValueError` if it is no URL."""
        address = _parse_url(url)
        if self._is_named(address):
            return address
        host = address.host
        if not self._is_allowed(host):
            raise _refused(
                f"The result is on the host {host}, which ResultHostAllowList does not allow "
                f"(allowed are {', '.join(self._allowed_hosts)})."
            )
        port = None if address.port == 80 else address.port  # port 80 does not speak TLS
        return replace(address, scheme="https", port=port if address.scheme == "http" else address.port)

    def _is_allowed(self, host: str) -> bool:
        return any(host == allowed or host.endswith(f".{allowed}") for allowed in self._allowed_hosts)

    def _redirected(self, response: httpx.Response) -> ResultUnreadable:
        """No redirect is followed. The error names the host only, because the address may contain a signature."""
        try:
            address = urljoin(str(response.request.url), response.headers.get("Location"))
            host = redact_signatures((urlsplit(address).hostname or "").lower())
        except ValueError:
            host = ""
        if self._is_allowed(host):
            return ResultUnreadable(
                f"The result's host returned HTTP {response.status_code}, a redirect. Redirects are not followed."
            )
        return ResultUnreadable(
            f"The result's host returned HTTP {response.status_code}, a redirect to the host {host or '(invalid)'}, "
            f"which ResultHostAllowList does not allow (allowed are {', '.join(self._allowed_hosts)}).",
            code=HOST_NOT_ALLOWED,
        )

    def _is_named(self, address: _Address) -> bool:
        """Whether the operator named exactly this host: with its port, or as a local host. It may then use http."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        port = address.port or (443 if address.scheme == "https" else 80)
        is_local_name = address.is_local and bool({address.host, host} & set(self._allowed_hosts))
        return is_local_name or f"{host}:{port}" in self._allowed_hosts

    def _build_request(self, address: _Address) -> httpx.Request:
        """The request, whose own host is checked again: two parsers may read one URL in different ways."""
        target = address.target.encode()
        url = httpx.URL(scheme=address.scheme, host=address.host, port=address.port, raw_path=target)
        if (url.scheme, url.host, url.userinfo) != (address.scheme, address.host, b""):
            raise _refused("The result's address is not a plain URL.")
        # httpx removes "/../" from a path. The extension keeps the signed bytes.
        extensions = {"target": target}
        return self._client.build_request("GET", url, headers=ONLY_IDENTITY, timeout=TIMEOUT, extensions=extensions)

    def _resolve_checked(self, address: _Address) -> list[str]:
        """The addresses to connect to. Raises `ResultRefused` if one is private and the operator did not name it.

        This protects against server-side request forgery by a manipulated reply.
        """
        host = address.host
        if address.is_local and self._is_named(address):
            return ["127.0.0.1", "::1"] if host == "localhost" else [host]
        try:
            addresses = self._resolve(host, address.port or 443)
        except OSError as error:
            raise ResultUnavailable(f"The name of the result's host {host} cannot be resolved.") from error
        if not all(map(_is_public, addresses)):
            raise _refused(f"The result's host {host} resolves to a private address.")
        return addresses


def _parse_url(url: str) -> _Address:
    """Raises `ResultRefused` for a URL that parsers could read in different ways, and `ValueError` if it is no URL."""
    if any(not character.isprintable() or character.isspace() for character in url):
        raise _refused("The result's address contains a blank or a control character.")
    parts = urlsplit(url)
    host, port = (parts.hostname or "").lower(), parts.port
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise _refused("The result's address is not a plain http or https URL.")
    if not (_HOST.fullmatch(host) or _is_local_address(host)) or "%" in host or port == 0:
        raise _refused("The result's address has no valid host name.")
    rest = url[len(parts.scheme) + len("://") + len(parts.netloc) :].partition("#")[0]
    target = rest if rest.startswith("/") else f"/{rest}"
    return _Address(parts.scheme, host, port, quote(target, safe=_PRINTABLE_ASCII))


def _read(response: httpx.Response, deadline: float, *, small_only: bool) -> bytearray:
    """The body of a successful response. Its encoding is identity, so its bytes are counted as they were received."""
    if response.status_code != 200:
        raise ResultUnavailable(f"The result's host returned HTTP {response.status_code}.")
    if encoding := find_encoding(response):
        raise ResultUnreadable(f"The result has the content encoding {encoding}, which was not requested.")
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if small_only and len(body) > LARGE_RESULT_BYTES:
            raise LargeResult(f"The result is larger than {LARGE_RESULT_BYTES:,} bytes.")
        if len(body) > MAX_RESULT_BYTES:
            raise ResultRefused(
                "RESULT_TOO_LARGE",
                f"The result is larger than {MAX_RESULT_BYTES:,} bytes, the maximum; it was not stored.",
            )
        if time.monotonic() > deadline:
            raise ResultUnavailable("The download of the result took too long.")
    return body


def _refused(message: str) -> ResultRefused:
    return ResultRefused(HOST_NOT_ALLOWED, message)


def _is_public(address: str) -> bool:
    """Whether an address, and the IPv4 address that it may contain, is one of the internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def _is_local_address(host: str) -> bool:
    try:
        return not _is_public(host)
    except ValueError:
        return False
