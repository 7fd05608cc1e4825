"""A stack builds only what has changed, and several stacks deploy one build."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local import stack
from local.built_template import INPUTS, LARGE_LAYER, adapt_to_local_stack, digest_of_inputs
from local.processes import StackError
from local.stack import ROOT, build

TEMPLATE = """
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: Layer}
  Function:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: Function}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      PolicyDocument:
        Statement:
        - {Effect: Deny, Condition: {Bool: {"aws:SecureTransport": "false"}}}
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A repository with every input of a build."""
    root = tmp_path / "root"
    for name in INPUTS:
        file = root / name if "." in name else root / name / "part" / "app.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return root


@pytest.fixture
def builds(sources: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subcommands of SAM so far. A build with the text `broken` in its template fails half-way."""
    ran: list[str] = []

    def sam(arguments: Sequence[str], *_: Any) -> None:
        ran.append(arguments[0])
        folder = Path(arguments[arguments.index("--build-dir") + 1])
        folder.mkdir(parents=True)
        (folder / "template.yaml").write_text((sources / "template.yaml").read_text())
        if (sources / "template.yaml").read_text() == "broken":
            raise StackError("no")

    monkeypatch.setattr(stack, "_sam", sam)
    monkeypatch.setattr(stack, "ROOT", sources)
    return ran


def test_an_unchanged_build_is_used_again(builds: list[str], sources: Path, tmp_path: Path) -> None:
    first = build(tmp_path / "built", "3.13")
    (sources / "layers" / "part" / "__pycache__").mkdir()
    (sources / "layers" / "part" / "__pycache__" / "app.cpython-313.pyc").write_bytes(b"bytecode")
    assert build(tmp_path / "built", "3.13") == first
    assert builds == ["build"]


@pytest.mark.parametrize("name", INPUTS)
def test_a_change_of_any_input_builds_again(name: str, builds: list[str], sources: Path, tmp_path: Path) -> None:
    build(tmp_path / "built", "3.13")
    file = sources / name
    (file if file.is_file() else file / "part" / "app.py").write_text("changed")
    build(tmp_path / "built", "3.13")
    if file.is_dir():
        (file / "new.py").write_text("")
        build(tmp_path / "built", "3.13")
    assert builds == ["build"] * (3 if file.is_dir() else 2)


def test_another_python_builds_again(builds: list[str], tmp_path: Path) -> None:
    build(tmp_path / "built", "3.13")
    build(tmp_path / "built", "3.12")
    assert builds == ["build"] * 2


def test_a_build_that_was_deleted_or_failed_is_made_again(builds: list[str], sources: Path, tmp_path: Path) -> None:
    build(tmp_path / "built", "3.13").unlink()
    build(tmp_path / "built", "3.13")
    (sources / "template.yaml").write_text("broken")
    for _ in range(2):
        with pytest.raises(StackError):
            build(tmp_path / "built", "3.13")
    assert builds == ["build"] * 4


def test_the_inputs_of_a_build_exist() -> None:
    assert [name for name in INPUTS if not (ROOT / name).exists()] == []
    assert digest_of_inputs(ROOT, "3.13", "arm64") != digest_of_inputs(ROOT, "3.13", "x86_64")


def test_a_local_stack_deploys_packed_layers_and_accepts_plain_http(tmp_path: Path) -> None:
    (tmp_path / "Layer" / "python").mkdir(parents=True)
    (tmp_path / "Layer" / "python" / "module.py").write_text("x = 1")
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    adapted = adapt_to_local_stack(template)
    resources = json.loads(adapted.read_text())["Resources"]
    assert resources["Layer"]["Properties"]["ContentUri"] == "Layer.zip"
    with zipfile.ZipFile(tmp_path / "Layer.zip") as layer:
        assert layer.read("python/module.py") == b"x = 1"
    assert resources["Function"]["Properties"] == {"CodeUri": "Function"}
    [statement] = resources["Policy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "Bool": {"aws:SecureTransport": "false"},
        "NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"},
    }


def test_functions_import_from_a_copy_of_the_large_layer_that_later_builds_leave_alone(tmp_path: Path) -> None:
    folder = tmp_path / "build of 'mine'" / "template"
    module = folder / LARGE_LAYER / "python" / "module.py"
    for text in ("x = 1", "x = 2"):
        shutil.rmtree(folder, ignore_errors=True)
        module.parent.mkdir(parents=True)
        module.write_text(text)
        (folder / "template.yaml").write_text(
            TEMPLATE.replace("Layer", LARGE_LAYER).replace(f"Serverless::{LARGE_LAYER}", "Serverless::Layer")
        )
        adapt_to_local_stack(folder / "template.yaml")
        with zipfile.ZipFile(folder / f"{LARGE_LAYER}.zip") as layer:
            layer.extractall(tmp_path / text)
    for text in ("x = 1", "x = 2"):
        [site_packages] = (tmp_path / text).glob("python/lib/*/site-packages")
        script = f"import site; site.addsitedir({str(site_packages)!r}); import module; print('x =', module.x)"
        imported = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert imported.stdout.strip() == text


def test_a_build_is_adapted_once(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text("Resources: {}")
    before = adapt_to_local_stack(template).stat()
    assert adapt_to_local_stack(template).stat() == before
