"""The stack that a command works on: the local one, or a deployed one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.stack import describe_stack
from local.processes import StackError
from local.stack import StackInfo


@dataclass(frozen=True)
class Target:
    """`client` makes a boto3 client by the service's name."""

    client: Callable[[str], Any]
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, stack_name: str) -> Target:
        """The deployed stack of this name, with the AWS credentials of the environment; without a name, the local
        one. Raises `StackError` when there is none."""
        if not stack_name:
            return cls.of_local(StackInfo.load())
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client: Callable[[str], Any] = boto3.Session().client  # type: ignore[assignment]  # the stubs want literals
            return cls.of_stack(client, stack_name)
        except (BotoCoreError, ClientError) as error:
            raise StackError(f"The stack {stack_name!r} cannot be read: {error}") from error

    @classmethod
    def of_local(cls, info: StackInfo) -> Target:
        return cls.of_stack(info.client, info.stack_name)

    @classmethod
    def of_stack(cls, client: Callable[[str], Any], stack_name: str) -> Target:
        stack = describe_stack(client, stack_name)
        return cls(client, stack.outputs, stack.parameters)

    def output(self, name: str) -> str:
        try:
            return self.outputs[name]
        except KeyError:
            raise StackError(f"The stack has no output {name}; deploy this version of the template first.") from None
