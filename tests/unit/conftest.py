"""Unit tests use no network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.network import no_connections


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    with no_connections():
        yield
