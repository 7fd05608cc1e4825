"""The files of a finished job, and what the vendor bills for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashscribe.domain.jobs.job import Job, Usage
from dashscribe.domain.jobs.job_report import job_report
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.received_results import DownloadedResult
from dashscribe.domain.transcripts.output_files import JSON, OutputFile, transcript_files
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS, RenderContext
from dashscribe.domain.transcripts.result_files import ResultFolder, result_folder
from dashscribe.domain.transcripts.script_rules import SubtitleOptions

if TYPE_CHECKING:
    from dashscribe.domain.transcripts.transcript import Transcript


def result_file(result: bytes, folder: ResultFolder) -> OutputFile:
    """`result.json`. It is what was paid for, so it is stored before anything of it is understood."""
    return OutputFile(folder.files.result, result, JSON)


def job_files(transcript: Transcript, job: Job) -> Iterator[OutputFile]:
    """Every other file of a job, in the order in which they are stored.

    Each file is rendered when it is stored, because together they take several times the memory of a long result.
    """
    if job.result is None:
        raise ValueError("a job without a result folder")
    files, context = job.result.files, render_context(job)
    yield from transcript_files(transcript, files, context)
    report = job_report(job, context.subtitle_warnings)
    yield OutputFile(files.job, report.model_dump_json(indent=2).encode(), JSON)


def job_result_folder(results_bucket: str, job: Job) -> ResultFolder:
    """Where the files of this job are stored, and which ones its options choose."""
    outputs = job.options.outputs if job.options else DEFAULT_OUTPUTS
    return result_folder(results_bucket, job.media.key, job.job_id, outputs)


def render_context(job: Job) -> RenderContext:
    """What the files of this job show beyond its transcript."""
    subtitle_options = job.options.subtitles if job.options else None
    return RenderContext(
        subtitle_options=subtitle_options or SubtitleOptions(),
        date=job.uploaded_at.date().isoformat(),
        outputs=[name for name in OUTPUTS if job.result and name in job.result.outputs],
    )


def failure_file(job: Job, results_bucket: str) -> OutputFile:
    """`job.json` of a failed job: the reason, where the files of the transcript would be."""
    key = result_folder(results_bucket, job.media.key, job.job_id).files.job
    return OutputFile(key, job_report(job).model_dump_json(indent=2).encode(), JSON)


def result_json(reply: JsonObject, job: Job) -> bytes:
    """`result.json`: the vendor's reply, byte by byte if its bytes are known. `remove_secrets` must have changed it.

    Its `file_url` is our presigned URL, so the object's address replaces it.
    """
    if isinstance(reply, DownloadedResult):
        return reply.received
    kept = {**reply, "file_url": job.media.s3_uri} if "file_url" in reply else reply
    # A lone surrogate cannot be encoded. Its Python escape is also its JSON escape.
    return json.dumps(kept, ensure_ascii=False).encode("utf-8", "backslashreplace")


def transcript_names(job: Job) -> dict[str, str]:
    """The job's id, model and media as `neutral` and `empty` name them."""
    return {"job_id": job.job_id, "model": job.options.model if job.options else "", "media": job.media.s3_uri}


def usage_of(job: Job, transcript: Transcript, billed_seconds: int | None, region: Region) -> Usage:
    """What the vendor bills: its own `billed_seconds`, else the speech of each channel, rounded up to whole seconds.

    Fun-ASR and Paraformer bill speech (docs/vendor-api.md#usage). Models that bill tokens have no cost.
    """
    seconds = billed_seconds
    if seconds is None and transcript.speech_ms is not None:
        seconds = sum(-(-(channel.speech_ms or 0) // 1000) for channel in transcript.channels)
    price = job.options.spec.price(region) if job.options and job.options.is_known else None
    cost = None if seconds is None or price is None else round(seconds * price, 8)
    return Usage(billed_seconds=seconds, estimated_cost_usd=cost)
