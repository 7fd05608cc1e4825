"""What `sam build` makes: whether it is current, and its copy for the local stack."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

INPUTS = ("template.yaml", "functions", "layers", "statemachines", "requirements/sam.txt")
"""What a build depends on, besides its target. The last one pins SAM CLI."""

LARGE_LAYER = "DepsLayer"
"""MiniStack unpacks the layers for each process of a function. For this one, with 1,700 files, that takes half a second
of CPU, so local stacks deploy a reference to its files."""


def digest_of_inputs(root: Path, python_version: str, architecture: str) -> str:
    """Changes with every file that a build reads, and with its target. A layer has bytecode only if its Python is on
    the PATH."""
    target = (python_version, architecture, shutil.which(f"python{python_version}"))
    found = [path for name in INPUTS for path in [root / name, *(root / name).rglob("*")]]
    sources = _digest(root, (path for path in found if "__pycache__" not in path.parts))
    return hashlib.sha256(f"{target}{sources}".encode()).hexdigest()


def _digest(folder: Path, paths: Iterable[Path]) -> str:
    """The digest of the names and contents of those paths that are files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return digest.hexdigest()


def adapt_to_local_stack(template: Path) -> Path:
    """A copy of a built template, made once for each build. It is JSON, which SAM reads faster. Its buckets accept
    plain HTTP from 127.0.0.0/8, because MiniStack has no TLS. Its layers are zip files, which a deployment does not
    pack again."""
    copy = template.with_name("local.json")  # in the same folder: the template's paths are relative
    if copy.exists():  # each build begins with an empty folder
        return copy
    document = yaml.safe_load(template.read_text())
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::S3::BucketPolicy":
            for statement in properties["PolicyDocument"]["Statement"]:
                statement["Condition"]["NotIpAddress"] = {"aws:SourceIp": "127.0.0.0/8"}
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            layer = template.parent / properties["ContentUri"]
            if name == LARGE_LAYER:
                layer = _reference(layer, template.parent.parent / "layers")
            packed = shutil.make_archive(str(template.parent / name), "zip", layer)
            properties["ContentUri"] = Path(packed).name
    unfinished = copy.with_suffix(".part")
    unfinished.write_text(json.dumps(document))
    unfinished.rename(copy)
    return copy


def _reference(layer: Path, store: Path) -> Path:
    """A layer of one file that makes Python import from a copy of `layer` in `store`. A copy is named after its content
    and never changes, so a stack that runs keeps its own."""
    kept = store / _digest(layer, layer.rglob("*"))
    if not kept.exists():
        unfinished = kept.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(layer, unfinished)
        unfinished.rename(kept)
    reference = layer.with_name(f"{layer.name}-reference")
    site_packages = reference / "python" / "lib" / "python3" / "site-packages"  # Lambda reads .pth files only there
    site_packages.mkdir(parents=True, exist_ok=True)
    (site_packages / "layer.pth").write_text(f"import sys; sys.path.insert(0, {str(kept / 'python')!r})\n")
    return reference


def disable_mappings(client: Any, function: str) -> None:
    """MiniStack 1.5.33 reports a mapping that a template creates disabled as enabled. An update corrects the state."""
    for mapping in client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
