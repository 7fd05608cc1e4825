"""`make run`: uploads recordings and prints their transcripts, on a stack that exists for this run only."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from local.processes import StackError
from local.recordings import Recording, recordings_of
from local.stack import LOCAL, Stack, StackInfo
from local.subscriber import Subscriber

MAX_RUN_SECONDS = 3 * 3600
MAX_TRANSCRIPT_LINES = 8
"""Lines of a transcript that are printed; the file has the rest."""
LINES_AROUND_THE_TABLE = 8
"""Lines of the screen that the table's own frame, the counter and the prompt need."""
_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "SUBMITTED": "cyan"}


def run(files: str, out: Path, stack: Stack, console: Console) -> int:
    """Transcribe the recordings that `files` names (the samples if none); 0 when every one has a transcript."""
    recordings = recordings_of(files)
    with stack as info:
        transcribe(recordings, info, out, console)
    failed = [recording for recording in recordings if recording.status != "SUCCEEDED"]
    console.rule()
    if failed:
        console.print(f"[red]{len(failed)} of {len(recordings)} recordings were not transcribed:[/]")
        for recording in failed:
            console.print(f"  {escape(recording.key)}: {recording.detail['error']['code']}", soft_wrap=True)
    console.print(
        "The local recogniser is a small English model. Its errors say nothing about the quality of DashScope.",
        style="dim",
    )
    console.print(
        "Next: [bold]make run FILES='a.wav b.mp4'[/] for your own recordings, [bold]make up[/] for a stack that keeps "
        "running, [bold]make deploy[/] for AWS."
    )
    return 1 if failed else 0


def transcribe(recordings: list[Recording], info: StackInfo, out: Path, console: Console) -> None:
    """Upload the recordings, wait for their terminal events, then save and print the results."""
    console.print(f"uploading {len(recordings)} recordings to s3://{info.outputs['MediaBucketName']}", soft_wrap=True)
    subscriber = Subscriber(info)
    with Progress(recordings, console) as progress:
        _upload(recordings, info)
        _follow(recordings, subscriber, progress)
    folders, s3 = folders_for(recordings, out), info.client("s3")
    for recording in recordings:
        _save(recording, s3, folders[recording.key])
        _show(recording, folders[recording.key], console)


def _upload(recordings: list[Recording], info: StackInfo) -> None:
    s3 = info.client("s3")
    for recording in recordings:
        recording.started, recording.status = time.monotonic(), "uploaded"
        given = {"dashscribe-parameters": json.dumps(recording.parameters)} if recording.parameters else {}
        s3.upload_file(
            str(recording.path), info.outputs["MediaBucketName"], recording.key, ExtraArgs={"Metadata": given}
        )


def _follow(recordings: list[Recording], subscriber: Subscriber, progress: Progress) -> None:
    """Receive events until every recording has its terminal event."""
    by_key = {recording.key: recording for recording in recordings}
    until = time.monotonic() + MAX_RUN_SECONDS
    while not all(recording.is_terminal for recording in recordings):
        if time.monotonic() > until:
            raise StackError(f"Not finished after {MAX_RUN_SECONDS} s; the logs are in {LOCAL / 'run' / 'logs'}.")
        for event in subscriber.receive():
            recording = by_key.get(event["detail"]["media"]["key"])
            if recording is None or recording.event is not None:
                continue
            recording.status = event["detail"]["status"]
            recording.model = event["detail"]["model"] or ""
            if recording.is_terminal:
                recording.event, recording.ended = event, time.monotonic()
            progress.show(recording)


