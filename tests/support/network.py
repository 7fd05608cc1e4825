"""No connections while a test runs that needs none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest_socket


@contextmanager
def no_connections() -> Iterator[None]:
    """A connection is an error, not a slow test.

    Only connecting is forbidden: servers that other fixtures run in threads of this process must go on accepting.
    """
    connect = socket.socket.connect
    pytest_socket.socket_allow_hosts([], allow_unix_socket=True)
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]  # as pytest-socket had set it
