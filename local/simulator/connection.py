"""Connections that can be cut.

An ASGI application cannot end a request without an answer (Starlette and uvicorn both answer an exception with a 500),
so uvicorn's protocol class lends it the connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "local.simulator.transport"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 s: closing sends RST (socket(7))."""


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, whose requests can find the transport that they came over (in `scope`)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        super().connection_made(transport)
        application = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, _TRANSPORT: transport}, receive, send)

        self.app = with_transport


class CutConnection(Response):
    """No answer: the connection is reset. Needs a server with `CuttableProtocol`; another one would answer 500."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _cut(scope, receive)


class CutStream(Response):
    """The beginning of an answer, then the connection is reset."""

    def __init__(self, beginning: Iterable[bytes], media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._beginning = beginning

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        for chunk in self._beginning:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await _cut(scope, receive)


async def _cut(scope: Scope, receive: Receive) -> None:
    transport: asyncio.Transport = scope[_TRANSPORT]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
