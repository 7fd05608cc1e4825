"""The recordings of one `make run`: which files FILES names, and what has happened to each so far."""

from __future__ import annotations

import glob
import json
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashscribe.domain.recognition.media import SUPPORTED_EXTENSIONS
from local.processes import StackError
from local.stack import ROOT

SAMPLES = ROOT / "local" / "samples"
TERMINAL = ("SUCCEEDED", "FAILED")


@dataclass
class Recording:
    """One file of the run. `parameters` are those of its upload. `started` and `ended` are monotonic seconds."""

    path: Path
    key: str
    status: str = "waiting"
    model: str = ""
    started: float = 0.0
    ended: float | None = None
    event: dict[str, Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def elapsed(self) -> float:
        return (self.ended or time.monotonic()) - self.started if self.started else 0.0

    @property
    def detail(self) -> dict[str, Any]:
        return self.event["detail"] if self.event else {}


def recordings_of(files: str) -> list[Recording]:
    """The recordings that FILES names; the samples when it names none. Raises `StackError` for a name without a file.

    Files of the same name get different keys.
    """
    if not files.strip():
        samples = json.loads((SAMPLES / "samples.json").read_text())
        return [
            Recording(SAMPLES / sample["file"], sample["key"], parameters=sample.get("parameters", {}))
            for sample in samples
        ]
    paths = list({path.resolve(): path for path in _paths(files)}.values())
    count = Counter(path.name for path in paths)
    return [
        Recording(path, f"uploads/{path.name}" if count[path.name] == 1 else f"uploads/{number}/{path.name}")
        for number, path in enumerate(paths, start=1)
    ]


def _paths(files: str) -> Iterator[Path]:
    missing = []
    for name in _names(files):
        path = Path(name).expanduser()
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from _in_directory(path)
        elif matches := sorted(match for match in glob.glob(str(path), recursive=True) if Path(match).is_file()):
            yield from map(Path, matches)
        else:
            missing.append(name)
    if missing:
        names = ", ".join(map(repr, missing))
        raise StackError(
            f"FILES names no file, directory or matching pattern: {names}. Paths are relative to {Path.cwd()}. "
            "Put quotes around a name that contains spaces: FILES=\"'my talk.wav' b.mp4\""
        )


def _names(files: str) -> list[str]:
    """The text split as a shell splits it. A name with an apostrophe is an unclosed quotation for a shell."""
    if Path(files).expanduser().exists():
        return [files]
    try:
        return shlex.split(files)
    except ValueError:
        return files.split()


def _in_directory(folder: Path) -> list[Path]:
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower().removeprefix(".") in SUPPORTED_EXTENSIONS
    )
    if not found:
        raise StackError(f"The directory {folder} holds no recording; known are {', '.join(SUPPORTED_EXTENSIONS)}.")
    return found
