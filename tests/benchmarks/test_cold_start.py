"""Compares the cold start of each function with a bare handler that imports boto3 and makes the same clients.

`make bench` prints the figures; nothing is asserted about them. Each figure is the best of several fresh interpreters
with the layout of the Lambda environment (the built layers and the code on sys.path). The two handlers alternate on one
machine, so their ratio is comparable between machines, while the seconds are not. The seconds are CPU time, because a
start waits for nothing else. As in Lambda, nothing can write bytecode: only the layers' and boto3's own is there. If
Docker has the Lambda image, the figures are measured in it too.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.invoke import LAMBDA_PYTHON
from local.stack import BUILT, LOCAL, build
from tests.support.constants import ENVIRON

CLIENTS = {
    "submit_transcription": ("dynamodb", "s3", "secretsmanager", "ssm", "events", "sqs", "stepfunctions"),
    "transcribe_audio": ("dynamodb", "s3", "secretsmanager", "ssm", "events", "sqs", "stepfunctions"),
    "poll_tasks": ("dynamodb", "secretsmanager", "sqs"),
    "finalize_transcription": ("dynamodb", "s3", "events"),
    "backfill_uploads": ("dynamodb", "s3", "sqs"),
}
SERVICES = {
    "submit_transcription": "submit_service",
    "transcribe_audio": "transcribe_service",
    "poll_tasks": "poll_service",
    "finalize_transcription": "finalize_service",
    "backfill_uploads": "backfill_service",
}
ROUNDS = 10
VARIABLES = {
    **ENVIRON,
    "MEDIA_BUCKET_NAME": "m",
    "BACKFILL_FILES_PER_SECOND": "5",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "dashscribe",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
}


FOLDERS = {name: "".join(part.title() for part in name.split("_")) + "Function" for name in CLIENTS}
IMAGE = f"public.ecr.aws/lambda/python:{LAMBDA_PYTHON}"
HERE, CONTAINER = "here", "Lambda container"


def cpu_seconds(script: str, where: str, built: Path, folders: list[str]) -> float:
    """The CPU time of this script in a fresh interpreter that has boto3, like the Lambda runtime."""
    timed = f"import time; t = time.process_time()\n{script}\nprint(time.process_time() - t)"
    root = Path("/built") if where == CONTAINER else built
    variables = {
        **VARIABLES,
        "PYTHONPATH": os.pathsep.join(str(root / folder) for folder in folders),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if where == CONTAINER:
        settings = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        command = ["docker", "run", "--rm", "--network", "none", "--volume", f"{built}:/built:ro", *settings]
        return float(subprocess.check_output([*command, "--entrypoint", "python3", IMAGE, "-c", timed], text=True))
    python = str(LOCAL / "ministack" / "bin" / "python")
    environment = {"PATH": os.environ["PATH"], **variables}
    return float(subprocess.check_output([python, "-c", timed], env=environment, text=True))


def has_image() -> bool:
    if shutil.which("docker") is None:
        return False
    listed = subprocess.run(["docker", "images", "-q", IMAGE], capture_output=True, text=True, check=False)
    return listed.returncode == 0 and bool(listed.stdout.strip())


@pytest.fixture(scope="module", params=[HERE, CONTAINER])
def where(request: pytest.FixtureRequest) -> str:
    place: str = request.param
    if place == CONTAINER and not has_image():
        pytest.skip(f"no Docker engine with the image {IMAGE} here")
    return place


def folder_of_python(version: str) -> Path:
    """The folder of a working Python of this version, which must write the layers' bytecode. A shim may not work."""
    on_path = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    for folder in [*on_path, *Path.home().glob(f".pyenv/versions/{version}.*/bin")]:
        python = folder / f"python{version}"
        if (
            python.exists()
            and subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0
        ):
            return folder
    pytest.skip(f"no Python {version} here to write the layers' bytecode")


@pytest.fixture(scope="module")
def built(where: str) -> Path:
    if where == HERE:
        return build(BUILT, f"{sys.version_info.major}.{sys.version_info.minor}").parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder_of_python(LAMBDA_PYTHON)}{os.pathsep}{os.environ['PATH']}")
        return build(LOCAL / "cold_start", LAMBDA_PYTHON).parent


@pytest.mark.parametrize("function", CLIENTS)
def test_cold_start_over_a_bare_handler_with_the_same_clients(function: str, where: str, built: Path) -> None:
    clients = "; ".join(f"boto3.client({name!r})" for name in CLIENTS[function])
    bare_script = f"import boto3; {clients}"
    full_script = f"import app; from dashscribe.wiring import {SERVICES[function]} as s; s()"
    folders = [FOLDERS[function], "DepsLayer/python", "SharedLayer/python"]
    bare, full = (
        min(seconds)
        for seconds in zip(
            *(
                (cpu_seconds(bare_script, where, built, []), cpu_seconds(full_script, where, built, folders))
                for _ in range(ROUNDS)
            ),
            strict=True,
        )
    )
    print(f"\n{function}, {where}: bare {bare:.3f} s, dashscribe {full:.3f} s, ratio {full / bare:.2f}")
    assert full > 0


def test_the_size_of_the_layers(where: str, built: Path) -> None:
    for layer in ("DepsLayer", "SharedLayer"):
        files = [path for path in (built / layer).rglob("*") if path.is_file()]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(built / layer))
        bytecode = [path for path in files if path.suffix == ".pyc"]
        print(
            f"\n{layer}, {where}: {sum(path.stat().st_size for path in files) / 1e6:.1f} MB,"
            f" zipped {packed.tell() / 1e6:.1f} MB, {len(bytecode)} files of bytecode"
        )
        assert files
