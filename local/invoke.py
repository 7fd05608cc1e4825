"""`make invoke`: one function in the real Lambda container (`sam local invoke`), with the running local stack.

The container reaches this machine as `host.docker.internal`. The stack listens on loopback only. Where that name
resolves to the address of Docker's bridge, the ports of the stack are forwarded from the bridge while the container
runs.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.processes import StackError
from local.stack import LOCAL, ROOT, StackInfo, architecture, build, clean_environment

CONTAINER_HOST = "host.docker.internal"
LAMBDA_PYTHON = "3.13"
SAMPLE_BUCKET = "media-bucket"
"""The bucket in the events of events/submit_transcription. It is replaced by that of the running stack."""
_FUNCTION_OF_FOLDER = {
    "submit_transcription": "SubmitTranscriptionFunction",
    "transcribe_audio": "TranscribeAudioFunction",
    "poll_tasks": "PollTasksFunction",
    "finalize_transcription": "FinalizeTranscriptionFunction",
    "backfill_uploads": "BackfillUploadsFunction",
}


def invoke(info: StackInfo, function: str, event: Path) -> int:
    """Build for the container, invoke the function and print its response; not 0 when it raised an error."""
    if function not in _FUNCTION_OF_FOLDER.values():
        names = ", ".join(_FUNCTION_OF_FOLDER.values())
        raise StackError(f"FUNCTION is {function!r}; the functions are {names}.")
    if not event.is_file():
        raise StackError(f"EVENT is {str(event)!r}, which is no file; the samples are events/<function>/<case>.json.")
    if shutil.which("docker") is None or not _docker_responds():
        raise StackError("sam local invoke needs a running Docker engine, and none responds.")
    work = LOCAL / "invoke"
    template = build(work, LAMBDA_PYTHON)
    (work / "event.json").write_text(json.dumps(fill_event(json.loads(event.read_text()), info), ensure_ascii=False))
    variables = {"AWS_ENDPOINT_URL": _for_container(info.aws_endpoint_url)}
    (work / "variables.json").write_text(json.dumps({"Parameters": variables | _deployed_variables(info, function)}))
    command = [
        str(LOCAL / "sam" / "bin" / "sam"),
        *("local", "invoke", function, "--template-file", str(template)),
        *("--event", str(work / "event.json"), "--env-vars", str(work / "variables.json")),
        *("--parameter-overrides", f"Architecture={architecture()} AwsEndpointUrl={variables['AWS_ENDPOINT_URL']}"),
        *("--config-file", str(ROOT / "samconfig.toml")),
    ]
    environment = clean_environment() | info.aws_environment | {"SAM_CLI_TELEMETRY": "0"}
    environment.pop("AWS_ENDPOINT_URL")
    with _reachable_from_container(info):
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    response = done.stdout.strip()
    print(response)
    if done.returncode == 0 and not response:
        print("dashscribe: the function returned nothing; it may have timed out", file=sys.stderr)
    return done.returncode or int(not response or '"errorType"' in response)


def _docker_responds() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def _for_container(url: str) -> str:
    return f"{urlsplit(url).scheme}://{CONTAINER_HOST}:{urlsplit(url).port}"


def _deployed_variables(info: StackInfo, function: str) -> dict[str, str]:
    """The environment of the deployed function: `sam local` does not know the names of the deployed resources."""
    name = info.outputs[f"{function}Name"]
    reply = info.client("lambda").get_function_configuration(FunctionName=name)
    variables: dict[str, str] = reply["Environment"]["Variables"]
    host = urlsplit(variables["DASHSCOPE_BASE_URL"]).hostname
    if host in ("127.0.0.1", "localhost"):
        variables["DASHSCOPE_BASE_URL"] = _for_container(variables["DASHSCOPE_BASE_URL"])
        variables["RESULT_HOST_ALLOW_LIST"] = f"{variables.get('RESULT_HOST_ALLOW_LIST', '')},{CONTAINER_HOST}"
    return variables


def fill_event(event: Any, info: StackInfo) -> Any:
    """The sample event with the running stack's bucket, a new upload, and its newest job and submission."""
    stack_names = {SAMPLE_BUCKET: info.outputs["MediaBucketName"]}
    if "NEWEST_" in json.dumps(event):
        stack_names |= _newest_submission(info)
    if isinstance(event, dict) and "Records" in event:
        for record in event["Records"]:
            record["body"] = _fill_body(record["body"], stack_names, info)
    return _replace(event, stack_names)


def _fill_body(text: str, names: dict[str, str], info: StackInfo) -> str:
    try:
        body = _replace(json.loads(text), names)
    except ValueError:
        return text
    upload = body.get("detail", {}).get("object", {}) if isinstance(body, dict) else {}
    if upload.get("size") and "sequencer" in upload:
        # Upload a sample recording and put it into the event, so that the function can really submit it.
        sample = next((ROOT / "local" / "samples").glob("*.wav"))
        reply = info.client("s3").put_object(
            Bucket=info.outputs["MediaBucketName"], Key=upload["key"], Body=sample.read_bytes()
        )
        upload |= {"etag": reply["ETag"].strip('"'), "size": sample.stat().st_size, "sequencer": f"{time.time_ns():X}"}
        upload.pop("version-id", None)
    return json.dumps(body, ensure_ascii=False)


def _replace(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replace(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [_replace(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def _newest_submission(info: StackInfo) -> dict[str, str]:
    items = info.client("dynamodb").scan(TableName=info.outputs["JobsTableName"])["Items"]
    tasks = [item for item in items if item["pk"]["S"].startswith("TASK#")]
    if not tasks:
        raise StackError(
            "The event needs a submission, and there is none yet: invoke SubmitTranscriptionFunction first."
        )
    newest = max(tasks, key=lambda item: item["posted_at"]["S"])
    return {
        "NEWEST_SUBMISSION_ID": newest["submission_id"]["S"],
        "NEWEST_JOB_ID": newest["job_ids"]["L"][0]["S"],
    }


# how a container reaches loopback


@contextlib.contextmanager
def _reachable_from_container(info: StackInfo) -> Iterator[None]:
    gateway = _bridge_address()
    ports = {urlsplit(url).port for url in (info.aws_endpoint_url, info.dashscope_base_url)}
    local = urlsplit(info.dashscope_base_url).hostname in ("127.0.0.1", "localhost")
    if not local:
        ports = {urlsplit(info.aws_endpoint_url).port}
    with contextlib.ExitStack() as forwarders:
        for port in sorted(port for port in ports if port is not None):
            if gateway is not None:
                forwarders.enter_context(_Forwarder(gateway, port))
        yield


def _bridge_address() -> str | None:
    """The address that `host-gateway` resolves to, if it belongs to this machine (on Docker Desktop it does not)."""
    inspected = subprocess.run(
        ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    address = inspected.stdout.strip()
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind((address or "172.17.0.1", 0))
        return address or "172.17.0.1"
    return None


class _Forwarder:
    """Forwards TCP connections from a bridge address to the same port on loopback."""

    def __init__(self, address: str, port: int) -> None:
        self._port = port
        self._listener = socket.create_server((address, port))

    def __enter__(self) -> _Forwarder:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # otherwise the thread in accept() keeps the port
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                inside, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(inside,), daemon=True).start()

    def _forward(self, inside: socket.socket) -> None:
        with inside, socket.create_connection(("127.0.0.1", self._port)) as outside:
            responses = threading.Thread(target=_copy, args=(outside, inside), daemon=True)
            responses.start()
            _copy(inside, outside)
            responses.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
