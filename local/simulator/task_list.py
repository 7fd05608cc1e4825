"""The vendor's task list (docs/vendor-api.md#task-list)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from dashscribe.domain.timestamps import VENDOR_ZONE
from local.simulator.checks import invalid
from local.simulator.scenario import Behaviour
from local.simulator.tasks import SimulatedTask

_LIST_WINDOW = timedelta(hours=24)


def list_page(
    newest_first: Iterable[SimulatedTask], filters: Mapping[str, str], behaviour: Behaviour
) -> dict[str, Any]:
    """Return a page of the tasks that match the query parameters. Raises `RequestRefusedError`."""
    earliest, latest = _parse_time_range(filters.get("start_time"), filters.get("end_time"))
    found = [
        _list_entry(task)
        for task in newest_first
        if earliest <= task.submitted_at <= latest
        and filters.get("task_id") in (None, task.task_id)
        and filters.get("model_name") in (None, task.model)
        and filters.get("status") in (None, task.status)
    ]
    page = parse_positive(filters.get("page_no", "1"))
    asked = parse_positive(filters.get("page_size", "10"))
    if asked > behaviour.largest_list_page and behaviour.refuses_larger_list_pages:
        raise invalid("page_size is too large.")
    size = min(asked, behaviour.largest_list_page)
    return {
        "total": len(found),
        "total_page": -(-len(found) // size),
        "page_no": page,
        "page_size": size,
        "data": found[(page - 1) * size : page * size],
    }


def _list_entry(task: SimulatedTask) -> dict[str, Any]:
    return {
        "api_key_id": task.api_key_id,
        "gmt_create": int(task.submitted_at * 1000),
        "start_time": int((task.scheduled_at or task.submitted_at) * 1000),
        **({"end_time": int(task.ended_at * 1000)} if task.ended_at else {}),
        "model_name": task.model,
        "region": "ap-southeast-1",
        "request_id": task.task_id,
        "status": task.status,
        "task_id": task.task_id,
        "user_api_unique_key": f"apikey:v1:audio:asr:transcription:{task.model}",
    }


def parse_positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise invalid()
    return int(text)


def _parse_time_range(start: str | None, end: str | None) -> tuple[float, float]:
    """Parse a time range of at most 24 hours in the form `YYYYMMDDhhmmss`; by default, the last 24 hours.

    The documentation does not name the time zone, so UTC+8 is assumed (docs/vendor-api.md#task-list).
    """
    try:
        given = [
            datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VENDOR_ZONE) if text else None
            for text in (start, end)
        ]
    except ValueError:
        raise invalid() from None
    latest = given[1] or (given[0] + _LIST_WINDOW if given[0] else datetime.now(VENDOR_ZONE))
    earliest = given[0] or latest - _LIST_WINDOW
    if not timedelta() <= latest - earliest <= _LIST_WINDOW:
        raise invalid("The time range must not exceed 24 hours.")
    return earliest.timestamp(), latest.timestamp()
