"""What `sam build` makes: whether it is current, and its copy for the local stack."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import yaml

INPUTS = ("template.yaml", "functions", "layers", "statemachines", "requirements/sam.txt")
"""What a build depends on, besides its target. The last one pins SAM CLI."""


def digest_of_inputs(root: Path, python_version: str, architecture: str) -> str:
    """Changes with every file that a build reads, and with its target. A layer has bytecode only if its Python is on
    the PATH."""
    target = (python_version, architecture, shutil.which(f"python{python_version}"))
    digest = hashlib.sha256(repr(target).encode())
    for path in sorted(file for name in INPUTS for file in _files(root / name)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root)}\0{content}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def adapt_to_local_stack(template: Path) -> Path:
    """A copy of a built template, made once for each build. Its buckets accept plain HTTP from 127.0.0.0/8, because
    MiniStack has no TLS. Its layers are zip files, which a deployment does not pack again."""
    copy = template.with_name("local.yaml")  # in the same folder: the template's paths are relative
    if copy.exists():  # each build begins with an empty folder
        return copy
    document = yaml.safe_load(template.read_text())
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::S3::BucketPolicy":
            for statement in properties["PolicyDocument"]["Statement"]:
                statement["Condition"]["NotIpAddress"] = {"aws:SourceIp": "127.0.0.0/8"}
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            layer = template.parent / properties["ContentUri"]
            properties["ContentUri"] = Path(shutil.make_archive(str(layer), "zip", layer)).name
    unfinished = copy.with_suffix(".part")
    unfinished.write_text(yaml.safe_dump(document, sort_keys=False))
    unfinished.rename(copy)
    return copy
