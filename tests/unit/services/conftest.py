"""Fixtures of the service tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashscribe.observability import logger


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """No log lines: hundreds of thousands of them take longer than the test itself."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)
