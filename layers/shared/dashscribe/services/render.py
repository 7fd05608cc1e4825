"""Renders the files of finished jobs again, from their stored `result.json`. The vendor is not called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from dashscribe.domain.jobs.job_report import Rendering
from dashscribe.domain.recognition.received_results import parse_result
from dashscribe.domain.recognition.stored_results import read_result
from dashscribe.domain.timestamps import Timestamp
from dashscribe.domain.transcripts.output_files import JSON
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, FIRST_OUTPUTS, OUTPUTS, RenderContext
from dashscribe.domain.transcripts.result_files import JOB_JSON, RESULT_JSON, TRANSCRIPT_JSON
from dashscribe.domain.transcripts.script_rules import SubtitleOptions
from dashscribe.domain.transcripts.transcript import Transcript, transcript_json
from dashscribe.errors import UnknownResult
from dashscribe.services.ports import Clock


class FileFolder(Protocol):
    """The files of one job, by their names. `write` replaces a file."""

    def read(self, name: str) -> bytes | None:
        """The file; None when there is none."""
        ...

    def write(self, name: str, body: bytes, content_type: str) -> None: ...


@dataclass(frozen=True)
class Choice:
    """What the user chooses. None means: as `job.json` says."""

    outputs: tuple[str, ...] | None = None
    subtitles: SubtitleOptions | None = None


@dataclass(frozen=True)
class Rendered:
    """The names of the files that were written, because they changed, and of those that are as before."""

    changed: list[str]
    unchanged: list[str]
    subtitle_warnings: dict[str, int]


class _ReportedMedia(BaseModel):
    bucket: str
    key: str


class _ReportedOptions(BaseModel):
    model: str
    outputs: tuple[str, ...] = FIRST_OUTPUTS
    subtitles: SubtitleOptions | None = None


class _ReportedTiming(BaseModel):
    uploaded_at: Timestamp


class _StoredReport(BaseModel):
    """What rendering reads of `job.json`. Fields of other versions are ignored."""

    model_config = ConfigDict(extra="ignore")

    job_id: str
    media: _ReportedMedia
    options: _ReportedOptions | None = None
    timing: _ReportedTiming


def render_files(source: FileFolder, target: FileFolder, choice: Choice) -> Rendered:
    """Render the outputs from `result.json` of `source` into `target`. `job.json` of the source is used if it exists.

    Raises `UnknownResult` when there is no result, or when a file has an unknown shape.
    """
    transcript, context, _ = _read(source, choice)
    return _written(transcript, context, target)


def render_again(folder: FileFolder, choice: Choice, clock: Clock, version: str) -> Rendered:
    """Render a job's files where they are, and record that in its `job.json`. What stays the same is not written.

    Raises `UnknownResult` as above, also when there is no `job.json`.
    """
    transcript, context, report = _read(folder, choice)
    if report is None:
        raise UnknownResult(f"There is no {JOB_JSON}, so this is not the folder of a finished job.")
    changed: list[str] = []
    unchanged: list[str] = []
    _write(folder, TRANSCRIPT_JSON, bytes(transcript_json(transcript)), JSON, changed, unchanged)
    rendered = _written(transcript, context, folder)
    changed += rendered.changed
    unchanged += rendered.unchanged
    if changed:
        folder.write(JOB_JSON, _recorded(report, context, clock(), version), JSON)
        changed.append(JOB_JSON)
    return Rendered(changed, unchanged, rendered.subtitle_warnings)


def _read(folder: FileFolder, choice: Choice) -> tuple[Transcript, RenderContext, dict[str, Any] | None]:
    document = _parsed(folder, RESULT_JSON)
    if document is None:
        raise UnknownResult(f"There is no {RESULT_JSON}.")
    report = _parsed(folder, JOB_JSON)
    try:
        stored = None if report is None else _StoredReport.model_validate(report)
    except ValidationError as error:
        raise UnknownResult(f"{JOB_JSON} has an unknown shape.") from error
    options = stored.options if stored else None
    transcript = read_result(
        document,
        job_id=stored.job_id if stored else "",
        model=options.model if options else "",
        media=f"s3://{stored.media.bucket}/{stored.media.key}" if stored else _named_recording(document),
    )
    outputs = choice.outputs
    if outputs is None:
        outputs = options.outputs if options else DEFAULT_OUTPUTS
    context = RenderContext(
        subtitle_options=choice.subtitles or (options and options.subtitles) or SubtitleOptions(),
        date=stored.timing.uploaded_at.date().isoformat() if stored else None,
        outputs=[name for name in OUTPUTS if name in outputs],
    )
    return transcript, context, report


def _parsed(folder: FileFolder, name: str) -> Any:
    body = folder.read(name)
    if body is None:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        try:
            document = parse_result(body)  # a result is stored as received, also if it is not quite JSON
        except ValueError as error:
            raise UnknownResult(f"{name} is not JSON.") from error
    if document is None:
        raise UnknownResult(f"{name} is JSON, but not an object.")
    return document


def _named_recording(document: Any) -> str:
    """The recording that a result names. Of a web address only the file's name: the rest may hold a signature."""
    address = document.get("file_url") if isinstance(document, dict) else None
    if not isinstance(address, str) or address.startswith("s3://"):
        return address if isinstance(address, str) else ""
    return unquote(urlsplit(address).path.rpartition("/")[2])


def _written(transcript: Transcript, context: RenderContext, folder: FileFolder) -> Rendered:
    changed: list[str] = []
    unchanged: list[str] = []
    for name in context.outputs:
        output = OUTPUTS[name]
        body = output.render(transcript, context)
        _write(folder, output.file_name, body, output.content_type, changed, unchanged)
    return Rendered(changed, unchanged, context.subtitle_warnings)


def _write(
    folder: FileFolder, name: str, body: bytes, content_type: str, changed: list[str], unchanged: list[str]
) -> None:
    if folder.read(name) == body:
        unchanged.append(name)
    else:
        folder.write(name, body, content_type)
        changed.append(name)


def _recorded(report: dict[str, Any], context: RenderContext, now: datetime, version: str) -> bytes:
    """`job.json` with one more entry. Fields that this version does not know are kept."""
    entry = Rendering(
        rendered_at=now,
        outputs=tuple(context.outputs),
        version=version,
        subtitle_warnings=context.subtitle_warnings,
    )
    earlier = report.get("renderings") or []
    warnings = {"subtitle_warnings": context.subtitle_warnings} if context.has_subtitles else {}
    recorded = {**report, **warnings, "renderings": [*earlier, entry.model_dump(mode="json")]}
    return json.dumps(recorded, indent=2, ensure_ascii=False).encode()
