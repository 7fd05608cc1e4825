"""A table that does not accept the record of one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from dashscribe.domain.jobs.job import Job
from tests.support.records import Records


@contextmanager
def refusing(
    monkeypatch: pytest.MonkeyPatch, records: Records, write: Literal["create", "save"], key: str
) -> Iterator[None]:
    """Meanwhile this write of the job of this key fails. Those of the other jobs succeed."""
    real = getattr(records, write)

    def refuse_one(job: Job) -> Any:
        if job.media.key == key:
            raise ConnectionError("the table does not answer")
        return real(job)

    with monkeypatch.context() as patch:
        patch.setattr(records, write, refuse_one)
        yield
