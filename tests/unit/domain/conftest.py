"""A job, its media, and the vendor's sample documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashscribe.domain.jobs.job import Job
from dashscribe.domain.jobs.job_changes import receive
from dashscribe.domain.recognition.media import Media

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 1, 1, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.fixture(scope="session")
def media() -> Media:
    return Media(bucket="media", key="calls/a b+c%20'é中😀.wav", version_id="v1", etag="e1", size_bytes=123)


@pytest.fixture(scope="session")
def job(media: Media, now: datetime) -> Job:
    return receive("0" * 32, media, uploaded_at=now, now=now)


@pytest.fixture(scope="session")
def sample() -> Callable[[str], dict[str, Any]]:
    """Reads a sample that was copied by hand from the vendor's documents (docs/vendor-api.md#sources)."""

    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        return document

    return read
