"""`sam build` works with only the tests' own Python on the PATH, with uv and without it, and builds for Lambda."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import LOCAL, ROOT


@pytest.fixture(scope="module", params=["with uv", "without uv"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    tools = folder / "tools"
    tools.mkdir()
    (tools / "python3").write_text(f'#!/bin/sh\nexec "{sys.base_prefix}/bin/python3" "$@"\n')
    (tools / "python3").chmod(0o755)
    if request.param == "with uv":
        (tools / "uv").symlink_to(LOCAL / "sam" / "bin" / "uv")
    sam = str(LOCAL / "sam" / "bin" / "sam")
    kept = {
        name: value for name, value in os.environ.items() if "CERT" in name or name.startswith(("PIP_", "SSL", "HOME"))
    }
    environment = {**kept, "PATH": f"{tools}:/usr/bin:/bin", "SAM_CLI_TELEMETRY": "0"}
    command = [sam, "build", "--build-dir", str(folder / "out"), "--no-cached", "--region", "us-east-1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_the_deps_layer_is_built_for_lambda_on_any_machine(built: Path) -> None:
    names = [path.name for path in (built / "DepsLayer" / "python").rglob("*.so")]
    assert any(name.startswith("_pydantic_core.cpython-313-aarch64") for name in names)
    assert not [name for name in names if "x86_64" in name or "cpython-311" in name]
    described = {
        path.name for path in (built / "DepsLayer" / "python" / "botocore" / "data").iterdir() if path.is_dir()
    }
    assert described == {"dynamodb", "events", "lambda", "s3", "secretsmanager", "sqs", "ssm", "stepfunctions"}


def test_the_shared_layer_is_our_whole_package(built: Path) -> None:
    source = {path.relative_to(ROOT / "layers" / "shared") for path in (ROOT / "layers" / "shared").rglob("*.py")}
    packed = {path.relative_to(built / "SharedLayer" / "python") for path in (built / "SharedLayer").rglob("*.py")}
    assert source == packed


def test_a_function_contains_only_its_handler(built: Path) -> None:
    for name in (
        "SubmitTranscriptionFunction",
        "PollTasksFunction",
        "FinalizeTranscriptionFunction",
        "BackfillUploadsFunction",
    ):
        files = {path.name for path in (built / name).rglob("*") if path.is_file()}
        assert files == {"app.py", "__init__.py"}


@pytest.mark.parametrize("layer", ["deps", "shared"])
def test_a_layer_contains_the_bytecode_of_every_module_for_its_python(layer: str, tmp_path: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    source = tmp_path / "copy"
    shutil.copytree(ROOT / "layers" / layer, source)
    (source / "dashscribe" / "__pycache__").mkdir(parents=True, exist_ok=True)
    (source / "dashscribe" / "__pycache__" / "stale.cpython-39.pyc").write_bytes(b"")
    environment = os.environ | {
        "PATH": f"{LOCAL / 'sam' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "ARTIFACTS_DIR": str(tmp_path / "out"),
        "DEPS_ARCHITECTURE": "x86_64",
        "DEPS_PYTHON_VERSION": version,
    }
    subprocess.run(["make", f"build-{layer.title()}Layer"], cwd=source, env=environment, check=True)
    modules = list((tmp_path / "out" / "python").rglob("*.py"))
    compiled = {Path(importlib.util.cache_from_source(str(path))) for path in modules}
    assert modules
    assert set((tmp_path / "out").rglob("*.pyc")) == compiled
    # Flags of PEP 552: 1 is "unchecked hash", so the modification times in a zip cannot make the bytecode stale.
    assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\0\0\0"}
