"""Download the vendor's result files: from allowed hosts only, without the API key, and up to a maximum size."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import httpx

from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.received_results import parse_result
from dashscribe.errors import LargeResult, ResultNotJson, ResultRefused, ResultUnavailable

MAX_RESULT_BYTES = 64 * 1024 * 1024
"""A result of 12 hours with the times of every word has about 15 MB for each channel (tests/benchmarks)."""
LARGE_RESULT_BYTES = 2 * 1024 * 1024
"""The size of about two hours with the times of every word. Processing a result takes memory of up to 12 times its
size (docs/performance.md)."""
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


def resolve_addresses(host: str, port: int) -> list[str]:
    """Return every address that a host name resolves to. Raises `OSError` if there is none."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class ResultDownload:
    """`ResultSource` over HTTP. `client` must not send credentials. Redirects are not followed."""

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

        The URL is used byte by byte: decoding and encoding it would make its signature invalid
        (docs/vendor-api.md#result-url).
        Raises `LargeResult` for a result of more than `LARGE_RESULT_BYTES` if `small_only`; `ResultRefused` for a
        result that must not be downloaded; `ResultUnavailable` for a download that failed.
        """
        try:
            url = self._check_url(url)
        except ValueError as error:
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", "The result's address is not a URL.") from error
        body = bytearray()
        try:
            with self._client.stream("GET", url, timeout=TIMEOUT, follow_redirects=False) as response:
                if response.status_code != 200:
                    raise ResultUnavailable(f"The result's host returned HTTP {response.status_code}.")
                for chunk in response.iter_bytes():
                    body += chunk
                    if small_only and len(body) > LARGE_RESULT_BYTES:
                        raise LargeResult(f"The result is larger than {LARGE_RESULT_BYTES:,} bytes.")
                    if len(body) > MAX_RESULT_BYTES:
                        raise ResultRefused(
                            "RESULT_TOO_LARGE",
                            f"The result is larger than {MAX_RESULT_BYTES:,} bytes, the maximum; it was not stored.",
                        )
        except httpx.InvalidURL as error:
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", "The result's address is not a URL.") from error
        except httpx.HTTPError as error:
            raise ResultUnavailable(f"The download of the result failed: {type(error).__name__}.") from error
        received = bytes(body)
        del body
        try:
            return parse_result(received)
        except ValueError as error:
            raise ResultNotJson("The result is not a JSON object; it may be incomplete.", received) from error

    def _check_url(self, url: str) -> str:
        """Return the URL to download. Raises `ResultRefused` for a URL on a host that is not allowed.

        This protects against server-side request forgery by a manipulated reply.
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", "The result's address is not a plain http or https URL.")
        if not any(host == allowed or host.endswith(f".{allowed}") for allowed in self._allowed_hosts):
            raise ResultRefused(
                "RESULT_HOST_NOT_ALLOWED",
                f"The result is on the host {host}, which ResultHostAllowList does not allow "
                f"(allowed are {', '.join(self._allowed_hosts)}).",
            )
        if host in self._allowed_hosts and _is_local(host):
            return url  # the operator allowed exactly this local host, for a simulator
        try:
            addresses = self._resolve(host, parts.port or 443)
        except OSError as error:
            raise ResultUnavailable(f"The name of the result's host {host} cannot be resolved.") from error
        if any(not ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses):
            raise ResultRefused("RESULT_HOST_NOT_ALLOWED", f"The result's host {host} resolves to a private address.")
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
