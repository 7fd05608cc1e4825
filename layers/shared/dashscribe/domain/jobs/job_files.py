"""The files of a finished job, and what the vendor bills for it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dashscribe.domain.jobs.job import Job, Usage
from dashscribe.domain.jobs.job_report import job_report
from dashscribe.domain.recognition.catalogue import Region
from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.received_results import DownloadedResult, without_signed_urls
from dashscribe.domain.transcripts.output_files import JSON, OutputFile, transcript_files
from dashscribe.domain.transcripts.result_files import ResultFolder
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
    files = job.result.files
    yield from transcript_files(transcript, files)
    yield OutputFile(files.job, job_report(job).model_dump_json(indent=2).encode(), JSON)


def result_json(reply: JsonObject, job: Job) -> bytes:
    """`result.json`: the vendor's reply, byte by byte if its bytes are known.

    Its `file_url` is our presigned URL, so the object's address replaces it. Any other signed URL loses its signature.
    """
    if isinstance(reply, DownloadedResult):
        return without_signed_urls(reply.received, job.media.s3_uri)
    kept = {**reply, "file_url": job.media.s3_uri} if "file_url" in reply else reply
    try:
        written = json.dumps(kept, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only contain as an escape
        written = json.dumps(kept).encode()
    return without_signed_urls(written, job.media.s3_uri)


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
    price = job.options.spec.price(region) if job.options else None
    cost = None if seconds is None or price is None else round(seconds * price, 8)
    return Usage(billed_seconds=seconds, estimated_cost_usd=cost)
