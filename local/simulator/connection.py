"""Close connections without a complete response.

An ASGI application cannot do that itself: Starlette and uvicorn turn an exception into a response with the status 500.
So uvicorn's protocol class passes the transport to the application.
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
"""SO_LINGER with a timeout of 0 s: closing the socket sends RST (socket(7))."""


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with the request's transport in `scope`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        super().connection_made(transport)
        application = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            await application({**scope, _TRANSPORT: transport}, receive, send)

        self.app = with_transport


class CutConnection(Response):
    """Reset the connection without a response. The server must use `CuttableProtocol`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _cut(scope, receive)


class CutStream(Response):
    """Send the first part of a response, then reset the connection."""

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