class Progress:
    """A live table on a terminal, otherwise one line for each change. At the end the whole table."""

    def __init__(self, recordings: list[Recording], console: Console) -> None:
        self._recordings = recordings
        self._console = console
        self._live = Live(get_renderable=self._rendered, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
        self._console.print(table_of(self._recordings))

    def show(self, recording: Recording) -> None:
        if not self._console.is_terminal and not self._console.record:
            self._console.print(
                f"{recording.elapsed:6.1f} s  {recording.status:<10} {recording.model:<10} {recording.key}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def _rendered(self) -> Group:
        rows = max(3, self._console.height - LINES_AROUND_THE_TABLE)
        shown = on_screen(self._recordings, rows)
        hidden = len(self._recordings) - len(shown)
        more = [Text(f"{hidden} more recordings are not shown", style="dim")] if hidden else []
        return Group(table_of(shown), *more, Spinner("dots", counter(self._recordings)))


def on_screen(recordings: list[Recording], rows: int) -> list[Recording]:
    """All recordings when they fit; otherwise the failed and the running ones first, as many as fit."""
    if len(recordings) <= rows:
        return recordings
    ranks = {"FAILED": 0, "SUBMITTED": 1, "uploaded": 2, "waiting": 3}
    unfinished = [recording for recording in recordings if recording.status in ranks]
    return sorted(unfinished, key=lambda recording: ranks[recording.status])[:rows]


def counter(recordings: list[Recording]) -> str:
    """How far the run is, such as `12 of 30 recordings finished, 1 failed, 8 at DashScope`."""
    statuses = Counter(recording.status for recording in recordings)
    finished = statuses["SUCCEEDED"] + statuses["FAILED"]
    parts = [f"{finished} of {len(recordings)} recordings finished"]
    parts += [f"{statuses['FAILED']} failed"] if statuses["FAILED"] else []
    parts += [f"{statuses['SUBMITTED']} at DashScope"] if statuses["SUBMITTED"] else []
    return ", ".join(parts)


def table_of(recordings: list[Recording]) -> Table:
    """One row a recording."""
    table = Table("file", "status", "model", "elapsed", expand=False)
    for recording in recordings:
        colour = _COLOURS.get(recording.status, "yellow")
        table.add_row(
            escape(recording.key),
            f"[{colour}]{recording.status.lower()}[/]",
            recording.model,
            f"{recording.elapsed:.1f} s",
        )
    return table


# results


def folder_for(key: str, out: Path) -> Path:
    """The folder below `out` where a key's files are saved. No key leads to a folder outside `out`."""
    parts = [re.sub(r'[\x00-\x1f<>:"|?*\\]', "_", part)[:100] for part in key.split("/")]
    return out.joinpath(*(part for part in parts if part not in ("", ".", "..")))


def folders_for(recordings: list[Recording], out: Path) -> dict[str, Path]:
    """A folder for each key: two keys that lead to the same folder get a number."""
    folders: dict[str, Path] = {}
    for recording in recordings:
        folder, number = folder_for(recording.key, out), 1
        while folder in folders.values():
            number += 1
            folder = folder_for(recording.key, out).with_name(f"{folder_for(recording.key, out).name} ({number})")
        folders[recording.key] = folder
    return folders


def _save(recording: Recording, s3: Any, folder: Path) -> None:
    """Replace the files of an earlier run by those of this one."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [folder / "event.json", folder / "job.json", folder / "result.json", *folder.glob("transcript.*")]:
        old.unlink(missing_ok=True)
    (folder / "event.json").write_text(json.dumps(recording.event, indent=2, ensure_ascii=False) + "\n")
    result = recording.detail.get("result") or {"bucket": "", "files": {}}
    for key in result["files"].values():
        s3.download_file(result["bucket"], key, str(folder / key.rsplit("/", 1)[1]))


def _show(recording: Recording, folder: Path, console: Console) -> None:
    console.rule(escape(recording.key), align="left")
    error = recording.detail.get("error")
    if error:
        console.print(f"[red]failed[/] {escape(error['code'])}: {escape(error['message'])}")
    else:
        lines = (folder / "transcript.txt").read_text().strip().splitlines()
        console.print(escape("\n".join(lines[:MAX_TRANSCRIPT_LINES])) or "(no speech)", style="bold")
        if len(lines) > MAX_TRANSCRIPT_LINES:
            console.print(f"({len(lines) - MAX_TRANSCRIPT_LINES} more lines in transcript.txt)", style="dim")
    console.print(f"{escape(str(folder))}/: {escape(file_names(folder))}", style="dim", soft_wrap=True)


def file_names(folder: Path) -> str:
    """The names in a folder, with those of one stem together: `event.json, transcript.{srt,txt}`."""
    suffixes: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        suffixes.setdefault(path.stem, []).append(path.suffix.removeprefix("."))
    return ", ".join(
        f"{stem}.{some[0]}" if len(some) == 1 else f"{stem}.{{{','.join(some)}}}" for stem, some in suffixes.items()
    )
