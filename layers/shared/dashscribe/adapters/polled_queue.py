"""A queue whose event source mapping is enabled by its first message."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from dashscribe.services.ports import JobQueue

CHECK_EVERY_SECONDS = 300
"""How long a mapping that was found enabled counts as enabled. An update of the stack may disable it again."""
_DISABLED = ("Disabled", "Disabling")


class PolledQueue:
    """`JobQueue` that sends each job to `queue`, and has Lambda poll the queue from the first job on.

    The polls of an empty queue cost 0.26 USD a month, and most stacks never use this queue. AWS needs up to a minute
    to enable a mapping. The first job waits for it. A mapping that cannot be enabled is logged. The job then stays due,
    and the loop sends it again.
    """

    def __init__(self, queue: JobQueue, connect: Callable[[], LambdaClient], mapping_id: str) -> None:
        self._queue = queue
        self._connect = connect
        self._mapping_id = mapping_id
        self._enabled_until = 0.0

    @cached_property
    def _client(self) -> LambdaClient:
        """Made for the first job: most stacks never need it."""
        return self._connect()

    def requeue(self, job_id: str) -> None:
        self._queue.requeue(job_id)
        if time.monotonic() < self._enabled_until:
            return
        try:
            self._enable()
        except (BotoCoreError, ClientError):
            logger.exception("event source mapping not enabled")

    def _enable(self) -> None:
        if self._client.get_event_source_mapping(UUID=self._mapping_id)["State"] in _DISABLED:
            self._client.update_event_source_mapping(UUID=self._mapping_id, Enabled=True)
            logger.info("event source mapping enabled")
        self._enabled_until = time.monotonic() + CHECK_EVERY_SECONDS
