"""`make run`: recordings in, transcripts, files and events out, on a stack that lives as long as the run."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from local.processes import StackError
from local.stack import LOCAL, ROOT, Stack, StackInfo
from local.subscriber import Subscriber

SAMPLES = ROOT / "local" / "samples"
LONGEST_RUN_SECONDS = 3 * 3600
_ENDED = ("SUCCEEDED", "FAILED")


@dataclass
class Recording:
    """One file of the run."""

    path: Path
    key: str
    status: str = "waiting"
    model: str = ""
    started: float = 0.0
    ended: float | None = None
    event: dict[str, Any] | None = None

    @property
    def elapsed(self) -> float:
        return (self.ended or time.monotonic()) - self.started if self.started else 0.0

    @property
    def detail(self) -> dict[str, Any]:
        return self.event["detail"] if self.event else {}


def recordings_of(files: list[str]) -> list[Recording]:
    """The files that were asked for, or the samples. Raises `StackError` for one that is not there."""
    if not files:
        samples = json.loads((SAMPLES / "samples.json").read_text())
        return [Recording(SAMPLES / sample["file"], sample["key"]) for sample in samples]
    paths = [Path(name).expanduser() for name in files]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise StackError(f"FILES names what is no file: {', '.join(missing)}. Paths are relative to {Path.cwd()}.")
    times = Counter(path.name for path in paths)
    return [
        Recording(path, f"uploads/{path.name}" if times[path.name] == 1 else f"uploads/{number}/{path.name}")
        for number, path in enumerate(paths, start=1)
    ]


def run(files: list[str], out: Path, stack: Stack, console: Console) -> int:
    """The whole job; 0 when every file was transcribed."""
    recordings = recordings_of(files)
    with stack as info:
        console.print(f"uploading {len(recordings)} recordings to s3://{info.outputs['MediaBucketName']}")
        subscriber = Subscriber(info)
        for recording in recordings:
            recording.started, recording.status = time.monotonic(), "uploaded"
            info.client("s3").upload_file(str(recording.path), info.outputs["MediaBucketName"], recording.key)
        _follow(recordings, subscriber, info, console)
        for recording in recordings:
            _show(recording, _saved(recording, info, out), console)
    failed = [recording for recording in recordings if recording.status != "SUCCEEDED"]
    console.rule()
    if failed:
        console.print(f"[red]{len(failed)} of {len(recordings)} recordings were not transcribed[/]")
    console.print(
        "Go on: [bold]make run FILES='a.wav b.mp4'[/] for your own recordings, [bold]make up[/] for a stack that "
        "stays, [bold]make deploy[/] for AWS."
    )
    return 1 if failed else 0


# while it runs


def _follow(recordings: list[Recording], subscriber: Subscriber, info: StackInfo, console: Console) -> None:
    by_key = {recording.key: recording for recording in recordings}
    until = time.monotonic() + LONGEST_RUN_SECONDS
    with _Progress(recordings, console) as progress:
        while any(recording.status not in _ENDED for recording in recordings):
            if time.monotonic() > until:
                raise StackError(f"Not finished after {LONGEST_RUN_SECONDS} s; the logs are in {LOCAL / 'logs'}.")
            for event in subscriber.receive():
                recording = by_key.get(event["detail"]["media"]["key"])
                if recording is None:
                    continue
                recording.status = event["detail"]["status"]
                recording.model = event["detail"]["model"] or ""
                if recording.status in _ENDED:
                    recording.event, recording.ended = event, time.monotonic()
                progress.show(recording)


class _Progress:
    """A live table on a terminal, else a plain line for each change."""

    def __init__(self, recordings: list[Recording], console: Console) -> None:
        self._recordings = recordings
        self._console = console
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> _Progress:
        if self._console.is_terminal:
            self._live.start()
        else:
            for recording in self._recordings:
                self.show(recording)
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, recording: Recording) -> None:
        if not self._console.is_terminal:
            print(
                f"{recording.elapsed:6.1f} s  {recording.status:<10} {recording.model:<10} {recording.key}", flush=True
            )

    def _table(self) -> Group:
        table = Table("file", "status", "model", "elapsed", expand=False)
        colours = {"SUCCEEDED": "green", "FAILED": "red", "SUBMITTED": "cyan"}
        for recording in self._recordings:
            colour = colours.get(recording.status, "yellow")
            table.add_row(
                escape(recording.key),
                f"[{colour}]{recording.status.lower()}[/]",
                recording.model,
                f"{recording.elapsed:.1f} s",
            )
        working = any(recording.status not in _ENDED for recording in self._recordings)
        return Group(table, Spinner("dots", "transcribing")) if working else Group(table)


# at the end


def folder_for(key: str, out: Path) -> Path:
    """Where a key's files are saved: below `out`, whatever the key is made of."""
    parts = [re.sub(r'[\x00-\x1f<>:"|?*\\]', "_", part)[:100] for part in key.split("/")]
    return out.joinpath(*(part for part in parts if part not in ("", ".", "..")))


def _saved(recording: Recording, info: StackInfo, out: Path) -> Path:
    folder = folder_for(recording.key, out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "event.json").write_text(json.dumps(recording.event, indent=2, ensure_ascii=False))
    result = recording.detail.get("result") or {"bucket": "", "files": {}}
    for key in result["files"].values():
        info.client("s3").download_file(result["bucket"], key, str(folder / key.rsplit("/", 1)[1]))
    return folder


def _show(recording: Recording, folder: Path, console: Console) -> None:
    console.rule(escape(recording.key), align="left")
    error = recording.detail.get("error")
    if error:
        console.print(f"[red]failed[/] {escape(error['code'])}: {escape(error['message'])}")
    else:
        text = (folder / "transcript.txt").read_text().strip()
        console.print(escape(text) or "(no speech)", style="bold")
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    console.print(f"saved  {escape(str(folder))}/: {names}")
    console.print("event  " + escape(json.dumps(recording.event, ensure_ascii=False)), style="dim", soft_wrap=True)
