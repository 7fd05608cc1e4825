"""The files of a finished job, and what the vendor bills for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dashscribe.domain.jobs.job import Job, Usage
from dashscribe.domain.jobs.job_report import job_report
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.received_results import DownloadedResult
from dashscribe.domain.recognition.vendor_usage import Tokens
from dashscribe.domain.transcripts.output_files import JSON, OutputFile, transcript_files
from dashscribe.domain.transcripts.outputs import DEFAULT_OUTPUTS, OUTPUTS, RenderContext
from dashscribe.domain.transcripts.result_files import ResultFolder, result_folder
from dashscribe.domain.transcripts.script_rules import SubtitleOptions

if TYPE_CHECKING:
    from dashscribe.domain.transcripts.transcript import Transcript


def result_file(result: bytes | bytearray, folder: ResultFolder) -> OutputFile:
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


def result_json(reply: JsonObject, job: Job) -> bytes | bytearray:
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


def usage_of(
    job: Job, transcript: Transcript, reported_seconds: int | None, region: Region, tokens: Tokens | None = None
) -> Usage:
    """What the vendor bills: the seconds that it reports, else the speech of each channel in whole seconds.

    Fun-ASR and Paraformer bill the speech of each channel. Qwen3-ASR filetrans reports the duration of the audio and
    bills it for each requested channel (docs/vendor-api.md#usage).
    """
    spec = job.options.spec if job.options and job.options.is_known else None
    seconds = reported_seconds
    if seconds is None and transcript.speech_ms is not None:
        seconds = sum(-(-(channel.speech_ms or 0) // 1000) for channel in transcript.channels)
    elif seconds is not None and job.options and spec and spec.usage_is_audio_duration:
        seconds *= job.options.requested_channels
    price, token_price = (spec.price(region), spec.token_price(region)) if spec else (None, None)
    cost = None
    if price is not None and seconds is not None:
        cost = round(seconds * price, 8)
    elif token_price is not None and tokens and tokens.input is not None and tokens.output is not None:
        cost = round((tokens.input * token_price[0] + tokens.output * token_price[1]) / 1_000_000, 8)
    return Usage(billed_seconds=seconds, estimated_cost_usd=cost, tokens=tokens)
