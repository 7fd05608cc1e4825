"""What a pass hands to Step Functions stays far below 256 KB, with 1,000 tasks in flight or 100 files a task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashscribe.services.polling.pass_budget import FILES_PER_PASS
from dashscribe.services.polling.poll import JOBS_PER_PASS
from tests.support.world import World

STEP_FUNCTIONS_LIMIT = 256 * 1024


def ended(files: int, files_per_task: int) -> World:
    """Uploads whose tasks have all ended, and nobody has looked yet."""
    world = World(max_files_per_task=files_per_task)
    for number in range(files):
        world.upload(f"{number}.wav")
    while world.queue:
        batch = world.queue[:1000]
        world.deliver(batch)
    world.now += timedelta(minutes=2)
    return world


@pytest.mark.parametrize(("files", "files_per_task"), [(1000, 1), (3000, 100)])
@pytest.mark.parametrize("concurrent_queries", [1, 8])
def test_the_result_of_the_largest_pass_is_small(files: int, files_per_task: int, concurrent_queries: int) -> None:
    world = ended(files, files_per_task)
    world.bus.failures = 10**9
    for number in range(150):
        world.upload(f"{number}.txt")
    world.deliver()
    world.now += timedelta(minutes=1)
    largest = most_files = 0
    for _ in range(5):
        report = world.poll_service(concurrent_queries).run()
        largest = max(largest, len(report.result.model_dump_json()))
        most_files = max(most_files, sum(len(request.job_ids) for request in report.result.finalize))
        world.now += timedelta(seconds=1)
    assert 3_000 < largest < STEP_FUNCTIONS_LIMIT / 4
    assert most_files < FILES_PER_PASS + 100 + JOBS_PER_PASS
