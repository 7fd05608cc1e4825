from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from dashscribe.services.backfill import BackfillBatch, BackfillReport
from functions.backfill_uploads import app
from tests.conftest import LogLines
from tests.unit.functions.conftest import Metrics, Serve, invoke

ITEM = {
    "object": {"Key": "calls/a b+c.wav", "Size": 2480, "LastModified": 1_750_000_000},
    "request": {"run": "run-1", "prefix": "calls/", "newer_than": "2025-01-01T00:00:00Z", "dry_run": False},
}
EVENT = {"Items": [ITEM, ITEM], "wait_seconds": 60}


@pytest.mark.parametrize(("event", "items"), [(EVENT, 2), (ITEM, 1)], ids=["a batch", "one item without a batch"])
def test_the_batch_goes_to_the_service(serve: Serve, event: dict[str, Any], items: int) -> None:
    service = serve(app, "backfill_service", BackfillReport())
    invoke(app, event)
    [(batch,)] = service.calls
    assert [item.object.key for item in batch.items] == ["calls/a b+c.wav"] * items


def test_a_finished_batch_returns_nothing_to_try_again(serve: Serve) -> None:
    serve(app, "backfill_service", BackfillReport())
    assert invoke(app, EVENT) == {"Items": [], "wait_seconds": 0}


def test_a_held_back_batch_is_returned_so_that_it_can_be_given_again(serve: Serve) -> None:
    batch = BackfillBatch.model_validate(EVENT)
    service = serve(app, "backfill_service", BackfillReport(left=batch))
    returned = invoke(app, EVENT)
    assert returned["wait_seconds"] == 60
    invoke(app, returned)
    assert service.calls == [(batch,), (batch,)]


def test_every_outcome_is_counted_and_logged(serve: Serve, emitted: Metrics, log_lines: LogLines) -> None:
    counts = Counter(listed=5, queued=3, skipped_done=2)
    serve(app, "backfill_service", BackfillReport(counts=counts, left=BackfillBatch.model_validate(ITEM)))
    invoke(app, EVENT)
    assert emitted() == {"BackfillQueued": [3]}
    [line] = [line for line in log_lines() if line["message"] == "run ended"]
    assert (line["held_back"], line["counts"]) == (1, counts)


def test_an_event_of_another_shape_is_refused(serve: Serve) -> None:
    """A misspelt filter would queue more than the user asked for."""
    service = serve(app, "backfill_service", BackfillReport())
    with pytest.raises(ValidationError):
        invoke(app, {"Items": [{**ITEM, "request": {"run": "run-1", "prefx": "calls/"}}]})
    assert service.calls == []
