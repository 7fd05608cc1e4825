"""The vendor's result files: downloaded from allowed hosts only, without our key, bounded in size."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import httpx

from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.errors import LargeResult, ResultRefused, ResultUnavailable

MAX_RESULT_BYTES = 64 * 1024 * 1024
"""A 12-hour transcript with every word timed is some 15 MB a channel (tests/benchmarks)."""
LARGE_RESULT_BYTES = 2 * 1024 * 1024
"""Some two hours with every word timed. Handling a result takes up to 12 times its size (docs/performance.md)."""
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def resolve_addresses(host: str, port: int) -> list[str]:
    """Every address that a host name stands for."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class ResultDownload:
    """`ResultSource` over HTTP. `client` must be one that carries no credentials; redirects are not followed."""

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
        """Fetch the URL verbatim: decoding and encoding it again would break its signature
        (docs/vendor-api.md#result-url)."""
        try:
            url = self._check_url(url)
        except ValueError as error:
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", "The result's address is not a URL.") from error
        body = bytearray()
        try:
            with self._client.stream("GET", url, timeout=TIMEOUT, follow_redirects=False) as response:
                if response.status_code != 200:
                    raise ResultUnavailable(f"The result's host answered HTTP {response.status_code}.")
                for chunk in response.iter_bytes():
                    body += chunk
                    if small_only and len(body) > LARGE_RESULT_BYTES:
                        raise LargeResult(f"The result is larger than {LARGE_RESULT_BYTES:,} bytes.")
                    if len(body) > MAX_RESULT_BYTES:
                        raise ResultRefused(
                            "RESULT_TOO_LARGE",
                            f"The result is larger than {MAX_RESULT_BYTES:,} bytes; it was not kept.",
                        )
        except httpx.InvalidURL as error:
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", "The result's address is not a URL.") from error
        except httpx.HTTPError as error:
            raise ResultUnavailable(f"The result's download broke: {type(error).__name__}.") from error
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ResultUnavailable("The result is not JSON; it may be cut off.") from error
        if not isinstance(document, dict):
            raise ResultUnavailable("The result is JSON, but no object.")
        return document

    def _check_url(self, url: str) -> str:
        """The URL to fetch, or `ResultRefused`: a reply must not be able to send us to a host of its choice."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", "The result's address is not a plain http or https URL.")
        if not any(host == allowed or host.endswith(f".{allowed}") for allowed in self._allowed_hosts):
            raise ResultRefused(
                "RESULT_HOST_NOT_ALLOWED",
                f"The result lies on {host}, which is not in ResultHostAllowList ({', '.join(self._allowed_hosts)}).",
            )
        if host in self._allowed_hosts and _is_local(host):
            return url  # named by the operator, letter by letter: a simulator
        try:
            addresses = self._resolve(host, parts.port or 443)
        except OSError as error:
            raise ResultUnavailable(f"The result's host {host} has no address now.") from error
        if any(not ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", f"The result's host {host} stands for a private address.")
        if parts.scheme == "http" and parts.port in (None, 80):
            return "https://" + host + url[url.index("://") + 3 + len(parts.netloc) :]
        return url


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
