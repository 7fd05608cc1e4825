"""HTTP clients whose connections have a total deadline, and go only to addresses that were checked.

The time-outs of httpx limit each read. A server that sends one byte at a time never exceeds them.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from dashscribe.observability import silence_libraries

ONLY_IDENTITY = {"Accept-Encoding": "identity"}
"""A compressed body can be a thousand times larger than what is received."""
_MAX_ADDRESSES = 4
"""How many addresses of one host are tried."""


@dataclass(frozen=True)
class _Limits:
    deadline: float
    addresses: tuple[str, ...] | None


_limits: ContextVar[_Limits | None] = ContextVar("limits", default=None)


@contextmanager
def connection_limits(deadline: float, addresses: Sequence[str] | None = None) -> Iterator[None]:
    """Limit the connections that this thread uses meanwhile.

    No connecting, reading or writing lasts longer than until `deadline`, in the time of `time.monotonic`: it raises
    httpx's time-out errors. A client of checked addresses connects to `addresses` only.
    """
    token = _limits.set(_Limits(deadline, None if addresses is None else tuple(addresses)))
    try:
        yield
    finally:
        _limits.reset(token)


def http_client(trusted_roots: Callable[[], ssl.SSLContext], *, only_checked_addresses: bool = False) -> httpx.Client:
    """A client that obeys `connection_limits`. `trusted_roots` is called for each connection over TLS.

    With `only_checked_addresses` it resolves no name itself: a second resolution could return another address than the
    one that was checked. Certificates are verified against the name. Proxies of the environment are not used, because
    the client has a transport of its own.
    """
    silence_libraries()
    # httpx needs a context at once. This one trusts no certificate; the stream replaces it when it connects.
    no_roots = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = httpx.HTTPTransport(verify=no_roots)
    # httpx has no argument for the network backend of its pool (https://www.encode.io/httpcore/network-backends/).
    transport._pool = httpcore.ConnectionPool(
        ssl_context=no_roots,
        max_connections=None,  # the callers limit how many requests they send concurrently
        keepalive_expiry=5.0,
        network_backend=_LimitedBackend(trusted_roots, only_checked_addresses),
    )
    return httpx.Client(transport=transport)


def find_encoding(response: httpx.Response) -> str:
    """The content encoding of a response; empty if its body is as it was sent."""
    encoding = str(response.headers.get("Content-Encoding", ""))
    names = [name.strip().lower() for name in encoding.split(",")]
    return "" if all(name in ("", "identity") for name in names) else encoding[:40]


class _LimitedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, trusted_roots: Callable[[], ssl.SSLContext]) -> None:
        self._stream = stream
        self._trusted_roots = trusted_roots

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _time_left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _time_left(timeout, httpcore.ConnectTimeout)
        encrypted = self._stream.start_tls(self._trusted_roots(), server_hostname, left)
        return _LimitedStream(encrypted, self._trusted_roots)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _LimitedBackend(httpcore.NetworkBackend):
    def __init__(self, trusted_roots: Callable[[], ssl.SSLContext], only_checked_addresses: bool) -> None:
        self._trusted_roots = trusted_roots
        self._only_checked_addresses = only_checked_addresses
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses: Sequence[str] = (host,)
        if self._only_checked_addresses:
            limits = _limits.get()
            addresses = (limits.addresses or ()) if limits else ()
        failure: Exception = httpcore.ConnectError("No address of the host was checked.")
        for address in addresses[:_MAX_ADDRESSES]:
            left = _time_left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(address, port, left)  # the pool sets nothing else
                return _LimitedStream(stream, self._trusted_roots)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _time_left(timeout: float | None, expired: type[Exception]) -> float | None:
    limits = _limits.get()
    if limits is None:
        return timeout
    left = limits.deadline - time.monotonic()
    if left <= 0:
        raise expired("The deadline has passed.")
    return left if timeout is None else min(timeout, left)
