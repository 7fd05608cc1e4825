"""What was learned of the vendor, in the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dashscribe.domain.jobs.task_list_scan import TaskListState
from tests.support.table import JobsTable

if TYPE_CHECKING:
    pass


SECOND = timedelta(seconds=1)


def test_the_state_of_a_scan_is_stored_per_model(records: JobsTable, now: datetime) -> None:
    assert records.task_list_state("fun-asr") is None
    state = TaskListState(next_at=now, off_until=now + SECOND, page_size=10)
    records.save_task_list_state("fun-asr", state)
    assert records.task_list_state("fun-asr") == state
    assert records.task_list_state("paraformer-v2") is None


def test_one_file_per_task_is_remembered_per_model_until_it_expires(records: JobsTable, now: datetime) -> None:
    assert not records.takes_one_file_only("fun-asr", now)
    records.remember_one_file_only("fun-asr", now + timedelta(hours=1))
    assert records.takes_one_file_only("fun-asr", now)
    assert not records.takes_one_file_only("fun-asr", now + timedelta(hours=2))
    assert not records.takes_one_file_only("paraformer-v2", now)
