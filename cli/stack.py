"""A deployed stack as CloudFormation describes it, or the local one of this checkout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.report import WrongUsage
from cli.target import find_local_stack


@dataclass(frozen=True)
class Stack:
    """`client` makes a boto3 client of the stack's region by the service's name."""

    name: str
    region: str
    status: str
    client: Callable[[str], Any]
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def output(self, name: str) -> str:
        if name not in self.outputs:
            raise WrongUsage(
                f"The stack {self.name!r} has no output {name}. It is no dashscribe stack, or an older version: "
                "deploy this version first."
            )
        return self.outputs[name]

    def physical_id(self, logical_id: str) -> str:
        """The name of a resource that is no output."""
        reply = self.client("cloudformation").describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        found: str = reply["StackResourceDetail"]["PhysicalResourceId"]
        return found


def find_stack(name: str | None, region: str | None, profile: str | None) -> Stack:
    """Return the stack. Without any argument it is the local one. Raises `WrongUsage` when it cannot be read."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    local = None if name or region or profile else find_local_stack()
    try:
        if local is not None:
            session = boto3.Session(
                region_name=local["region"],
                aws_access_key_id=local["access_key_id"],
                aws_secret_access_key=local["secret_access_key"],
            )
            return describe_stack(partial(session.client, endpoint_url=local["aws_endpoint_url"]), local["stack_name"])
        if not name:
            raise WrongUsage("Name the stack, such as --stack dashscribe. No local stack runs here (make up).")
        return describe_stack(partial(boto3.Session(profile_name=profile, region_name=region).client), name)
    except (BotoCoreError, ClientError) as error:
        raise WrongUsage(f"The stack cannot be read: {error}") from error


def describe_stack(client: Callable[[str], Any], name: str) -> Stack:
    """Read a stack with the clients of its account and region."""
    formation = client("cloudformation")
    [stack] = formation.describe_stacks(StackName=name)["Stacks"]
    return Stack(
        name=name,
        region=formation.meta.region_name,
        status=stack["StackStatus"],
        client=client,
        outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])},
    )
