"""What `make up` prints, and the shell variables of `eval "$(make env)"`."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator

from local.stack import LOCAL, STACK_FOLDER, StackInfo
from local.target import Target

_LOCAL_AWS_CLI = LOCAL / "aws" / "bin" / "aws"


def shell_lines(stack_name: str) -> str:
    """Lines for `eval`: one variable for each output of the stack. For the local stack also its credentials, and `aws`
    with its endpoint."""
    lines: list[str] = []
    if stack_name:
        outputs = Target.of(stack_name).outputs
    else:
        info = StackInfo.load()
        outputs = info.outputs
        lines += [f"export {name}={shlex.quote(value)}" for name, value in info.aws_environment.items()]
        lines += ["unset AWS_PROFILE AWS_SESSION_TOKEN", *_aws_function(info)]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in outputs.items()]
    return "\n".join(lines)


def _aws_function(info: StackInfo) -> Iterator[str]:
    """Version 1 of the AWS CLI ignores AWS_ENDPOINT_URL for queues, so the endpoint is an argument."""
    command = "command aws" if shutil.which("aws") else shlex.quote(str(_LOCAL_AWS_CLI))
    yield f'aws() {{ {command} --endpoint-url {shlex.quote(info.aws_endpoint_url)} "$@"; }}'


def show(info: StackInfo) -> None:
    """Print the stack's addresses and the next steps."""
    print("\nThe local stack is running. Stop it with: make down\n")
    values = {**info.aws_environment, "DashScope": info.dashscope_base_url, **info.outputs}
    width = max(map(len, values))
    for name, value in values.items():
        print(f"  {name:<{width}}  {value}")
    print(f"\nThe same as JSON: {STACK_FOLDER / 'stack.json'}")
    print(NEXT_STEPS)


NEXT_STEPS = """
Next, in this folder:

  eval "$(make env)"                                        # each name above becomes a shell variable
  aws s3 cp local/samples/meeting.mp3 s3://$MediaBucketName/
  make where KEY=meeting.mp3                                # its status and where its transcript is
  aws s3 cp --recursive s3://$ResultsBucketName/meeting.mp3/ out/meeting/
"""
