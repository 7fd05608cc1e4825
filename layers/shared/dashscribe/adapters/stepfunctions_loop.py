"""Send wake-up signals to the poll loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from dashscribe.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsLoop:
    """`PollLoop` on Step Functions. A wake-up signal is one more execution.

    If another execution has the lease, the new one records the signal and ends. A failure is only logged: the schedule
    starts the loop within a minute.
    """

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def send_wake_up(self) -> None:
        try:
            self._client.start_execution(stateMachineArn=self._state_machine_arn)
        except (BotoCoreError, ClientError):
            logger.exception("wake-up signal failed")
