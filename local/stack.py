"""The local stack: MiniStack, the real template built and deployed by the real SAM CLI, and a DashScope."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, PrivateAttr

from cli.stack import describe_stack
from local import processes
from local.built_template import adapt_to_local_stack, digest_of_inputs, disable_mappings
from local.processes import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
STACK_FOLDER = Path(os.environ.get("DASHSCRIBE_STACK_FOLDER", LOCAL))
"""Where the files of the stack of `make up` are. The tests have a stack of their own."""
BUILT = LOCAL / "build"
STACK_NAME = "dashscribe-local"
REGION = "us-east-1"
CREDENTIALS = "test"
"""MiniStack's root user. MiniStack evaluates the IAM policies of every other identity."""
API_KEY = "sk-local"
_MINISTACK = "MiniStack"


class StackInfo(BaseModel):
    """`.local/stack.json`: the addresses, credentials and outputs of the running stack."""

    aws_endpoint_url: str
    region: str = REGION
    access_key_id: str = CREDENTIALS
    secret_access_key: str = CREDENTIALS
    stack_name: str = STACK_NAME
    dashscope_base_url: str
    outputs: dict[str, str]
    _clients: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def aws_environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }

    @property
    def sam_environment(self) -> dict[str, str]:
        """The environment of `sam deploy`, which by default waits 5 s before it looks at a stack."""
        return clean_environment() | self.aws_environment | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}

    def client(self, service: str) -> Any:
        """A boto3 client of the local AWS, as root. Each call returns the same one, because making one takes long."""
        if service not in self._clients:
            import boto3  # not at the top: `make env` needs no client, and the import takes most of its time
            from botocore.config import Config

            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]  # any service's name; the stubs want a literal
                endpoint_url=self.aws_endpoint_url,
                region_name=self.region,
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=self.secret_access_key,
                config=Config(retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=30),
            )
        return self._clients[service]

    @classmethod
    def load(cls, folder: Path = STACK_FOLDER) -> StackInfo:
        path = folder / "stack.json"
        if not path.exists():
            raise StackError("No local stack is running. Start one with: make up")
        info = cls.model_validate_json(path.read_text())
        port = urlsplit(info.aws_endpoint_url).port
        if port is None or not processes.is_listening(port):
            raise StackError("The local stack has stopped unexpectedly. Start it again with: make up")
        return info


class Server(BaseModel):
    """One process of a stack, in `processes.json`. `started` tells it from a later process with the same id."""

    pid: int
    port: int
    started: str = ""


