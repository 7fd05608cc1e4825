"""What a command that talks to DashScope needs of a stack: the key, the host, the table and the profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.report import WrongUsage
from cli.target import LOCAL_STACK, find_local_stack

if TYPE_CHECKING:
    import boto3

NEEDED = ("ApiKeySecretArn", "JobsTableName", "ProfilesParameterName")


@dataclass(frozen=True)
class Account:
    """`session` and `endpoint_url` reach the AWS account of the stack."""

    session: boto3.Session
    endpoint_url: str | None
    outputs: dict[str, str]
    base_url: str
    workspace_id: str
    default_model: str

    def client(self, service: Any) -> Any:
        return self.session.client(service, endpoint_url=self.endpoint_url)


def find_account(stack: str | None, region: str | None, profile: str | None) -> Account:
    """Return the stack's account: the local stack unless one of the arguments is given. Raises `WrongUsage`."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    local = None if stack or region or profile else find_local_stack()
    if local is not None:
        session = boto3.Session(
            aws_access_key_id=local["access_key_id"],
            aws_secret_access_key=local["secret_access_key"],
            region_name=local["region"],
        )
        stack, endpoint_url = local["stack_name"], local["aws_endpoint_url"]
    elif stack is None:
        raise WrongUsage(f"Name a deployed stack with --stack. There is no local stack here ({LOCAL_STACK}).")
    else:
        session, endpoint_url = None, None
    try:
        session = session or boto3.Session(profile_name=profile, region_name=region)
        client = session.client("cloudformation", endpoint_url=endpoint_url)
        [described] = client.describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise WrongUsage(f"The stack cannot be read: {error}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
    missing = [name for name in NEEDED if name not in outputs]
    if missing:
        raise WrongUsage(f"The stack {stack!r} has no output {missing[0]}, so it is no dashscribe stack.")
    return Account(
        session,
        endpoint_url,
        outputs,
        str((local or {}).get("dashscope_base_url") or parameters["DashScopeBaseUrl"]),
        parameters.get("DashScopeWorkspaceId", ""),
        parameters.get("DefaultModel", "fun-asr"),
    )
