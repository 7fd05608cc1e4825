"""Forbids connections in tests that need none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest_socket


@contextmanager
def no_connections() -> Iterator[None]:
    """Make every new connection an error.

    Only connecting is forbidden, because servers of other fixtures must still accept connections in their threads.
    """
    connect = socket.socket.connect
    pytest_socket.socket_allow_hosts([], allow_unix_socket=True)
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]  # pytest-socket replaced it