def architecture() -> str:
    """This machine's architecture in Lambda's terms."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def clean_environment() -> dict[str, str]:
    """This process's environment without AWS settings: the local stack must never reach the user's account.

    Also without the variable that keeps Python from storing bytecode: each process would compile all of its modules.
    """
    removed = ("AWS_ACCESS", "AWS_S", "AWS_P", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(removed)}


def build(folder: Path, python_version: str) -> Path:
    """Run `sam build` for an interpreter of this machine, unless its last build is current; returns the built template.
    Each folder has its own cache."""
    build_folder, built_from = folder / "template", folder / "inputs.sha256"
    template, inputs = build_folder / "template.yaml", digest_of_inputs(ROOT, python_version, architecture())
    if template.exists() and built_from.exists() and built_from.read_text() == inputs:
        return template
    built_from.unlink(missing_ok=True)  # a build that is interrupted must be repeated
    shutil.rmtree(build_folder, ignore_errors=True)
    environment = clean_environment() | {
        "PATH": f"{LOCAL / 'sam' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "DEPS_ARCHITECTURE": {"arm64": "aarch64"}.get(architecture(), "x86_64"),
        "DEPS_PYTHON_VERSION": python_version,
        "AWS_DEFAULT_REGION": REGION,
    }
    _sam(
        ["build", "--template-file", str(ROOT / "template.yaml"), "--build-dir", str(build_folder)]
        + ["--cached", "--cache-dir", str(folder / "cache"), "--parallel"],
        environment,
        folder / "sam-build.log",
    )
    built_from.write_text(inputs)
    return template


def _sam(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            [str(LOCAL / "sam" / "bin" / "sam"), *arguments],
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise StackError(
            f"sam {arguments[0]} failed with status {done.returncode}. The end of its log ({log}):\n"
            f"{processes.tail(log, 25)}"
        )


def deploy(
    template: Path, stack_name: str, parameters: Mapping[str, str], environment: Mapping[str, str], log: Path
) -> None:
    """Run `sam deploy` of a built template. Raises `StackError` with the end of its log."""
    _sam(
        ["deploy", "--template-file", str(template), "--stack-name", stack_name, "--resolve-s3"]
        + ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"]
        + ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local", "--parameter-overrides"]
        + [f"{name}={value}" for name, value in parameters.items()],
        environment,
        log,
    )


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on the folder: exclusive to build into it, shared to deploy from it. Waits for other holders."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        # Released when the file is closed, also when the process is killed.
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def built_for_local_stack() -> Path:
    """The template that local stacks deploy, built for this Python. Deploy it while the folder `BUILT` is locked."""
    with locked(BUILT):
        return adapt_to_local_stack(build(BUILT, f"{sys.version_info.major}.{sys.version_info.minor}"))


@dataclass
class Stack:
    """One local stack, with its files in `folder`. With `dashscope_base_url` that server is used, and no simulator.
    With `load_recogniser` the simulator loads its model while the stack is deployed."""

    folder: Path = STACK_FOLDER
    dashscope_base_url: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = print
    deploy_template: bool = True
    load_recogniser: bool = False
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _remembering: Lock = field(default_factory=Lock)

    @cached_property
    def _pids_file(self) -> Path:
        return self.folder / "processes.json"

    def start(self) -> StackInfo:
        """Start everything; on an error, stop what was started. A stack that runs already is returned, or repaired."""
        running = self._repaired()
        if running is not None:
            return running
        self.stop()
        try:
            return self._started()
        except BaseException:
            self.stop()
            raise

    def _repaired(self) -> StackInfo | None:
        """The stack that is running already, with its simulator started again if that has died. None when there is no
        stack, or when MiniStack has died: its data was in memory, so everything must start anew."""
        try:
            info = StackInfo.model_validate_json((self.folder / "stack.json").read_text())
        except (OSError, ValueError):
            return None
        dead = [name for name, server in self._servers().items() if not processes.is_listening(server.port)]
        if _MINISTACK in dead or not self._is_deployed(info):
            self.say("the local stack has stopped unexpectedly; starting a new one")
            return None
        if self.parameters or (self.dashscope_base_url or info.dashscope_base_url) != info.dashscope_base_url:
            raise StackError("A local stack is already running. Stop it with: make down")
        if dead:
            self.say("the DashScope simulator of the local stack has stopped unexpectedly; starting it again")
            port = urlsplit(info.dashscope_base_url).port
            self._start_simulator(port or processes.free_port())
        self.say("the local stack is already running; to deploy changed code: make down up")
        return info

    def _is_deployed(self, info: StackInfo) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            [stack] = info.client("cloudformation").describe_stacks(StackName=info.stack_name)["Stacks"]
        except (BotoCoreError, ClientError):
            return False
        return str(stack["StackStatus"]).endswith("_COMPLETE")

    def _started(self) -> StackInfo:
        endpoint_port, simulator_port = processes.free_port(), processes.free_port()
        info = StackInfo(
            aws_endpoint_url=f"http://127.0.0.1:{endpoint_port}",
            dashscope_base_url=self.dashscope_base_url or f"http://127.0.0.1:{simulator_port}",
            outputs={},
        )
        self.say("starting MiniStack, the DashScope simulator and sam build")
        with ThreadPoolExecutor() as pool:
            building = pool.submit(built_for_local_stack)
            starting = [pool.submit(self._start_ministack, info, endpoint_port)]
            if self.dashscope_base_url is None:
                starting.append(pool.submit(self._start_simulator, simulator_port))
            for task in starting:
                task.result()
            template = building.result()
        if self.deploy_template:
            self.say("sam deploy")
            with locked(BUILT, shared=True):
                info = self._deployed(info, template)
        (self.folder / "stack.json").write_text(info.model_dump_json(indent=2))
        return info

    def _start_ministack(self, info: StackInfo, port: int) -> None:
        scratch = self.folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        environment = clean_environment() | info.aws_environment
        environment |= {
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            "TMPDIR": str(scratch),
        }
        self._serve(_MINISTACK, [LOCAL / "ministack" / "bin" / "ministack"], port, environment)

    def _start_simulator(self, port: int) -> None:
        command = [sys.executable, "-m", "local.simulator", "--port", str(port), "--key", API_KEY, "--latency", "0"]
        command += ["--load-recogniser"] if self.load_recogniser else []
        self._serve("DashScope simulator", command, port, clean_environment())

    def _serve(self, name: str, command: Sequence[str | Path], port: int, environment: Mapping[str, str]) -> None:
        log = self.folder / "logs" / f"{name.lower().replace(' ', '-')}.log"
        process = processes.start(name, command, log, environment, ROOT)
        self._children.append(process)
        # Written before we wait for the server, so that `make down` finds it even when this process is killed.
        self._remember(name, process.pid, port)
        processes.wait_until_listening(name, process, port, log)

    def _remember(self, name: str, pid: int, port: int) -> None:
        with self._remembering:  # the servers start concurrently
            known = self._servers() | {name: Server(pid=pid, port=port, started=processes.start_time(pid))}
            self._pids_file.write_text(json.dumps({each: server.model_dump() for each, server in known.items()}))

    def _servers(self) -> dict[str, Server]:
        try:
            known: dict[str, Any] = json.loads(self._pids_file.read_text())
            return {name: Server.model_validate(server) for name, server in known.items()}
        except (OSError, ValueError):
            return {}

    def _deployed(self, info: StackInfo, template: Path) -> StackInfo:
        parameters = {
            "Architecture": architecture(),
            "DashScopeBaseUrl": info.dashscope_base_url,
            "ResultHostAllowList": "aliyuncs.com,127.0.0.1,localhost",
            **self.parameters,
        }
        deploy(template, STACK_NAME, parameters, info.sam_environment, self.folder / "logs" / "sam-deploy.log")
        outputs = describe_stack(info.client, STACK_NAME).outputs
        info.client("secretsmanager").put_secret_value(SecretId=outputs["ApiKeySecretArn"], SecretString=API_KEY)
        disable_mappings(info.client("lambda"), outputs["TranscribeAudioFunctionName"])
        return info.model_copy(update={"outputs": outputs})

    def stop(self) -> None:
        """Stop every process of this stack, also those that an earlier run left behind, and delete its files."""
        servers = self._servers().values()
        # With another start time, the process id is another process's by now.
        ours = [server.pid for server in servers if processes.start_time(server.pid) == server.started]
        with ThreadPoolExecutor() as pool:
            list(pool.map(processes.stop, ours))
        for child in self._children:
            child.wait()
        self._children.clear()
        self._pids_file.unlink(missing_ok=True)
        (self.folder / "stack.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "scratch", ignore_errors=True)

    def __enter__(self) -> StackInfo:
        self.stop()  # an earlier run that was killed may have left its processes behind
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
