"""Fixtures of the service tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashscribe.observability import logger


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Hundreds of thousands of log lines take longer than what they tell of."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)
