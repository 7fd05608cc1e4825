"""The poll loop, as seen by who wants it to run now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsLoop:
    """`PollLoop`: one more execution, which ends at once where another holds the lease."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def send_wake_up(self) -> None:
        try:
            self._client.start_execution(stateMachineArn=self._state_machine_arn)
        except (BotoCoreError, ClientError):
            logger.exception("the poll loop could not be wake_up_sent")
